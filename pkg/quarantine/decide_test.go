package quarantine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// approve approves what waits, and fails the test if that is refused.
func approve(t *testing.T, r *Record, s *config.Server) string {
	t.Helper()
	p := r.Proposal(s)
	if p == nil {
		t.Fatal("nothing waits")
	}
	return must(r.Approve(s, p.Digest, Means{How: "terminal"}, suspicious))(t)
}

// A server that nobody has seen is approved in two steps: that it is started once, and what it offers.
func TestTwoSteps(t *testing.T) {
	for name, s := range map[string]*config.Server{
		"to confirm": entryOf(t, "s", plainEntry),
		"flagged":    entryOf(t, "s", `{"command":"x","quarantined":true}`),
		"workspace":  workspaceEntry(t, "s", plainEntry),
	} {
		r := &Record{Config: s.Path, Server: s.Name}
		launch := r.Proposal(s)
		if launch.State != HeldLaunch || len(launch.Digest) != 64 || launch.Items != nil {
			t.Fatalf("%s: %+v", name, launch)
		}
		if (*Record)(nil).Proposal(s).Digest != launch.Digest || (*Record)(nil).State(s) != HeldLaunch {
			t.Errorf("%s: no record and an empty one differ", name)
		}
		if got := approve(t, r, s); got != "inspect" {
			t.Fatalf("%s: %s", name, got)
		}
		if p := r.Proposal(s); r.State(s) != HeldDefinitions || p.Digest != "" {
			t.Errorf("%s: while it is inspected: %s, digest %q", name, r.State(s), p.Digest)
		}
		for _, digest := range []string{"", launch.Digest} {
			if _, err := r.Approve(s, digest, Means{}, suspicious); !errors.Is(err, ErrInspecting) {
				t.Errorf("%s: approved while it is inspected: %v", name, err)
			}
		}
		r.Learn(s, live(toolA, toolTwice), Whole, true, suspicious)
		p := r.Proposal(s)
		if p.Digest == launch.Digest || len(p.Items) != 1 || len(p.Changes) != 1 || p.Changes[0].What() != "new" || r.Snapshot() != nil && shown(r) != "" {
			t.Errorf("%s: %+v", name, p)
		}
		if _, err := r.Approve(s, launch.Digest, Means{}, suspicious); !errors.Is(err, ErrDigest) {
			t.Errorf("%s: the launch's digest approved the definitions: %v", name, err)
		}
		if got := approve(t, r, s); got != "approve" || r.State(s) != Approved || shown(r) != toolA || r.Found != nil || r.Proposal(s) != nil {
			t.Errorf("%s: %s, %s, shown %s, %+v", name, got, r.State(s), shown(r), r.Proposal(s))
		}
		if _, err := r.Approve(s, p.Digest, Means{}, suspicious); !errors.Is(err, ErrNothing) {
			t.Errorf("%s: approved twice: %v", name, err)
		}
		if got := decisions(r.Outbox); got != "inspect approve" || r.Outbox[1].Digest != p.Digest || len(r.Outbox[1].Items) != 1 || r.Outbox[1].How != "terminal" {
			t.Errorf("%s: logged %s, %+v", name, got, r.Outbox)
		}
	}
}

// One changed byte of a workspace's entry holds it again, and in both steps.
func TestWorkspaceEntryChanges(t *testing.T) {
	s := workspaceEntry(t, "s", plainEntry)
	r := &Record{}
	approve(t, r, s)
	r.Learn(s, live(toolA), Whole, false, suspicious)
	approve(t, r, s)
	for _, entry := range []string{`{"command":"x" }`, `{"command":"x","call_timeout":9}`} {
		next := workspaceEntry(t, "s", entry)
		if r.State(next) != HeldLaunch {
			t.Errorf("%s: %s", entry, r.State(next))
		}
		if got := approve(t, must(Decode(r.Encode()))(t), next); got != "inspect" {
			t.Errorf("%s: %s", entry, got)
		}
	}
	if other := configOf(t, "/c.json", `{"mcpServers":{}}`).WithWorkspace("/other/.mcpproxy/mcp_config.json", []byte(`{"mcpServers":{"s":{"command":"x"}}}`)).Server("s"); r.State(other) != HeldLaunch {
		t.Error("another repository has the approval of the first")
	}
}

