package quarantine

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// entryWith is an entry with a policy.
func entryWith(t testing.TB, p Policy) *config.Server {
	t.Helper()
	entry := map[string]any{"command": "x", "tool_changes": p.ToolChanges}
	if p.Enabled != nil {
		entry["enabled_tools"] = p.Enabled
	}
	if p.Off {
		entry["enabled"] = false
	}
	if p.Disabled != nil {
		entry["disabled_tools"] = p.Disabled
	}
	text, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	return entryOf(t, "s", string(text))
}

// A policy that allows more than the confirmed one waits; the parts that are stricter count at once, and are what a later loosening is
// measured by.
func TestPolicies(t *testing.T) {
	all := []string{"a", "b", "c", "d"}
	list := func(names ...string) []string { return append([]string{}, names...) }
	for name, c := range map[string]struct {
		confirmed, written Policy
		looser             bool
		changes            string   // in force
		allowed            []string // of all
		kept               Policy   // the confirmed one, tightened
	}{
		"same":               {Policy{"review", nil, nil, false}, Policy{"review", nil, nil, false}, false, "review", all, Policy{"review", nil, nil, false}},
		"an empty list":      {Policy{"review", nil, nil, false}, Policy{"review", nil, list(), false}, false, "review", all, Policy{"review", nil, nil, false}},
		"auto":               {Policy{"review", nil, nil, false}, Policy{"auto", nil, nil, false}, true, "review", all, Policy{"review", nil, nil, false}},
		"review again":       {Policy{"auto", nil, nil, false}, Policy{"review", nil, nil, false}, false, "review", all, Policy{"review", nil, nil, false}},
		"fewer disabled":     {Policy{"review", nil, list("a", "b"), false}, Policy{"review", nil, list("a"), false}, true, "review", list("c", "d"), Policy{"review", nil, list("a", "b"), false}},
		"more disabled":      {Policy{"review", nil, list("a"), false}, Policy{"review", nil, list("b", "a"), false}, false, "review", list("c", "d"), Policy{"review", nil, list("b", "a"), false}},
		"others disabled":    {Policy{"review", nil, list("a"), false}, Policy{"review", nil, list("b"), false}, true, "review", list("c", "d"), Policy{"review", nil, list("a"), false}},
		"more enabled":       {Policy{"review", list("a"), nil, false}, Policy{"review", list("a", "b"), nil, false}, true, "review", list("a"), Policy{"review", list("a"), nil, false}},
		"all enabled":        {Policy{"review", list("a"), nil, false}, Policy{"review", nil, nil, false}, true, "review", list("a"), Policy{"review", list("a"), nil, false}},
		"none enabled":       {Policy{"review", list("a"), nil, false}, Policy{"review", list(), nil, false}, false, "review", list(), Policy{"review", list(), nil, false}},
		"fewer enabled":      {Policy{"review", nil, nil, false}, Policy{"review", list("a"), nil, false}, false, "review", list("a"), Policy{"review", list("a"), nil, false}},
		"stricter and wider": {Policy{"auto", list("a"), nil, false}, Policy{"review", list("a", "b"), nil, false}, true, "review", list("a"), Policy{"review", list("a"), nil, false}},
		"disabled":           {Policy{"review", nil, nil, false}, Policy{"review", nil, nil, true}, false, "review", all, Policy{"review", nil, nil, true}},
		"enabled again":      {Policy{"review", nil, nil, true}, Policy{"review", nil, nil, false}, true, "review", all, Policy{"review", nil, nil, true}},
		"enabled and fewer":  {Policy{"review", nil, nil, true}, Policy{"review", list("a"), nil, false}, true, "review", list("a"), Policy{"review", list("a"), nil, true}},
		"disabled with auto": {Policy{"review", nil, nil, false}, Policy{"auto", nil, nil, true}, true, "review", all, Policy{"review", nil, nil, true}},
		"auto and fewer":     {Policy{"review", nil, nil, false}, Policy{"auto", list("a"), list("b"), false}, true, "review", list("a"), Policy{"review", list("a"), list("b"), false}},
	} {
		s := entryWith(t, c.written)
		r := approved(t, entryWith(t, c.confirmed), toolA)
		if got := policyOf(s).looser(r.Policy); got != c.looser {
			t.Errorf("%s: looser is %t", name, got)
		}
		if r.State(s) != Approved {
			t.Errorf("%s: %s", name, r.State(s))
		}
		before := r.Effective(s)
		r.Tighten(s)
		if before.ToolChanges != c.changes {
			t.Errorf("%s: before it was taken down %s is in force", name, before.ToolChanges)
		}
		if !reflect.DeepEqual(r.Policy, c.kept) {
			t.Errorf("%s: kept %+v, want %+v", name, r.Policy, c.kept)
		}
		r = must(Decode(r.Encode()))(t)
		if r.Tighten(s) {
			t.Errorf("%s: taken down again at each start", name)
		}
		e := r.Effective(s)
		allowed := slices.DeleteFunc(slices.Clone(all), func(tool string) bool { return !e.ToolAllowed(tool) })
		if e.ToolChanges != c.changes || !slices.Equal(allowed, c.allowed) {
			t.Errorf("%s: in force is %s, %v", name, e.ToolChanges, allowed)
		}
		if e.Enabled != (!c.confirmed.Off && !c.written.Off) {
			t.Errorf("%s: it is enabled: %t", name, e.Enabled)
		}
		p := r.Proposal(s)
		if (p != nil && p.Policy != nil) != c.looser || (r.Pending(s) == 1) != c.looser {
			t.Errorf("%s: proposed %+v", name, p)
		}
		if !c.looser {
			continue
		}
		if got := approve(t, r, s); got != "approve" || r.Effective(s) != s || r.Proposal(s) != nil {
			t.Errorf("%s: %s, it waits still", name, got)
		}
	}
}

