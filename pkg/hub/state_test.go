package hub

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// parsed is a configuration with these entries, as a hub has it.
func parsed(t testing.TB, entries string) *config.Config {
	t.Helper()
	c, err := config.Parse("/user/config.json", []byte(`{"mcpServers":{`+entries+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	return c.Keyed([]byte("key"))
}

// approvedServer is what is recorded of a server whose launch was approved, changed by more.
func approvedServer(s *config.Server, more func(*quarantine.Record)) *Recorded {
	r := &quarantine.Record{Config: s.Path, Server: s.Name}
	r.Baseline(s, "test")
	if more != nil {
		more(r)
	}
	return newRecorded(r, nil)
}

func TestScopeOfOneServer(t *testing.T) {
	human := Approval{Written: config.ApprovalHuman, Confirmed: config.ApprovalHuman}
	off := Approval{Written: config.ApprovalOff, Confirmed: config.ApprovalOff}
	for name, tc := range map[string]struct {
		entry    string
		approval Approval
		recorded func(s *config.Server) *Recorded
		held     string // a part of why; "": it is not
	}{
		"approved":              {`{"command":"c"}`, human, func(s *config.Server) *Recorded { return approvedServer(s, nil) }, ""},
		"never read":            {`{"command":"c"}`, human, func(*config.Server) *Recorded { return nil }, "not read yet"},
		"unreadable":            {`{"command":"c"}`, human, func(*config.Server) *Recorded { return newRecorded(nil, errors.New("disk full")) }, "disk full"},
		"unreadable, disabled":  {`{"command":"c","enabled":false}`, human, func(*config.Server) *Recorded { return newRecorded(nil, errors.New("disk full")) }, "disk full"},
		"never seen":            {`{"command":"c"}`, human, func(*config.Server) *Recorded { return newRecorded(nil, nil) }, "has not approved"},
		"never seen, not asked": {`{"command":"c"}`, off, func(*config.Server) *Recorded { return newRecorded(nil, nil) }, "has not approved"},
		"never seen, disabled":  {`{"command":"c","enabled":false}`, human, func(*config.Server) *Recorded { return newRecorded(nil, nil) }, ""},
		"quarantined":           {`{"command":"c","quarantined":true}`, human, func(s *config.Server) *Recorded { return approvedServer(s, nil) }, ""},
		"by a tool":             {`{"command":"c"}`, human, func(s *config.Server) *Recorded { return approvedServer(s, (*quarantine.Record).Hold) }, "has not approved"},
		"of a doubted file": {`{"command":"c"}`, Approval{config.ApprovalHuman, config.ApprovalHuman, "it came later"},
			func(*config.Server) *Recorded { return newRecorded(nil, nil) }, "The whole file needs approval, because it came later"},
		"enabled by an edit": {`{"command":"c"}`, human, func(s *config.Server) *Recorded {
			return approvedServer(s, func(r *quarantine.Record) { r.Policy.Off = true })
		}, "the user has to confirm that"},
		"enabled by an edit, not asked": {`{"command":"c"}`, off, func(s *config.Server) *Recorded {
			return approvedServer(s, func(r *quarantine.Record) { r.Policy.Off = true })
		}, ""},
	} {
		c := parsed(t, `"x":`+tc.entry)
		kn := known{Approval: tc.approval, recorded: map[key]*Recorded{}}
		if e := tc.recorded(c.Servers[0]); e != nil {
			kn.recorded[keyOf(c.Servers[0])] = e
		}
		sc := kn.scope(c, nil)
		got := sc.Effective.Server("x")
		if got != sc.Server("x").Effective || (tc.held == "") != (got.Held == "") || !strings.Contains(got.Held, tc.held) {
			t.Errorf("%s: held: %q", name, got.Held)
		}
		if again := kn.scope(c, sc); again.Servers[0] != sc.Servers[0] {
			t.Errorf("%s: what has not changed was made anew", name)
		}
	}
}

// A workspace's server whose name looks like one of the user's, or for the proxy's own, is refused; the user's own choice is theirs.
func TestScopeRefusesLookalikes(t *testing.T) {
	user := parsed(t, `"github":{"command":"c"},"g1thub":{"command":"c"}`)
	c := user.WithWorkspace("/ws/.mcpproxy/config.json", []byte(`{"mcpServers":{"gíthub":{"command":"e"},"mcpproxy-stdio":{"command":"e"},"other":{"command":"e"}}}`))
	sc := known{}.scope(c, nil)
	for name, refused := range map[string]bool{"github": false, "g1thub": false, "gíthub": true, "mcpproxy-stdio": true, "other": false} {
		s := sc.Server(name)
		if s == nil {
			t.Fatalf("%s is not there: %v", name, c.Problems)
		}
		if got := strings.Contains(s.Effective.Refused, "looks like"); got != refused {
			t.Errorf("%s: refused: %q", name, s.Effective.Refused)
		}
		if s.Written.Refused != "" {
			t.Errorf("%s: what is written was changed", name)
		}
	}
}