// A launch that a person edits and confirms is a new baseline, if they knew the server.
func TestChangedLaunch(t *testing.T) {
	old, s := entryOf(t, "s", plainEntry), entryOf(t, "s", `{"command":"x","args":["new"]}`)
	r := approved(t, old, toolA)
	p := r.Proposal(s)
	if p.State != HeldLaunch || string(p.Was) != string(old.Launch()) {
		t.Fatalf("%+v", p)
	}
	if got := approve(t, r, s); got != "launch" || r.State(s) != Approved || r.Snapshot() != nil || admits(r, toolA) {
		t.Errorf("%s, %s, shown %s", got, r.State(s), shown(r))
	}
	if r.State(old) != HeldLaunch {
		t.Error("the launch that was replaced counts too")
	}
	r.Learn(s, live(toolB), Whole, false, suspicious)
	if shown(r) != toolB || waits(r) != "" {
		t.Errorf("shown %s, waits %s", shown(r), waits(r))
	}
	// By a tool it takes both steps.
	r = approved(t, old, toolA)
	r.Hold()
	for _, now := range []*config.Server{s, old} {
		r := must(Decode(r.Encode()))(t)
		if r.State(now) != HeldLaunch {
			t.Errorf("%s after a tool has changed it", r.State(now))
		}
		if got := approve(t, r, now); got != "inspect" || r.State(now) != HeldDefinitions {
			t.Errorf("%s, %s", got, r.State(now))
		}
		r.Learn(now, live(toolB), Whole, false, suspicious)
		if got := approve(t, r, now); got != "approve" || r.State(now) != Approved || shown(r) != toolB {
			t.Errorf("%s, %s, shown %s", got, r.State(now), shown(r))
		}
	}
	// Of a launch whose definitions nobody has seen there is nothing to go by.
	r = &Record{}
	r.Baseline(old, "test")
	if got := approve(t, r, s); got != "inspect" {
		t.Error(got)
	}
}

// "quarantined": true holds an approved server too; what was approved of it is known still, and approving it needs no second start.
func TestFlagged(t *testing.T) {
	s, flagged := entryOf(t, "s", plainEntry), entryOf(t, "s", `{"command":"x","quarantined":true}`)
	r := approved(t, s, toolA)
	if r.State(flagged) != HeldDefinitions {
		t.Fatal(r.State(flagged))
	}
	if got := approve(t, r, flagged); got != "approve" || r.State(flagged) != Approved || shown(r) != toolA {
		t.Errorf("%s, %s", got, r.State(flagged))
	}
	// Once the flag is gone, setting it again holds again.
	if !r.Tighten(s) || r.Tighten(s) || r.State(s) != Approved || r.State(flagged) == Approved {
		t.Errorf("%s, flagged again %s", r.State(s), r.State(flagged))
	}
}

// What is approved is what was shown, also when an inspection was approved of an entry that is not held any more.
func TestApprovedIsWhatWasShown(t *testing.T) {
	s, flagged := entryOf(t, "s", plainEntry), entryOf(t, "s", `{"command":"x","quarantined":true}`)
	r := &Record{}
	r.Baseline(s, "test")
	approve(t, r, flagged) // never looked at: an inspection
	r.Learn(flagged, live(toolEvil), Whole, false, suspicious)
	r.Learn(s, live(toolA), Whole, false, suspicious) // the person took the flag away
	r.Learn(s, live(toolB), Part, false, suspicious)
	p := r.Proposal(s)
	if len(p.Changes) != 1 || string(p.Changes[0].Raw) != toolB {
		t.Fatalf("%+v", p)
	}
	approve(t, r, s)
	if shown(r) != toolB || admits(r, toolEvil) {
		t.Errorf("shown %s", shown(r))
	}
}

