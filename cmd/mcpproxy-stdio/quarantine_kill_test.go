package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// envClerk makes this program a clerk: a process that works on the book, and tells of each step on stdout before and after it.
// Its value is the state directory and a seed.
const envClerk = "MCPPROXY_TEST_CLERK"

func init() {
	if dir, seed, ok := strings.Cut(os.Getenv(envClerk), "\n"); ok {
		n, _ := strconv.ParseUint(seed, 10, 64)
		clerk(dir, n)
		os.Exit(0)
	}
}

const clerksFile = "/nowhere/clerk.json"

// clerksServer is the entry of a clerk's server, in one of its versions: each has a launch, and so a digest, of its own.
func clerksServer(name, version string) *config.Server {
	c, err := config.Parse(clerksFile, []byte(`{"mcpServers":{"`+name+`":{"command":"x","args":["`+version+`"]}}}`))
	if err != nil {
		panic(err)
	}
	return c.Server(name)
}

func clerksTools(s *config.Server, version string) *catalog.Snapshot {
	live := &catalog.Snapshot{Launch: s.LaunchKey(), Taken: time.Now()}
	for i := range 3 {
		live.Items[catalog.Tools] = append(live.Items[catalog.Tools], fmt.Appendf(nil, `{"name":"t%d","description":"text","inputSchema":{"type":"object","title":"%s"}}`, i, version))
	}
	return live
}

func harmless(quarantine.Item) scan.Severity { return scan.Info }

// clerk does one thing after another until it is killed: it adds a server, approves it by code in two steps, learns what it changed
// to and approves that, and rejects it.
func clerk(dir string, seed uint64) {
	b := quarantine.NewBook(store.Open(dir))
	b.CodeCost = 1 // the kills are to hit the writes
	say := func(what ...any) { os.Stdout.WriteString(fmt.Sprintln(what...)) }
	step := func(what, name, version string, do func() error) {
		say("begin", what, name, version)
		if err := do(); err != nil {
			say("failed", what, name, version, strings.ReplaceAll(err.Error(), "\n", " "))
			os.Exit(1)
		}
		say("done", what, name, version)
	}
	for round := 0; ; round++ {
		name, version := fmt.Sprintf("s%d-%d", seed, round%3), fmt.Sprintf("v%d-%d", seed, round)
		s := clerksServer(name, version)
		update := func(change func(r *quarantine.Record) error) func() error {
			return func() error { _, err := b.Update(clerksFile, name, change); return err }
		}
		byCode := func() error {
			r, err := b.Read(clerksFile, name)
			if err != nil {
				return err
			}
			p := r.Proposal(s)
			if p == nil {
				return errors.New("nothing to approve")
			}
			code, err := b.NewCode(clerksFile, name, p.Digest)
			if err != nil {
				return err
			}
			_, err = b.Redeem(s, clerksFile, p.Digest, code, "clerk", harmless)
			return err
		}
		learn := func(tools string) func() error {
			return update(func(r *quarantine.Record) error {
				if !r.Learn(s, clerksTools(s, tools), quarantine.Whole, false, harmless) {
					return errors.New("nothing new")
				}
				return nil
			})
		}
		step("add", name, version, update(func(r *quarantine.Record) error { r.Hold(); return nil }))
		step("inspect", name, version, byCode)
		step("found", name, version, learn("one "+version))
		step("approve", name, version, byCode)
		step("learn", name, version, learn("two "+version))
		if round%2 == 0 {
			step("take", name, version, byCode)
		} else {
			step("reject", name, version, update(func(r *quarantine.Record) error { r.Reject(quarantine.Means{How: "terminal"}); return nil }))
		}
	}
}

// stage is where a server of a clerk stands after each of its steps; a killed clerk has left it before or after the last one it began.
func stage(r *quarantine.Record, s *config.Server, version string) string {
	title := func(items []quarantine.Item, served bool) string {
		for _, it := range items {
			if it.Served == served {
				_, text, _ := strings.Cut(string(it.Raw), `"title":"`)
				text, _, _ = strings.Cut(text, `"`)
				return text
			}
		}
		return ""
	}
	if r == nil {
		return "none"
	}
	switch r.State(s) {
	case quarantine.HeldLaunch:
		if r.Rejected() {
			return "reject"
		}
		return "add"
	case quarantine.HeldDefinitions:
		if !r.Seen {
			return "inspect"
		}
		return "found"
	}
	switch {
	case title(r.Items, true) == "two "+version:
		return "take"
	case len(r.Waiting) > 0:
		return "learn"
	}
	return "approve"
}

