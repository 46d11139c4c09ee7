package quarantine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
)

// LaunchText is a launch as people are shown it: whole, and escaped, so that what is read is what is run.
type LaunchText struct {
	Line      string   // the command line, or the URL
	Dir       string   // working_dir, as written: not escaped; "" for the workspace
	Env       []string // names, with what they refer to, and the values of those that decide what is run
	Headers   []string
	Login     []string // the options of oauth, without secrets
	Isolation string   // how it is confined, all of it
	File      string   // the workspace's file it comes from, not escaped; "" for the user's own
	Notes     []string // what a person should know of it
}

// writtenLaunch is what config.Server.Launch writes.
type writtenLaunch struct {
	Protocol, Command, URL string
	Args                   []string
	Dir                    string `json:"working_dir"`
	AllowHTTP              bool   `json:"allow_http"`
	Env, Headers           []struct {
		Name, Value string
		Refs        []string
	}
	OAuth     map[string]json.RawMessage
	Isolation *isolation
	File      string `json:"workspace_file"`
}

// ReadLaunch words a canonical launch. What may hold a secret (the query of a URL, the value of a variable) is shown only to people (whole).
func ReadLaunch(canonical []byte, whole bool) LaunchText {
	var l writtenLaunch
	if err := json.Unmarshal(canonical, &l); err != nil {
		return LaunchText{Line: "unreadable: " + err.Error()}
	}
	t := LaunchText{Dir: l.Dir, File: l.File, Isolation: "none: it runs with your rights"}
	setsPath := false
	for _, v := range l.Env {
		setsPath = setsPath || strings.EqualFold(v.Name, "PATH")
		value := v.Value
		if !whole && value != "" { // an index of packages is reached with a password, at times
			value = "…"
		}
		t.Env = append(t.Env, worded(v.Name, value, v.Refs, "="))
		if v.Value != "" {
			t.Notes = append(t.Notes, "sets "+Word(v.Name)+", which decides what is run")
		}
	}
	for _, v := range l.Headers {
		t.Headers = append(t.Headers, worded(v.Name, v.Value, v.Refs, ": "))
	}
	for _, name := range slices.Sorted(maps.Keys(l.OAuth)) {
		value := "…"
		if whole || name != "authorize_params" { // what an authorization server wants may be a key
			value = loginOption(l.OAuth[name])
		}
		t.Login = append(t.Login, name+": "+value)
	}
	if l.Protocol != "stdio" {
		t.Isolation = "does not apply: it runs elsewhere"
		t.Line = Word(l.URL)
		if u, err := url.Parse(l.URL); err == nil && u.RawQuery != "" && !whole {
			u.RawQuery = ""
			t.Line = Word(u.String()) + "?…"
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

// loginOption shows the value of an option of oauth: a string as it is, of a secret where it comes from, of others the JSON.
func loginOption(raw json.RawMessage) string {
	var text string
	var secret struct {
		Refs    []string
		Literal bool
	}
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return Word(text)
	case json.Unmarshal(raw, &secret) == nil && (secret.Literal || secret.Refs != nil):
		if secret.Refs == nil {
			return "…"
		}
		return "from " + Word(strings.Join(secret.Refs, ", "))
	}
	return Word(string(raw))
}

func worded(name, value string, refs []string, between string) string {
	text := Word(name)
	switch value {
	case "":
	case "…":
		text += between + value
	default:
		text += between + Word(value)
	}
	if len(refs) > 0 {
		text += " from " + Word(strings.Join(refs, ", "))
	}
	return text
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

// commit ends the address of a repository at one state of it.
var commit = regexp.MustCompile(`[@#][0-9a-f]{40}\b`)

// unpinned is the package that a command fetches in whatever version is current, "" if it fetches none, or one of a version.
func unpinned(command string, args []string) string {
	r, ok := launch.Parse(command, args)
	if !ok || len(r.Local) > 0 {
		return ""
	}
	for _, p := range r.Packages {
		if !pinned(p) {
			return p
		}
	}
	return ""
}

// pinned tells whether a package is named with one version, or with one state of its repository.
func pinned(spec string) bool {
	if strings.HasPrefix(spec, "git+") {
		return commit.MatchString(spec)
	}
	if strings.Contains(spec, "://") {
		return true // of a file at an address nothing is known
	}
	version := ""
	if at := strings.LastIndex(spec, "@"); at > 0 {
		version = strings.TrimPrefix(spec[at+1:], "v") // go's
	}
	if _, v, found := strings.Cut(spec, "=="); found {
		version = v
	}
	return version != "" && version[0] >= '0' && version[0] <= '9' && !strings.ContainsAny(version, "xX*^~") && strings.Count(version, ".") >= 1
}

// withoutQuery is a canonical launch to be kept: the query of its URL, which may hold a secret, is not.
func withoutQuery(canonical []byte) []byte {
	raw := protocol.Field(canonical, "url")
	address, _, found := strings.Cut(string(jsonrpc.Unquote(raw)), "?")
	if !found {
		return canonical
	}
	return bytes.Replace(canonical, raw, jsonrpc.Quote(address+"?…"), 1)
}