func TestApproveChanges(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA)
	r.Learn(s, live(toolB, toolNew, tool("bad", "EVIL", schemaA)), Part, false, suspicious)
	p := r.Proposal(s)
	for _, c := range []struct {
		digest    string
		confirmed []string
		want      error
	}{
		{strings.Repeat("0", 64), []string{"tool bad"}, ErrDigest},
		{"", []string{"tool bad"}, ErrDigest},
		{p.Digest[:63], []string{"tool bad"}, ErrDigest},
		{p.Digest, nil, ErrFindings},
		{p.Digest, []string{"bad", "tool a"}, ErrFindings},
	} {
		before := string(r.Encode())
		if _, err := r.Approve(s, c.digest, Means{Confirmed: c.confirmed}, suspicious); !errors.Is(err, c.want) {
			t.Errorf("%.8s %v: %v, want %v", c.digest, c.confirmed, err, c.want)
		}
		if string(r.Encode()) != before {
			t.Errorf("%.8s %v: refused, but it left traces", c.digest, c.confirmed)
		}
	}
	if got := must(r.Approve(s, strings.ToUpper(p.Digest), Means{Confirmed: []string{"tool bad"}}, suspicious))(t); got != "approve" || len(r.Waiting) != 0 || !admits(r, tool("bad", "EVIL", schemaA)) {
		t.Errorf("%s, waits %s", got, waits(r))
	}
	// Blocking the hostile one is the other way.
	r = approved(t, s, toolA)
	r.Learn(s, live(toolB, tool("bad", "EVIL", schemaA)), Part, false, suspicious)
	r.Block("bad", Means{})
	if approve(t, r, s); shown(r) != toolB {
		t.Errorf("shown %s", shown(r))
	}
	// What changes between the question and the answer is not approved.
	r = approved(t, s, toolA)
	r.Learn(s, live(toolB), Part, false, suspicious)
	p = r.Proposal(s)
	r.Learn(s, live(toolHint), Part, false, suspicious)
	if _, err := r.Approve(s, p.Digest, Means{}, suspicious); !errors.Is(err, ErrDigest) {
		t.Errorf("approved what was not shown: %v", err)
	}
}

func TestRejectAndBlock(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA, toolNew)
	r.Block("a", Means{How: "tool"})
	r.Block("a", Means{How: "tool"})
	if shown(r) != toolNew || admits(r, toolA) || decisions(r.Outbox) != "block" {
		t.Errorf("shown %s, logged %s", shown(r), decisions(r.Outbox))
	}
	r.Learn(s, live(toolB, toolNew), Whole, true, suspicious) // not even looked at
	if waits(r) != "" || admits(r, toolB) || shown(r) != toolNew {
		t.Errorf("a blocked tool waits: %q, shown %s", waits(r), shown(r))
	}
	r.Unblock("a", Means{})
	r.Unblock("a", Means{})
	if shown(r) != toolA+"\n"+toolNew || decisions(r.Outbox) != "block unblock" {
		t.Errorf("given back: %s, logged %s", shown(r), decisions(r.Outbox))
	}
	r.Learn(s, live(toolC, toolNew), Whole, false, suspicious)
	if waits(r) != "tool a withheld" {
		t.Errorf("a version that was not approved: %s", waits(r))
	}

	r.Block("n", Means{})
	r.Reject(Means{How: "tool"})
	if r.State(s) != HeldLaunch || r.Snapshot() != nil && shown(r) != "" || admits(r, toolA) || !r.Rejected() || len(r.Blocked) != 1 {
		t.Errorf("after a refusal: %s, %+v", r.State(s), r)
	}
	if got := decisions(r.Outbox); got != "block unblock update block revoke" {
		t.Errorf("logged %s", got)
	}
	if now := time.Now(); !r.Cooling(now) || r.Cooling(now.Add(CoolDown)) || (*Record)(nil).Cooling(now) {
		t.Error("it does not cool down, or for ever")
	}
	if approve(t, r, s); r.Rejected() || r.State(s) != HeldDefinitions { // what was refused can be approved, in both steps
		t.Errorf("%s", r.State(s))
	}
	r = &Record{}
	if r.Reject(Means{}); decisions(r.Outbox) != "reject" {
		t.Errorf("logged %s", decisions(r.Outbox))
	}
	// A baseline of the person's own, typed on a terminal, is one after a refusal too.
	if r.Baseline(s, "add"); r.State(s) != Approved || r.Rejected() || !r.First {
		t.Errorf("%s", r.State(s))
	}
}

// Taking "quarantined" out of the entry of a server that was approved before approves nothing: an agent can edit files too.
func TestTheFlagTakenOut(t *testing.T) {
	plain, flagged := entryOf(t, "s", `{"command":"x"}`), entryOf(t, "s", `{"command":"x","quarantined":true}`)
	r := &Record{}
	r.Baseline(plain, "test")
	r.First = false
	if r.Tighten(plain); r.State(plain) != Approved {
		t.Fatal("not approved")
	}
	if !r.Tighten(flagged) || r.State(flagged) != HeldDefinitions || r.State(plain) != HeldDefinitions {
		t.Errorf("flagged: %s; the line taken out: %s", r.State(flagged), r.State(plain))
	}
	p := r.Proposal(plain)
	if _, err := r.Approve(plain, p.Digest, Means{How: "test"}, harmless); err != nil || r.State(plain) != Approved {
		t.Errorf("approved: %v, %s", err, r.State(plain))
	}
}