// The digest covers the policy that waits.
func TestPolicyIsInTheDigest(t *testing.T) {
	r := approved(t, entryWith(t, Policy{"review", []string{"a"}, nil, false}), toolA)
	seen := map[string]bool{}
	for _, p := range []Policy{{"auto", []string{"a"}, nil, false}, {"review", nil, nil, false}, {"review", []string{"a", "b"}, nil, false}, {"auto", nil, nil, false}} {
		seen[r.Proposal(entryWith(t, p)).Digest] = true
	}
	if len(seen) != 4 {
		t.Errorf("of 4 policies %d have a digest of their own", len(seen))
	}
}

// What a tool disabled a tool may enable, unless a person has enabled it in between: then it is theirs.
func TestDisabledByATool(t *testing.T) {
	on, off := entryOf(t, "s", plainEntry), entryOf(t, "s", `{"command":"x","enabled":false}`)
	r := approved(t, on, toolA)
	r.Disabled = true
	if r.Tighten(off); !r.Disabled {
		t.Error("forgotten while it is disabled")
	}
	if r.Enables(on) {
		t.Error("a person is asked when the tool enables it again")
	}
	if r.Tighten(on); r.Disabled {
		t.Error("a person has enabled it, and a tool may do so the next time")
	}
}

// A server that was disabled at the first run is one question when an edit enables it, and what it then lists is the baseline.
func TestDisabledAtTheFirstRun(t *testing.T) {
	on, off := entryOf(t, "s", plainEntry), entryOf(t, "s", `{"command":"x","enabled":false}`)
	r := &Record{}
	r.Baseline(off, "first run")
	p := r.Proposal(on)
	if p == nil || p.Policy == nil || r.Effective(on).Enabled || r.Pending(on) != 1 || r.Effective(off) != off || r.Proposal(off) != nil {
		t.Fatalf("proposed: %+v", p)
	}
	if got := approve(t, r, on); got != "approve" || r.Effective(on) != on || r.Proposal(on) != nil || r.State(on) != Approved || !r.First {
		t.Errorf("%s: %+v", got, r)
	}
}

func TestStricter(t *testing.T) {
	for _, c := range [][3]string{
		{"off", "off", "off"}, {"off", "host", "host"}, {"host", "human", "human"}, {"human", "oob", "oob"}, {"off", "oob", "oob"}, {"human", "off", "human"},
	} {
		if a, b := Stricter(c[0], c[1]), Stricter(c[1], c[0]); a != c[2] || b != c[2] {
			t.Errorf("%s, %s: %s and %s, want %s", c[0], c[1], a, b, c[2])
		}
	}
}
