package quarantine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// LaunchText is a launch as people are shown it: whole, and escaped, so that what is read is what is run.
type LaunchText struct {
	Line      string   // the command line, or the URL
	Dir       string   // working_dir, as written: not escaped; "" for the workspace
	Env       []string // names, with their values and what these refer to
	Headers   []string
	Login     []string // the options of oauth, without secrets
	Isolation string   // how it is confined, all of it
	More      []string // options that have no words of their own here, each as "name: value"
	File      string   // the workspace's file it comes from, not escaped; "" for the user's own
	Notes     []string // what a person should know of it
}

// NotIsolated is the Isolation of a program that runs as it is.
const NotIsolated = "not isolated (runs as you)"

// Fact is one part of a launch as it is shown.
type Fact struct{ Label, Text string }

// Facts are all parts of a launch but its line, in the order in which they are shown. Whatever shows a launch shows these, so that nothing
// of it is approved unseen.
func (t LaunchText) Facts() []Fact {
	var all []Fact
	add := func(label, text string) {
		if text != "" {
			all = append(all, Fact{label, text})
		}
	}
	if t.Dir != "" {
		add("Directory", Word(t.Dir))
	}
	add("Variables", strings.Join(t.Env, ", "))
	add("Headers", strings.Join(t.Headers, ", "))
	add("Login", strings.Join(t.Login, ", "))
	add("Isolation", t.Isolation)
	add("Options", strings.Join(t.More, ", "))
	for _, note := range t.Notes {
		add("Note", note)
	}
	return all
}

// writtenLaunch is what config.Server.Launch and LaunchShown write.
type writtenLaunch struct {
	Protocol, Command, URL string
	Args                   []string
	Dir                    string `json:"working_dir"`
	Query                  []value
	AllowHTTP              bool `json:"allow_http"`
	Env, Headers           []value
	EnvFile                string   `json:"env_file"`
	Unset                  []string `json:"unset_env"`
	OAuth                  map[string]json.RawMessage
	Isolation              *isolation
	File                   string `json:"workspace_file"`
	Entry                  string `json:"entry_hmac"` // of all of a workspace's entry; a person is told that it is another one
}

// misplaced are the members that mean nothing to a program of this machine (true) or to a server elsewhere (false). They are shown all the
// same, as written.
var misplaced = map[bool][]string{true: {"url", "query", "allow_http"}, false: {"command", "args", "working_dir", "isolation"}}

// unworded are the members of an object that known, a struct, has no field for, and some others, each as "name: value". An option that is
// new here is shown like that.
func unworded(raw []byte, known any, others ...string) (all []string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	has := map[string]bool{}
	for t, i := reflect.TypeOf(known), 0; i < t.NumField(); i++ {
		if field := t.Field(i); field.IsExported() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			has[cmp.Or(name, strings.ToLower(field.Name))] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !has[name] || slices.Contains(others, name) {
			text := string(members[name])
			json.Unmarshal(members[name], &text) // a string as it is, of others the JSON
			all = append(all, Word(name)+": "+Word(text))
		}
	}
	return all
}

// value is one value of a launch.
type value struct {
	Name, Value string
	Refs        []string
	Literal     any // hex digits; once true, for a secret that is written out
	Secret      bool
	more        []string
}

// UnmarshalJSON keeps the members that have no words here.
func (v *value) UnmarshalJSON(raw []byte) error {
	type plain value
	v.more = unworded(raw, plain{})
	return json.Unmarshal(raw, (*plain)(v))
}

// words show a value with its name. What is written out may be a secret: it is there for people alone (whole), and what is plainly one
// for nobody.
func (v value) words(between string, whole bool) string {
	text := v.known(between, whole)
	if len(v.more) > 0 {
		text += " (" + strings.Join(v.more, ", ") + ")"
	}
	return text
}

func (v value) known(between string, whole bool) string {
	text := Word(v.Name)
	switch {
	case v.Secret && v.Value != "":
		return text + between + v.Value // a scheme, and our own words
	case v.Secret:
		return text + between + "(a secret)"
	case v.Value != "" && whole:
		return text + between + Word(v.Value)
	case v.Value != "" || v.Literal != nil:
		text += between + "…"
	}
	if len(v.Refs) > 0 {
		text += " from " + Word(strings.Join(v.Refs, ", "))
	}
	return text
}

