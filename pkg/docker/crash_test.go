//go:build unix

package docker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// envCrash makes this program an owner that is about to be killed: it says how far it is and goes no further.
const envCrash = "MCPPROXY_DOCKER_CRASH"

type crash struct {
	Host, Dir string
	Phase     string // note, create, start
}

func crashOwner(order string) {
	var c crash
	if err := json.Unmarshal([]byte(order), &c); err != nil {
		panic(err)
	}
	endpoint, err := FindEndpoint(c.Host, []string{"DOCKER_CONFIG=" + c.Dir})
	if err != nil {
		panic(err)
	}
	o := NewOwner(store.Open(c.Dir), zerolog.Nop())
	spec := Spec{Server: "probe", Endpoint: endpoint, Command: "/probe", Args: []string{"-ignore-eof", "-ignore-term"}, Sign: func() {}, Stderr: io.Discard, Log: zerolog.Nop(),
		Isolation: config.Isolation{Image: probeImage, Network: config.NetworkNone, Pull: config.PullNever}}
	k := o.New(spec)
	switch c.Phase {
	case "note":
		err = o.note(endpoint.way)
	case "create":
		if k.engine, err = endpoint.open(); err == nil {
			err = k.create(probeImage, "")
		}
	default:
		k.Start()
		select {
		case <-k.attached:
		case <-k.Ended():
			err = k.Err()
		}
	}
	fmt.Println(o.id, err)
	time.Sleep(mcptest.Lifetime)
	os.Exit(0)
}

// crashed runs an owner up to a phase, kills it, and gives its id.
func crashed(t *testing.T, host, dir, phase string) string {
	t.Helper()
	order, err := json.Marshal(crash{host, dir, phase})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), envCrash+"="+string(order))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	id, said, _ := strings.Cut(strings.TrimSpace(line), " ")
	if said != "<nil>" {
		t.Fatal(said)
	}
	return id
}

// owned are the containers of an owner, by their states.
func owned(e *mcptest.Engine, id string) (states []string) {
	for _, c := range e.Containers(LabelOwner + "=" + id) {
		states = append(states, string(c.State))
	}
	return states
}

// files are what an owner's store has of ledgers and their locks.
func files(r *rig) (names []string) {
	for _, pattern := range []string{filepath.Join(r.dir, ledgers, "*.json"), filepath.Join(r.store.Locks(), "containers-*.json.held")} {
		found, _ := filepath.Glob(pattern)
		names = append(names, found...)
	}
	return names
}

func (r *rig) sweptBy(long time.Duration) *rig {
	r.settled, r.retry = long, 20*time.Millisecond
	return r
}

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// What a crashed owner has left is removed by the next of its store, and nothing else is.
func TestACrashedOwnersContainersAreRemoved(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	dir := filepath.Join(t.TempDir(), "state")
	leaves := map[string][]string{"note": nil, "create": {"created"}, "start": {"running"}}
	var ids []string
	for phase, want := range leaves {
		id := crashed(t, e.Host, dir, phase)
		ids = append(ids, id)
		if got := owned(e, id); !slices.Equal(got, want) {
			t.Errorf("killed after %s it has left %q", phase, got)
		}
	}
	elsewhere := newRig(t, e.Host).sweptBy(0)
	other := crashed(t, e.Host, elsewhere.dir, "start") // of another store
	alive := newRigIn(t, dir, e.Host)                   // of this store, and living
	living := alive.start(alive.spec()).running()

	r := newRigIn(t, dir, e.Host).sweptBy(0)
	r.Sweep()
	r.Sweep()
	for _, id := range ids {
		if left := e.WaitNoContainers(patience, LabelOwner+"="+id); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	waitFor(t, "only the living one's note is left", func() bool { return len(files(r)) == 2 })
	if got := files(r); !strings.Contains(got[0], alive.Owner.id) || !strings.Contains(got[1], alive.Owner.id) {
		t.Errorf("%q", got)
	}
	if got := living.ask("echo I live"); got != "I live" {
		t.Error(got)
	}
	if got := owned(e, other); !slices.Equal(got, []string{"running"}) {
		t.Errorf("the other store's: %q", got)
	}
	if got := strings.Count(r.log.String(), "removed the leftovers of a crashed proxy"); got != 2 {
		t.Errorf("%d removals: %s", got, r.log)
	}
	elsewhere.Sweep()
	if left := e.WaitNoContainers(patience, LabelOwner+"="+other); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	living.Kill()
	living.await(living.Gone(), "its removal")
	alive.Close(patience)
	if got := files(alive); len(got) > 0 {
		t.Errorf("closed in peace, it has left %q", got)
	}
}

// A server that obeys the end of its input needs no sweep.
func TestTheNoteComesFirst(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	if got := files(r); got != nil {
		t.Errorf("noted before anything is made: %q", got)
	}
	spec := r.spec()
	noted := false
	spec.Admit = func(string) error { noted = len(files(r)) > 0; return nil }
	r.start(spec).running()
	if noted {
		t.Error("noted before it is admitted")
	}
	text, err := r.store.Read(r.ledger())
	if err != nil || !strings.Contains(string(text), e.Host) {
		t.Errorf("%s, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(r.dir, r.ledger())); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	r.start(r.spec()).running()
	if again, _ := r.store.Read(r.ledger()); string(again) != string(text) {
		t.Errorf("noted twice: %s", again)
	}
}

// Where it cannot be noted nothing is made.
func TestNothingIsMadeWithoutANote(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"state": "a file"})
	r := newRigIn(t, filepath.Join(dir, "state"), e.Host)
	fails(t, r.start(r.spec()).end(), "could not be recorded", "state directory writable")
	if got := owned(e, r.Owner.id); got != nil {
		t.Errorf("%q", got)
	}
}