// clerk's steps that are decisions, and how the log has them.
var logged = map[string]string{"inspect": "inspect:code", "approve": "approve:code", "take": "approve:code", "reject": "revoke:terminal"}

func TestQuarantineKilledAnywhere(t *testing.T) {
	t.Parallel()
	kills := 400
	if testing.Short() {
		kills = 50
	}
	const clerks = 2 // on one state at a time
	dir, seed := "", uint64(0)
	after := map[string]int{} // by the step that was cut
	for n := 0; n < kills; n += clerks {
		if n%(25*clerks) == 0 {
			dir = t.TempDir()
		}
		var all sync.WaitGroup
		told := make([][]string, clerks)
		first := seed
		for i := range clerks {
			seed++
			mine := seed
			all.Go(func() { told[i] = killedClerk(t, dir, mine) })
		}
		all.Wait()
		b := quarantine.NewBook(store.Open(dir))
		if _, err := b.All(); err != nil {
			t.Fatalf("the state can't be read: %v", err)
		}
		log, err := b.Log()
		if err != nil {
			t.Fatalf("the log can't be read: %v", err)
		}
		for i := range clerks {
			if cut := checkClerk(t, b, log, first+uint64(i)+1, told[i]); cut != "" {
				after[cut]++
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("cut: %v", after)
	if !testing.Short() && len(after) < 6 {
		t.Errorf("only these steps were ever cut: %v", after)
	}
}

// killedClerk runs a clerk for a moment, kills it, and returns what it told.
func killedClerk(t *testing.T, dir string, seed uint64) (told []string) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), envClerk+"="+dir+"\n"+strconv.FormatUint(seed, 10), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	in := 1 + rand.IntN(20) // of its lines, so that a busy machine cuts as many steps as an idle one
	kill := func() {
		time.Sleep(time.Duration(rand.IntN(5_000)) * time.Microsecond)
		cmd.Process.Kill()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if told = append(told, lines.Text()); len(told) == in {
			go kill()
		}
	}
	cmd.Wait()
	return told
}

// checkClerk compares what a clerk told with what is there, and returns the step that was cut.
func checkClerk(t *testing.T, b *quarantine.Book, log []quarantine.Entry, seed uint64, told []string) (cut string) {
	t.Helper()
	type server struct{ version, done, begun string }
	servers := map[string]*server{}
	want, may := map[string]int{}, map[string]int{} // decisions in the log, by server
	for _, line := range told {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue // cut short itself
		}
		s := servers[f[2]]
		if s == nil {
			s = &server{done: "none"}
			servers[f[2]] = s
		}
		switch f[0] {
		case "failed":
			t.Errorf("%s", line)
		case "begin":
			if s.version != f[3] && s.version != "" { // a new round begins where the last one ended
				s.done = "old"
			}
			s.version, s.begun = f[3], f[1]
			if logged[f[1]] != "" {
				may[f[2]+" "+logged[f[1]]]++
			}
		case "done":
			s.done, s.begun = f[1], ""
			if logged[f[1]] != "" {
				want[f[2]+" "+logged[f[1]]]++
			}
		}
	}
	for name, s := range servers {
		r, err := b.Read(clerksFile, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := stage(r, clerksServer(name, s.version), s.version)
		if s.begun != "" {
			cut = s.begun
		}
		ok := got == s.done || got == s.begun
		if s.done == "old" || s.done == "none" { // of the new round nothing is done: it is held under its launch
			ok = got == "add" || got == "reject" || got == "none"
		}
		if got == "reject" && (s.done == "add" || s.begun == "add") { // added anew, after a person had said no
			ok = true
		}
		if !ok {
			t.Errorf("%s %s: it is at %q; done was %q, begun %q\n%s", name, s.version, got, s.done, s.begun, strings.Join(told[max(0, len(told)-6):], "\n"))
		}
	}
	have, ids := map[string]int{}, map[string]bool{}
	prefix := fmt.Sprintf("s%d-", seed)
	for _, e := range log {
		if ids[e.ID] {
			t.Errorf("%s stands twice in the log", e.ID)
		}
		ids[e.ID] = true
		if strings.HasPrefix(e.Server, prefix) && e.Decision != "update" { // that is no decision of anybody
			have[e.Server+" "+e.Decision+":"+e.How]++
		}
	}
	for what, n := range have {
		if n > may[what] {
			t.Errorf("%s: %d in the log, %d were begun", what, n, may[what])
		}
	}
	for what, n := range want {
		if have[what] < n {
			t.Errorf("%s: %d in the log, %d were done", what, have[what], n)
		}
	}
	return cut
}
