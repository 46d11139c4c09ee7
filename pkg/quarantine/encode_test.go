package quarantine

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

// full is a record with something in every field.
func full(t testing.TB) *Record {
	odd := "{\"name\":\"o\\u0000\u0085 \\u2028\",\"description\":\"\\u0000\\t\x7f \u202e\U000e0041 end\",\"n\":1e300}"
	broken := "{\"name\":\"o\xff\xed\xa0\x80 \",\"description\":\"\x00\t\",\"n\":1e400}"
	r := &Record{
		Config: "/c\n \"\xff.json", Server: "a b\x00", Generation: 1 << 60, Tool: true, First: true, Overrode: true, Disabled: true, Seen: true, Unasked: true,
		Launch: []byte(`{"command":"x y"}`), LaunchKey: "00ff", Inspect: "11",
		Policy:    Policy{ToolChanges: "auto", Enabled: []string{}, Disabled: []string{"*"}},
		Blocked:   []string{"plain", "\xff\n", ""},
		Resources: [][]byte{[]byte(`{"uri":"x:y"}`), []byte("{\"uri\":\"\u00fe\"}")},
		Taken:     time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Refused: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Code: &Code{Hash: "h", Digest: "d", Expires: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Tries: 3},
	}
	item := func(kind Kind, raw string, served, fits bool) Item {
		it := newItem(kind, "", []byte(raw))
		if k, ok := listed[kind]; ok {
			it.ID = k.ID(it.Raw)
		}
		it.Served, it.Fits = served, fits
		return it
	}
	r.Items = []Item{item(Tool, odd, true, false), item(Prompt, `{"name":"p"}`, false, false), item(Instructions, `"x \n y"`, true, false)}
	r.Waiting = []Item{item(Template, `{"uriTemplate":"a:{b}"}`, false, true), item(Capabilities, `{"experimental":{}}`, false, false), item(Tool, broken, false, false)}
	r.Fitting, r.Updates = []Item{item(Tool, odd, false, true)}, 3
	r.Found = []Item{item(Tool, `{"name":"dup","a":1,"a":2}`, false, false)}
	r.decide("approve", "terminal", "me", r.Items, "dd")
	r.Outbox[0].Time = r.Outbox[0].Time.Truncate(time.Second)
	r.Outbox[0].Config, r.Outbox[0].Items[0].ID = "/c", "x" // the log is JSON: names in it are for people
	return r
}

func TestRecordsAreReadBackAsTheyWere(t *testing.T) {
	for name, r := range map[string]*Record{"full": full(t), "empty": {}, "approved": approved(t, entryOf(t, "a", plainEntry), tool("x", "d", schemaA))} {
		data := r.Encode()
		got, err := Decode(data)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, data)
		}
		r.Taken = r.Taken.UTC().Round(0)
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, r)
		}
		if !bytes.Equal(got.Encode(), data) {
			t.Errorf("%s is written otherwise the second time", name)
		}
	}
}

// Each definition keeps its bytes, whatever they are, but for line breaks between its tokens.
func TestDefinitionsKeepTheirBytes(t *testing.T) {
	s := entryOf(t, "a", plainEntry)
	raw := "{ \"name\" : \"x\",\r\n \"n\" : 1.0e+2, \"u\":\"\\u0041\u00ff\" }"
	r := approved(t, s, raw)
	back := must(Decode(r.Encode()))(t)
	want := strings.NewReplacer("\r", " ", "\n", " ").Replace(raw)
	if got := shown(back); got != want {
		t.Errorf("served %q, want %q", got, want)
	}
	if !admits(back, raw) {
		t.Error("what was approved is not what is served")
	}
}

