package quarantine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

const format = "mcpproxy-stdio record 1"

// ErrFormat is wrapped by the error of Decode.
var ErrFormat = errors.New("not a record of this version")

// Encode writes the record as lines, definitions as the bytes they came in.
func (r *Record) Encode() []byte {
	var b bytes.Buffer
	line := func(key, text string, a ...any) { fmt.Fprintf(&b, key+" "+text+"\n", a...) }
	flag := func(key string, on bool) {
		if on {
			b.WriteString(key + "\n")
		}
	}
	object := func(key string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // plain structs
		}
		line(key, "%s", text)
	}
	item := func(key string, it Item, mark string) {
		line(key, "%s %s %s %s", it.Kind, orNone(it.Digest), mark, it.Raw)
	}
	b.WriteString(format + "\n")
	line("config", "%+q", r.Config) // any bytes: a path need not be UTF-8
	line("server", "%+q", r.Server)
	line("generation", "%d", r.Generation)
	if r.Last != "" {
		line("last", "%s", r.Last)
	}
	if r.Doubt != "" {
		line("doubt", "%+q", r.Doubt)
	}
	flag("tool", r.Tool)
	if r.Launch != nil {
		line("launch", "%s %s", r.LaunchKey, r.Launch)
	}
	flag("first", r.First)
	for _, kind := range r.Unread {
		line("unread", "%s", kind)
	}
	flag("overrode", r.Overrode)
	flag("flagged", r.Flagged)
	flag("disabled", r.Disabled)
	object("policy", r.Policy)
	if r.Inspect != "" {
		line("inspect", "%s", r.Inspect)
	}
	flag("seen", r.Seen)
	if !r.Taken.IsZero() {
		line("taken", "%s", r.Taken.UTC().Format(time.RFC3339Nano))
	}
	if !r.Refused.IsZero() {
		line("refused", "%s", r.Refused.UTC().Format(time.RFC3339Nano))
	}
	flag("unasked", r.Unasked)
	if r.Program != nil {
		object("program", r.Program)
	}
	if r.Installed != nil {
		object("installed", r.Installed)
	}
	if r.Code != nil {
		object("code", r.Code)
	}
	for _, e := range r.outboxWith(func([]byte) []byte { return nil }) { // the definitions that the record has anyway are not written twice
		object("outbox", e)
	}
	if r.Updates > 0 {
		line("updates", "%d", r.Updates)
	}
	for _, tool := range r.Blocked {
		line("blocked", "%+q", tool)
	}
	for _, it := range r.Items {
		item("item", it, mark(it.Served))
	}
	for _, it := range r.Waiting {
		item("waiting", it, mark(it.Fits))
	}
	for _, it := range r.Fitting {
		item("fitting", it, mark(true))
	}
	for _, it := range r.Found {
		item("found", it, mark(false))
	}
	for _, raw := range r.Resources {
		line("resource", "%s", raw)
	}
	b.WriteString("end\n")
	return b.Bytes()
}

func mark(on bool) string {
	if on {
		return "+"
	}
	return "-"
}

func orNone(digest string) string {
	if digest == "" {
		return "none"
	}
	return digest
}

// Decode reads what Encode wrote, with or without a seal, which it does not check. The definitions share data's memory. The error wraps
// ErrFormat.
func Decode(data []byte) (*Record, error) {
	data, _, _, _ = cutSeal(data)
	rest, ok := bytes.CutPrefix(data, []byte(format+"\n"))
	if !ok || !bytes.HasSuffix(rest, []byte("\nend\n")) {
		return nil, ErrFormat
	}
	r := &Record{}
	for line := range bytes.Lines(rest) {
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if err := r.decode(string(key), value); err != nil {
			return nil, fmt.Errorf("%w: %.20q: %v", ErrFormat, key, err)
		}
	}
	r.Outbox = r.outboxWith(func(known []byte) []byte { return known })
	if slices.ContainsFunc(r.Waiting, func(it Item) bool { return it.Digest == "" }) {
		last := map[string]int{} // what has changed since stands behind what decodeItem let wait
		for i, it := range r.Waiting {
			last[it.key()] = i
		}
		i := -1
		r.Waiting = slices.DeleteFunc(r.Waiting, func(it Item) bool { i++; return last[it.key()] != i })
	}
	return r, nil
}

