package quarantine

import (
	"bytes"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

func madeBy(host string, tools ...string) *catalog.Snapshot {
	s := live(tools...)
	s.Engine = []byte(`{"host":"` + host + `"}`)
	return s
}

func engine(host string) Item { return EngineItem([]byte(`{"host":"` + host + `"}`)) }

// The engine of the first look is the baseline; another one waits whatever tool_changes says, and a look without one changes nothing.
func TestEngineIsPinned(t *testing.T) {
	for _, entry := range []string{boxedEntry, `{"command":"npx","tool_changes":"auto","isolation":{"type":"auto"}}`} {
		s := entryOf(t, "s", entry)
		r := &Record{Config: s.Path, Server: s.Name}
		r.Baseline(s, "test")
		if !r.Learn(s, madeBy("unix:///a", toolA), Whole, false, suspicious) || !r.Admits(engine("unix:///a")) || r.Admits(engine("tcp://b:2376")) {
			t.Fatal("the baseline has not this engine alone")
		}
		if r.LearnEngine(s, engine("unix:///a"), false, false) {
			t.Error("the approved engine changes something")
		}
		if !r.LearnEngine(s, engine("tcp://b:2376"), true, false) || waits(r) != "engine withheld" || r.Admits(engine("tcp://b:2376")) || shown(r) != toolA {
			t.Fatalf("waiting: %s", waits(r))
		}
		r.Learn(s, live(toolA), Whole, true, harmless) // in a sandbox, as "auto" does without an engine
		if waits(r) != "engine withheld" || !r.Admits(engine("unix:///a")) {
			t.Errorf("after a look without an engine: %s", waits(r))
		}
		r.Learn(s, madeBy("tcp://c:2376", toolA), Whole, true, harmless)
		if r.Admits(engine("tcp://c:2376")) {
			t.Error("an engine was learned with what a server lists")
		}
		again := must(Decode(r.Encode()))(t)
		if !bytes.Equal(again.Encode(), r.Encode()) {
			t.Error("it is another record after it was read back")
		}
		if !again.LearnEngine(s, engine("unix:///a"), false, false) || waits(again) != "" {
			t.Errorf("back at the approved one: %s", waits(again))
		}
		r.LearnEngine(s, engine("tcp://b:2376"), false, false)
		must(r.Approve(s, r.Proposal(s).Digest, Means{How: "test"}, harmless))(t)
		if !r.Admits(engine("tcp://b:2376")) || !r.Admits(engine("unix:///a")) {
			t.Error("not approved")
		}
	}
}

// A server that was approved without an engine, as in a sandbox, takes the system's own or the one that its entry names, and no other.
func TestEngineOfAServerThatHadNone(t *testing.T) {
	s := entryOf(t, "s", boxedEntry)
	for _, known := range []bool{true, false} {
		r := approved(t, s, toolA)
		if !r.LearnEngine(s, engine("x"), known, false) || r.Admits(engine("x")) != known || r.OtherEngine(engine("y"), known) == false {
			t.Errorf("known %v: %s", known, waits(r))
		}
	}
	off := approved(t, s, toolA)
	if off.LearnEngine(s, engine("x"), false, true); !off.Admits(engine("x")) {
		t.Error("a person who wants to be asked nothing is asked")
	}
	held := entryOf(t, "s", `{"command":"npx","quarantined":true,"isolation":{"type":"docker"}}`)
	if r := (&Record{}); r.LearnEngine(held, engine("x"), true, true) || r.LearnPrograms(held, []Item{programItem("/w", "/w/a", "1")}, true) {
		t.Error("learned of a held server")
	}
}

func programItem(workspace, path, sum string) Item {
	return ProgramItem([]byte(`{"workspace":"` + workspace + `","path":"` + path + `","sha256":"` + sum + `"}`))
}

// A program of a workspace is no part of a baseline, waits whatever tool_changes says, and is approved for one workspace and content.
func TestProgramIsPinned(t *testing.T) {
	s := entryOf(t, "s", `{"command":"./tool","tool_changes":"auto"}`)
	r := &Record{Config: s.Path, Server: s.Name}
	r.Baseline(s, "test")
	one, other, elsewhere := programItem("/w", "/w/tool", "1"), programItem("/w", "/w/tool", "2"), programItem("/v", "/v/tool", "1")
	if !r.LearnPrograms(s, []Item{one}, false) || r.Admits(one) || waits(r) != "program /w/tool in workspace /w withheld" || r.Snapshot() != nil {
		t.Fatalf("at the first look: %s", waits(r))
	}
	must(r.Approve(s, r.Proposal(s).Digest, Means{How: "test"}, harmless))(t)
	if !r.Admits(one) || r.Admits(other) || r.Admits(elsewhere) || !r.First || r.Snapshot() != nil {
		t.Fatal("not this program alone was approved, or the first look is over")
	}
	r.Learn(s, live(toolA), Whole, false, harmless)
	if !r.Admits(one) || shown(r) != toolA {
		t.Error("after the first look")
	}
	if !r.LearnPrograms(s, []Item{other}, false) || !r.LearnPrograms(s, []Item{elsewhere}, false) || r.Admits(other) || r.Admits(elsewhere) || r.Pending(s) != 2 || shown(r) != toolA {
		t.Errorf("changed, and in another workspace: %s", waits(r))
	}
	if !r.LearnPrograms(s, []Item{one}, false) || r.Pending(s) != 1 {
		t.Errorf("back as it was approved: %s", waits(r))
	}
	again := must(Decode(r.Encode()))(t)
	if !bytes.Equal(again.Encode(), r.Encode()) || waits(again) != waits(r) || !again.Admits(one) {
		t.Error("it is another record after it was read back")
	}
}

func TestProgramsAreBounded(t *testing.T) {
	s := entryOf(t, "s", `{"command":"./tool"}`)
	r := approved(t, s, toolA)
	var all []Item
	for i := range 3 * maxPrograms {
		it := programItem("/w", "/w/"+string(rune('A'+i%26))+string(rune('A'+i/26)), "1")
		all = append(all, it)
		r.LearnPrograms(s, []Item{it}, false)
	}
	if n := len(r.Waiting); n != maxPrograms/2 {
		t.Errorf("%d wait", n)
	}
	for _, it := range all {
		r.LearnPrograms(s, []Item{it}, true)
	}
	last := all[len(all)-1]
	if n := len(OfStart(r)); n != maxPrograms || !r.Admits(last) || r.Admits(all[0]) || shown(r) != toolA {
		t.Errorf("%d are kept", n)
	}
}
