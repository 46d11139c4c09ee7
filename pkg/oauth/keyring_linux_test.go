package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// keyringUser makes the test binary a process that uses a vault in the named directory, with the keyring that it finds.
const keyringUser = "MCPPROXY_TEST_KEYRING_USER"

// used is what it reports.
type used struct {
	Read, Unsafe, Write, Warning string
	Sealed, Missing              bool
	Took                         time.Duration
}

func TestKeyringUser(t *testing.T) {
	dir := os.Getenv(keyringUser)
	if dir == "" {
		return // not a test: the process of the others
	}
	var warning bytes.Buffer
	v := newVault(store.Open(dir), zerolog.New(&warning))
	var u used
	start := time.Now()
	var r testRecord
	if err := v.read("shared", &r); err != nil {
		u.Unsafe, u.Sealed, u.Missing = err.Error(), errors.Is(err, errSealed), errors.Is(err, os.ErrNotExist)
	}
	u.Read = r.Refresh
	if name := os.Getenv(keyringUser + "_WRITE"); name != "" {
		if err := v.write(name, testRecord{plantedToken, 1}); err != nil {
			u.Write = err.Error()
		}
	}
	u.Took, u.Warning = time.Since(start), warning.String()
	json.NewEncoder(os.Stdout).Encode(u)
	os.Exit(0)
}

// A desktop is a session bus with, perhaps, a gnome-keyring of its own.
type desktop struct {
	t    *testing.T
	home string
	s    *store.Store
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
				t.Fatalf("%s is not installed (Debian: dbus, gnome-keyring)", program)
			}
			t.Skipf("needs %s (Debian: dbus, gnome-keyring)", program)
		}
	}
	home := t.TempDir()
	return &desktop{t, home, store.Open(filepath.Join(home, "state"))}
}

// use runs users of the vault one after another, each of which writes the named record. With start, on a new session bus, after
// those shell commands.
func (d *desktop) use(start string, records ...string) (reports []used) {
	d.t.Helper()
	var users []string
	for _, name := range records {
		users = append(users, keyringUser+"_WRITE="+name+` "$0" -test.run='^TestKeyringUser$'`)
	}
	script := strings.Join(users, " && ")
	cmd := exec.Command("/bin/sh", "-c", script, os.Args[0])
	if start != "" {
		cmd = exec.Command("dbus-run-session", "--", "sh", "-c", start+" && "+script, os.Args[0])
	}
	runtime := filepath.Join(d.home, "run")
	os.MkdirAll(runtime, 0o700)
	cmd.Env = []string{"HOME=" + d.home, "XDG_RUNTIME_DIR=" + runtime, "XDG_DATA_HOME=" + d.home + "/data", "XDG_CONFIG_HOME=" + d.home + "/config",
		"XDG_CACHE_HOME=" + d.home + "/cache", "XDG_STATE_HOME=" + d.home + "/state", "GORACE=atexit_sleep_ms=0", keyringUser + "=" + d.s.Dir()}
	if start != "" {
		cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second // a daemon may keep the output
	ended := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer ended.Stop()
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		d.t.Fatalf("%v\n%s\n%s", err, &out, &errs)
	}
	for line := range strings.Lines(out.String()) {
		var u used
		if json.Unmarshal([]byte(line), &u) == nil {
			reports = append(reports, u)
		}
	}
	if len(reports) != len(records) {
		d.t.Fatalf("%d reports of %d\n%s\n%s", len(reports), len(records), &out, &errs)
	}
	for _, u := range reports {
		if text := fmt.Sprint(u.Unsafe, u.Write, u.Warning); strings.Contains(text, "planted") {
			d.t.Errorf("the token is told: %s", text)
		}
	}
	return reports
}

const (
	unlocked = `printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1`
	// The login keyring is there, and nobody can be asked for its password.
	locked = `gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1`
	byBus  = `true` // the bus starts the Secret Service when it is asked for
)

// promptly is more than all that a slow keyring may take.
const promptly = 8 * time.Second

func TestRealKeyring(t *testing.T) {
	d := newDesktop(t)
	first := d.use(unlocked, "shared", "other")
	if !first[0].Missing || first[0].Write != "" || first[0].Warning != "" {
		t.Fatalf("unlocked: %+v", first[0])
	}
	if first[1].Read != plantedToken || first[1].Unsafe != "" || first[1].Took > promptly {
		t.Errorf("a second process: %+v", first[1])
	}
	for _, name := range []string{"shared", "other"} {
		if text := file(t, d.s, name); strings.Contains(text, "planted") || !strings.Contains(text, `"sealed"`) {
			t.Errorf("the file: %s", text)
		}
	}

	for name, start := range map[string]string{"locked": locked, "started by the bus": byBus, "no bus": ""} {
		shared, record := file(t, d.s, "shared"), strings.ReplaceAll(name, " ", "-")
		u := d.use(start, record)[0]
		if !u.Sealed || u.Read != "" || u.Took > promptly {
			t.Errorf("%s: %+v", name, u)
		}
		if u.Write != "" || strings.Count(u.Warning, "\n") != 1 || !strings.Contains(u.Warning, "unencrypted") {
			t.Errorf("%s: %+v", name, u)
		}
		if !strings.Contains(file(t, d.s, record), `"plain"`) || file(t, d.s, "shared") != shared {
			t.Errorf("%s: the files are not as they should be", name)
		}
		t.Logf("%s: %s, %s", name, u.Took, u.Unsafe)
	}

	again := d.use(unlocked, "locked", "shared")
	if again[0].Read != plantedToken || again[0].Write != "" || strings.Contains(file(t, d.s, "locked"), "planted") {
		t.Errorf("unlocked again: %+v", again[0])
	}
}