// What an earlier version took, and this one can't read, is never served, and people are told: a record may come from there, or from anybody.
func TestUnreadableRecords(t *testing.T) {
	s := entryOf(t, "a", plainEntry)
	good := tool("good", "d", schemaA)
	for _, bad := range []string{"a\tb", "\xff", `\q`, `\u12`, `\ud800`, "\xc0\xaf", "\x00"} {
		raw := strings.Replace(tool("bad", "XX", schemaA), "XX", bad, 1)
		r := approved(t, s, good, tool("bad", "plain", schemaA))
		i := slices.IndexFunc(r.Items, func(it Item) bool { return it.ID == "bad" })
		r.Items[i].Raw = []byte(raw) // with the digest of what was approved
		r.Resources = [][]byte{[]byte(`{"uri":"a:b"}`), []byte(`{"uri":"x:` + bad + `"}`)}
		back := must(Decode(r.Encode()))(t)
		if got := shown(back); got != good {
			t.Errorf("%q: served %q", bad, got)
		}
		if len(back.Resources) != 1 || string(back.Snapshot().Items[catalog.Resources][0]) != `{"uri":"a:b"}` {
			t.Errorf("%q: the resources are %q", bad, back.Resources)
		}
		p := back.Proposal(s)
		if p == nil || len(p.Changes) != 1 || p.Changes[0].ID != "bad" || p.Changes[0].What() != "unreadable" {
			t.Errorf("%q: people are told %+v", bad, p)
		}
		// The next look finds it mended, or another one.
		back.Waiting = append(back.Waiting, Item{Kind: Tool, ID: "bad", Raw: []byte(`{"name":"bad","x":1,"x":2}`)})
		if again := must(Decode(back.Encode()))(t); len(again.Waiting) != 1 || !bytes.Equal(again.Waiting[0].Raw, back.Waiting[1].Raw) {
			t.Errorf("%q: %+v", bad, again.Waiting)
		}
	}
}

func TestACutRecordIsNone(t *testing.T) {
	data := full(t).Encode()
	for i := range len(data) {
		if _, err := Decode(data[:i]); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut after %d of %d bytes: %v", i, len(data), err)
		}
	}
	for _, text := range []string{"", "{}", "mcpproxy-stdio record 2\nend\n", format + "\nend\n\n", format + "\nfuture x\nend\n", format + "\nitem tool none\nend\n",
		format + "\nitem list none + {}\nend\n", format + "\ngeneration -1\nend\n", format + "\ntaken now\nend\n", format + "\nserver a\nend\n", format + "\npolicy []\nend\n"} {
		if _, err := Decode([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Nothing of a server makes a line of its own.
func TestNothingForgesALine(t *testing.T) {
	s := entryOf(t, "a", plainEntry)
	evil := "{\"name\":\"x\",\"description\":\"\nend\nfirst\nitem tool 00 + {}\nlaunch 00 {}\n\"}"
	l := live(evil)
	l.Items[catalog.Resources] = [][]byte{[]byte("{\"uri\":\"x:\nblocked \\\"y\\\"\n\"}")}
	r := &Record{}
	r.Baseline(s, "test")
	r.Learn(s, l, Whole, false, harmless)
	r.Block("y\nfirst\n", Means{})
	r.Outbox = nil
	back := must(Decode(r.Encode()))(t)
	if len(back.Waiting) != 1 || len(back.Items) != 0 || back.First || len(back.Blocked) != 1 || back.LaunchKey != s.LaunchKey() || len(back.Resources) != 0 {
		t.Errorf("read back: %+v", back)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(full(f).Encode())
	f.Add([]byte(format + "\nend\n"))
	f.Add([]byte(format + "\nlaunch k\nitem tool none + {}\nresource \ncode {}\noutbox {}\nend\nend\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		once := r.Encode()
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("%q can't be read back: %v", once, err)
		}
		if twice := again.Encode(); !bytes.Equal(once, twice) {
			t.Fatalf("written as %q, then %q", once, twice)
		}
		s := entryOf(t, "a", plainEntry)
		again.Proposal(s)
		again.Gate()
		again.Snapshot()
		again.Learn(s, live(tool("x", "d", schemaA)), Whole, true, harmless)
	})
}