// ReadLaunch words a canonical launch. What may hold a secret (the query of a URL, the value of a variable) is shown only to people (whole).
func ReadLaunch(canonical []byte, whole bool) LaunchText {
	var l writtenLaunch
	if err := json.Unmarshal(canonical, &l); err != nil {
		return LaunchText{Line: "unreadable: " + err.Error()}
	}
	local := l.Protocol == config.ProtocolStdio
	t := LaunchText{Dir: l.Dir, File: l.File, Isolation: NotIsolated, More: unworded(canonical, l, misplaced[local]...)}
	if !local && l.Protocol != config.ProtocolHTTP {
		t.More = append(t.More, "protocol: "+Word(l.Protocol))
	}
	setsPath := false
	for _, v := range l.Env {
		setsPath = setsPath || strings.EqualFold(v.Name, "PATH")
		t.Env = append(t.Env, v.words("=", whole))
	}
	if l.EnvFile != "" {
		t.Env = append(t.Env, "and those in the file "+Word(l.EnvFile))
	}
	for _, name := range l.Unset {
		t.Env = append(t.Env, "without "+Word(name))
	}
	for _, v := range l.Headers {
		t.Headers = append(t.Headers, v.words(": ", whole))
	}
	if l.OAuth != nil && len(l.OAuth) == 0 {
		t.Login = []string{"{}"}
	}
	for _, name := range slices.Sorted(maps.Keys(l.OAuth)) {
		t.Login = append(t.Login, name+": "+loginOption(l.OAuth[name], whole))
	}
	if !local {
		t.Isolation, t.Dir = "remote", ""
		t.Line = Word(l.URL)
		if len(l.Query) > 0 {
			t.Line += "?" + queryWords(l.Query, whole)
		}
		if l.AllowHTTP {
			t.Notes = append(t.Notes, "plain http is allowed: it can be read and changed on the way")
		}
		return t
	}
	switch {
	case l.Isolation != nil:
		t.Isolation = l.Isolation.words(l.Command)
		t.Notes = append(t.Notes, l.Isolation.notes(l.Dir)...)
	case config.StartsContainer(l.Command, l.Args, setsPath):
		t.Isolation = "its command starts a container: " + Word(path.Base(strings.ReplaceAll(l.Command, `\`, "/"))) + " run, confined as its arguments say"
	}
	words := []string{Word(l.Command)}
	for _, a := range l.Args {
		words = append(words, Word(a))
	}
	t.Line = strings.Join(words, " ")
	if pkg := unpinned(l.Command, l.Args); pkg != "" {
		t.Notes = append(t.Notes, fmt.Sprintf("%s is not pinned: each start may run another version", Word(pkg)))
	}
	return t
}

// queryWords are the parameters of a URL, each as a word of its own.
func queryWords(query []value, whole bool) string {
	words := make([]string, len(query))
	for i, v := range query {
		switch words[i] = Word(v.Name); {
		case v.Value == "" && v.Literal == nil && !v.Secret && len(v.Refs) == 0: // a name alone
		case v.Secret && v.Value != "":
			words[i] += v.Value
		case whole && v.Value != "":
			words[i] += Word(v.Value)
		case whole && v.Literal == nil && len(v.Refs) > 0:
			words[i] += "=" + Word("${"+v.Refs[0]+"}")
		default:
			words[i] += "=…"
		}
	}
	return strings.Join(words, "&")
}

// loginOption shows the value of an option of oauth: a string as it is, of a secret where it comes from, of others the JSON.
func loginOption(raw json.RawMessage, whole bool) string {
	var text string
	var one value
	var params []value
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return Word(text)
	case json.Unmarshal(raw, &one) == nil:
		return strings.TrimPrefix(strings.TrimPrefix(one.words("", whole), `""`), " ")
	case json.Unmarshal(raw, &params) == nil && len(params) > 0 && params[0].Name != "":
		var words []string
		for _, v := range params {
			words = append(words, v.words("=", whole))
		}
		return strings.Join(words, " ")
	}
	return Word(string(raw))
}

// ChangedValues names the values that are written out otherwise in another launch: variables, headers and parameters that both have. The
// launches have hashes of them.
func ChangedValues(was, now []byte) (names []string) {
	var a, b writtenLaunch
	if json.Unmarshal(was, &a) != nil || json.Unmarshal(now, &b) != nil {
		return nil
	}
	params := func(l writtenLaunch) (params []value) {
		json.Unmarshal(l.OAuth["authorize_params"], &params)
		return params
	}
	secret := func(l writtenLaunch) []value {
		v := value{Name: "client_secret"}
		json.Unmarshal(l.OAuth["client_secret"], &v)
		return []value{v}
	}
	for _, of := range []struct {
		before, behind string
		was, now       []value
	}{{"variable ", "", a.Env, b.Env}, {"header ", "", a.Headers, b.Headers}, {"parameter ", "", a.Query, b.Query},
		{"parameter ", " of the login", params(a), params(b)}, {"", " of the login", secret(a), secret(b)}} {
		for _, v := range of.now {
			i := slices.IndexFunc(of.was, func(o value) bool { return o.Name == v.Name })
			if i >= 0 && (of.was[i].Literal != v.Literal || of.was[i].Secret != v.Secret) {
				names = append(names, of.before+Word(v.Name)+of.behind)
			}
		}
	}
	return names
}

// Word shows a word as a shell would take it, in ASCII, so that nothing in it can pass for something else.
func Word(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./-_?&~^{}$", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// unpinned is the package that a command fetches in whatever version is current, "" if it fetches none, or one of a version.
func unpinned(command string, args []string) string {
	r, ok := launch.Parse(command, args)
	if !ok || len(r.Local) > 0 {
		return ""
	}
	for _, p := range r.Packages {
		if !launch.Pinned(p) {
			return p
		}
	}
	return ""
}