func (r *Record) decode(key string, value []byte) (err error) {
	switch key {
	case "config":
		r.Config, err = strconv.Unquote(string(value))
	case "server":
		r.Server, err = strconv.Unquote(string(value))
	case "generation":
		r.Generation, err = strconv.ParseUint(string(value), 10, 64)
	case "last":
		r.Last = string(value)
	case "doubt":
		r.Doubt, err = strconv.Unquote(string(value))
	case "tool":
		r.Tool = true
	case "launch":
		k, text, _ := bytes.Cut(value, []byte(" "))
		r.LaunchKey, r.Launch = string(k), text
	case "first":
		r.First = true
	case "unread":
		r.Unread = append(r.Unread, Kind(value))
	case "overrode":
		r.Overrode = true
	case "flagged":
		r.Flagged = true
	case "disabled":
		r.Disabled = true
	case "policy":
		err = json.Unmarshal(value, &r.Policy)
	case "inspect":
		r.Inspect = string(value)
	case "seen":
		r.Seen = true
	case "taken":
		r.Taken, err = time.Parse(time.RFC3339Nano, string(value))
	case "refused":
		r.Refused, err = time.Parse(time.RFC3339Nano, string(value))
	case "unasked":
		r.Unasked = true
	case "program":
		err = json.Unmarshal(value, &r.Program)
	case "installed":
		err = json.Unmarshal(value, &r.Installed)
	case "code":
		err = json.Unmarshal(value, &r.Code)
	case "outbox":
		var e Entry
		err = json.Unmarshal(value, &e)
		r.Outbox = append(r.Outbox, e)
	case "updates":
		r.Updates, err = strconv.Atoi(string(value))
	case "blocked":
		var tool string
		tool, err = strconv.Unquote(string(value))
		r.Blocked = append(r.Blocked, tool)
	case "resource":
		if jsonrpc.Check(value) == nil {
			r.Resources = append(r.Resources, value)
		}
	case "text": // of an earlier version; learned again when the server lists
	case "item", "waiting", "fitting", "found":
		err = r.decodeItem(key, value)
	case "end":
	default:
		err = errors.New("unknown line")
	}
	return err
}

func (r *Record) decodeItem(key string, value []byte) error {
	parts := bytes.SplitN(value, []byte(" "), 4)
	if len(parts) != 4 {
		return errors.New("cut short")
	}
	it := Item{Kind: Kind(parts[0]), Digest: string(parts[1]), Raw: parts[3]}
	if it.Digest == "none" {
		it.Digest = ""
	}
	switch k, inList := listed[it.Kind]; {
	case inList:
		it.ID = k.ID(it.Raw)
	case it.Kind == Local:
		it.ID = programID(it.Raw)
	case it.Kind != Instructions && it.Kind != Capabilities && it.Kind != Image && it.Kind != Engine:
		return errors.New("unknown kind")
	}
	on := string(parts[2]) == mark(true)
	if jsonrpc.Check(it.Raw) != nil { // an earlier version could read it
		it.Digest = ""
		if key == "item" && !on || key == "fitting" {
			return nil
		} else if key == "item" { // clients are never shown it again, and people are told
			key, on = "waiting", false
		}
	}
	switch key {
	case "item":
		it.Served = on
		r.Items = append(r.Items, it)
	case "waiting":
		it.Fits = on
		r.Waiting = append(r.Waiting, it)
	case "fitting":
		it.Fits = true
		r.Fitting = append(r.Fitting, it)
	case "found":
		r.Found = append(r.Found, it)
	}
	return nil
}

// outboxWith is the outbox with other bytes for those definitions that are among the approved ones.
func (r *Record) outboxWith(raw func(known []byte) []byte) []Entry {
	if len(r.Outbox) == 0 {
		return nil
	}
	known := make(map[string][]byte, len(r.Items))
	for _, it := range r.Items {
		known[it.version()] = it.Raw
	}
	all := slices.Clone(r.Outbox)
	for i := range all {
		all[i].Items = slices.Clone(all[i].Items)
		for j, it := range all[i].Items {
			if text, ok := known[Item{Kind: it.Kind, ID: it.ID, Digest: it.Digest}.version()]; ok {
				all[i].Items[j].Raw = raw(text)
			}
		}
	}
	return all
}

// resources keeps a list of resources on lines of its own.
func resources(s *catalog.Snapshot) [][]byte {
	var out [][]byte
	for _, raw := range s.Items[catalog.Resources] {
		out = append(out, oneLine(raw))
	}
	return out
}
