package cli

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// desktop is a session bus with a notification service that a person looks at.
type desktop struct {
	address string
	conn    *dbus.Conn

	mu     sync.Mutex
	shown  []string
	closed []uint32
}

// Notify and CloseNotification are of the Desktop Notifications Specification.
func (d *desktop) Notify(app string, _ uint32, _, _, body string, _ []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if transient, _ := hints["transient"].Value().(bool); app != "mcpproxy-stdio" || !transient {
		return 0, dbus.MakeFailedError(os.ErrInvalid)
	}
	d.shown = append(d.shown, body)
	return uint32(len(d.shown)), nil
}

func (d *desktop) CloseNotification(id uint32) *dbus.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = append(d.closed, id)
	return nil
}

// digits are those of the last notification, the one with this number.
func (d *desktop) digits(t *testing.T, n int) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		d.mu.Lock()
		all := d.shown
		d.mu.Unlock()
		if len(all) == n {
			return regexp.MustCompile(`\b\d{4}\b`).FindString(all[n-1])
		}
	}
	t.Fatal("nothing is shown on the desktop")
	return ""
}

// newDesktop starts a bus, with a notification service if it is one of a desktop.
func newDesktop(t *testing.T, service bool) *desktop {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("dbus-daemon is not there (Debian: dbus)")
	}
	if sessionBus() != os.Getenv("DBUS_SESSION_BUS_ADDRESS") {
		t.Skip("this is a real desktop session, whose bus is used whatever the environment says")
	}
	daemon := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	out, err := daemon.StdoutPipe()
	if err == nil {
		err = daemon.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Process.Kill(); daemon.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	d := &desktop{address: strings.TrimSpace(address)}
	if !service {
		return d
	}
	if d.conn, err = dbus.Connect(d.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.conn.Close() })
	if err := d.conn.Export(d, notificationsPath, notifications); err != nil {
		t.Fatal(err)
	}
	if got, err := d.conn.RequestName(notifications, 0); err != nil || got != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(got, err)
	}
	return d
}

var onDesktop = regexp.MustCompile(`Type "([^"]*)()" and the four digits of the desktop notification ([^:]*): $`)

func TestDigitsOnTheDesktop(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, true)
	p := workshop(t, clean(0))
	p.env = append(p.env, "DBUS_SESSION_BUS_ADDRESS="+d.address)
	p.write("config.json", map[string]any{"mine": server(clean(0))}, "approval_confirm", "desktop")
	typed := func(s *screen, to string, n int) {
		t.Helper()
		name := s.wait(onDesktop, to)[1]
		digits := d.digits(t, n)
		if digits == "" || strings.Contains(s.String(), digits) {
			t.Errorf("the digits %q are on the terminal:\n%s", digits, s)
		}
		time.Sleep(thinking)
		s.await("", name+" "+digits+"\n")
	}
	s := p.open(nil, "approve", "tools")
	typed(s, askStart, 1)
	typed(s, "once more", 2)
	s.wait(onDesktop, askServer)
	time.Sleep(thinking)
	s.await("", "tools\n") // without the digits
	s.end(1)
	p.wantState(proposed, "tools", quarantine.HeldDefinitions)
	d.mu.Lock()
	if len(d.shown) != 3 || len(d.closed) != 3 {
		t.Errorf("%d shown, %d closed", len(d.shown), len(d.closed))
	}
	d.shown, d.closed = nil, nil
	d.mu.Unlock()

	// An edit of the file does not take it back; only a person does, with the digits of the desktop.
	p.write("config.json", map[string]any{"mine": server(clean(0))})
	s = p.open(nil, "approve", "tools")
	typed(s, askServer, 1)
	typed(s, "once more", 2)
	s.end(0)
	s = p.open(nil, "approve", "--policy")
	s.await("on the terminal; until now in a desktop", "")
	typed(s, "to confirm.*", 3)
	typed(s, "once more", 4)
	s.end(0)
	p.write(proposed, map[string]any{"tools": server(clean(1)), "more": server(clean(0))})
	s = p.open(nil, "approve", "more")
	s.answer(askStart, "no\n")
	s.end(1)
}

// Where nothing can be shown, nothing is approved.
func TestNoDesktopToShowDigitsOn(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*desktop{"no bus": {address: "unix:path=/nowhere"}, "no service": newDesktop(t, false)} {
		t.Run(name, func(t *testing.T) {
			p := workshop(t, clean(0))
			p.env = append(p.env, "DBUS_SESSION_BUS_ADDRESS="+d.address)
			p.write("config.json", map[string]any{"mine": server(clean(0))}, "approval_confirm", "desktop")
			if text := flat(p.open(nil, "approve", "tools").end(1)); !strings.Contains(text, "approval_confirm") || !strings.Contains(text, "Run the command in a terminal of your desktop session") {
				t.Errorf("the terminal shows\n%s", text)
			}
			p.wantState(proposed, "tools", quarantine.HeldLaunch)
			if text := p.open(nil, "review", "tools").end(0); shownCode(text) != "" {
				t.Errorf("a code is shown:\n%s", text)
			}
		})
	}
}

func flat(text string) string {
	return strings.Join(strings.Fields(ownSGR.ReplaceAllString(text, "")), " ")
}
