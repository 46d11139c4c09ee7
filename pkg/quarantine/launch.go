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

// launch is what config.Server.Launch writes.
type launch struct {
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
	var l launch
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

// runners fetch a package by name when they are started.
var runners = []string{"npx", "pnpx", "bunx", "uvx", "pipx", "npm", "pnpm", "yarn", "bun", "deno"}

// commit ends the address of a repository at one state of it.
var commit = regexp.MustCompile(`[@#][0-9a-f]{40}\b`)

// unpinned is the package that a command fetches in whatever version is current, "" if it fetches none, or one of a version.
func unpinned(command string, args []string) string {
	base := path.Base(strings.ReplaceAll(strings.ToLower(command), `\`, "/"))
	base = strings.TrimSuffix(base, path.Ext(base)) // npx.cmd, uvx.exe
	if !slices.Contains(runners, base) {
		return ""
	}
	for _, a := range args {
		switch {
		case strings.HasPrefix(a, "-"), slices.Contains([]string{"exec", "run", "dlx", "x", "tool"}, a):
			continue
		case strings.HasPrefix(a, "git+"):
			if commit.MatchString(a) {
				return ""
			}
			return a
		case strings.HasPrefix(a, ".") || strings.HasPrefix(a, "/") || strings.Contains(a, "://"):
			return ""
		}
		at := strings.LastIndex(a, "@")
		version := ""
		if at > 0 {
			version = a[at+1:]
		}
		if _, v, found := strings.Cut(a, "=="); found {
			version = v
		}
		if version != "" && version[0] >= '0' && version[0] <= '9' && !strings.ContainsAny(version, "xX*^~") && strings.Count(version, ".") >= 1 {
			return ""
		}
		return a
	}
	return ""
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
