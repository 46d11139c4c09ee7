package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tailscale/hujson"
)

// Forms in which other programs write servers and that are not read here are recognised by name, so that nobody takes their servers for
// missing, or the file for empty.

const (
	laterImported = "mcpproxy-stdio import will read it in a later version; until then add each server: mcpproxy-stdio add NAME -- COMMAND, or add NAME --url URL"
	vsCodeMoved   = `put what stands in it into a file of its own, {"servers": {…}, "inputs": […]}, as VS Code's mcp.json has it, and import that`
)

// form is a form of somebody else's.
type form struct {
	key    string // at the top of the file
	name   string // whose it is
	remedy string
	found  func(v hujson.Value) []hujson.Value // the objects that hold servers, or the servers themselves
}

// forms are those in JSON. The first one that finds servers is taken for each key.
var forms = []form{
	{"mcp", "VS Code's settings.json", vsCodeMoved, serversUnder("servers")},
	{"mcp", "a form with mcp.mcpServers", laterImported, serversUnder("mcpServers")},
	{"mcp", "opencode's or Crush's form", laterImported, servers},
	{"mcp.servers", "VS Code's settings.json", vsCodeMoved, servers},
	{"context_servers", "Zed's settings.json", laterImported, servers},
	{"projects", "Claude Code's projects", laterImported, inProjects},
	{"mcp_servers", "Codex's form", laterImported, servers},
	{"amp.mcpServers", "Amp's settings.json", laterImported, servers},
	{"extensions", "Goose's form", laterImported, servers},
	{"mcp.mcpServers", "a settings.json", laterImported, servers},
	{"experimental", "Continue's config.json", laterImported, serversUnder("modelContextProtocolServers")},
	{"packages", "an MCP registry's server.json", laterImported, whole},
	{"remotes", "an MCP registry's server.json", laterImported, whole},
	{"server", "the manifest of an MCP bundle", laterImported, serversUnder("mcp_config")},
}

// servers are the members of an object that look like servers.
func servers(v hujson.Value) (found []hujson.Value) {
	switch list := v.Value.(type) {
	case *hujson.Object:
		for _, m := range list.Members {
			if looksLikeServer(m.Value) {
				found = append(found, m.Value)
			}
		}
	case *hujson.Array:
		for _, e := range list.Elements {
			if looksLikeServer(e) {
				found = append(found, e)
			}
		}
	}
	return found
}

func looksLikeServer(v hujson.Value) bool {
	obj, ok := v.Value.(*hujson.Object)
	return ok && slices.ContainsFunc(obj.Members, func(m hujson.ObjectMember) bool {
		switch canonicalOption(keyOf(m)) {
		case "command", "url":
			return true
		}
		key := keyOf(m)
		return key == "transport" || key == "uri" || key == "settings"
	})
}

// isBare tells whether a file is a map of servers with no mcpServers around it, as Warp has it.
func isBare(root *hujson.Object) bool {
	return len(root.Members) > 0 && !slices.ContainsFunc(root.Members, func(m hujson.ObjectMember) bool {
		obj, ok := m.Value.Value.(*hujson.Object)
		return !ok || !slices.ContainsFunc(obj.Members, func(m hujson.ObjectMember) bool {
			option := canonicalOption(keyOf(m))
			return option == "command" || option == "url"
		})
	})
}

// serversUnder finds servers one level deeper.
func serversUnder(key string) func(hujson.Value) []hujson.Value {
	return func(v hujson.Value) []hujson.Value {
		inner, ok := memberOf(v, key)
		if !ok {
			return nil
		}
		if looksLikeServer(inner) {
			return []hujson.Value{inner}
		}
		return servers(inner)
	}
}

func memberOf(v hujson.Value, key string) (hujson.Value, bool) {
	if obj, ok := v.Value.(*hujson.Object); ok {
		if i := memberIndex(obj, key); i >= 0 {
			return obj.Members[i].Value, true
		}
	}
	return hujson.Value{}, false
}

func inProjects(v hujson.Value) (found []hujson.Value) {
	if obj, ok := v.Value.(*hujson.Object); ok {
		for _, m := range obj.Members {
			found = append(found, serversUnder(keyServers)(m.Value)...)
		}
	}
	return found
}

// whole is a list that describes one server.
func whole(v hujson.Value) []hujson.Value {
	list, ok := v.Value.(*hujson.Array)
	if !ok || len(list.Elements) == 0 {
		return nil
	}
	obj, ok := list.Elements[0].Value.(*hujson.Object)
	if ok && (memberIndex(obj, "identifier") >= 0 || memberIndex(obj, "registryType") >= 0 || memberIndex(obj, "url") >= 0) {
		return []hujson.Value{v}
	}
	return nil
}

// foreign reports servers in a form that is not read. It tells whether there are some.
func (d *decoder) foreign(key string, m hujson.ObjectMember) bool {
	for _, f := range forms {
		if f.key != key {
			continue
		}
		found := f.found(m.Value)
		if len(found) == 0 {
			continue
		}
		left := "1 server in it is left out"
		if len(found) > 1 {
			left = fmt.Sprintf("%d servers in it are left out", len(found))
		}
		at := m.Name.StartOffset
		if key == "projects" {
			at = found[0].StartOffset
		}
		d.unread = append(d.unread, d.add(at, Problem{
			Severity: SeverityWarning, Value: excerpt(key),
			Message: "this is " + f.name + ", which is not read here: " + left, Remedy: f.remedy, Unread: true,
		}))
		return true
	}
	return false
}

// checkServers makes an error of a file that has no servers we read, if it has others or is somebody else's altogether.
func (d *decoder) checkServers() {
	if d.workspace || d.hasServers || d.src.blank {
		return
	}
	if len(d.unread) > 0 {
		for i, p := range d.problems {
			if slices.Contains(d.unread, p) {
				d.problems[i].Severity = SeverityError
			}
		}
		return
	}
	if d.unknownKeys > 0 && len(d.config.Servers) == 0 {
		d.add(d.src.root.StartOffset, Problem{
			Severity: SeverityError, Message: "there is neither mcpServers nor servers in this file, so no server is configured",
			Remedy: `write {"mcpServers": [ … ]}`,
		})
	}
}

// Compiled when they are needed: every start of the proxy would pay for it.
var (
	tomlTable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^[ \t]*\[\[?["\w.-]+\]\]?[ \t]*(#.*)?\r?$`) })
	yamlKey   = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^(mcpServers|mcp_servers|servers|extensions|mcp):[ \t]*(#.*)?\r?$`)
	})
)

// asOtherLanguage is the error about a text that can't be read, by the name of its language where that is known.
func asOtherLanguage(path string, data []byte, err error) error {
	if other := otherLanguage(path, data); other != nil {
		return other
	}
	return err
}

// otherLanguage tells whether a text that is no JSON is a configuration in another language, as a SyntaxError; nil if it is not.
func otherLanguage(path string, data []byte) *SyntaxError {
	problem := func(at []int, name string) *SyntaxError {
		line := 1
		if at != nil {
			from := at[0] + len(data[at[0]:at[1]]) - len(bytes.TrimLeft(data[at[0]:at[1]], " \t\r\n"))
			line = 1 + bytes.Count(data[:from], []byte("\n"))
		}
		return &SyntaxError{Path: path, Line: line, Column: 1, Message: "this is " + name + ", which is not read here", Remedy: laterImported}
	}
	ext := strings.ToLower(filepath.Ext(path))
	codex := bytes.Contains(data, []byte("mcp_servers"))
	switch table, key := tomlTable().FindIndex(data), yamlKey().FindSubmatchIndex(data); {
	case ext == ".toml" && codex, ext != ".yaml" && ext != ".yml" && table != nil && codex:
		return problem(table, "Codex's config.toml (TOML)")
	case ext == ".toml":
		return problem(table, "TOML")
	case key != nil && string(data[key[2]:key[3]]) == "extensions":
		return problem(key, "Goose's config.yaml (YAML)")
	case key != nil && bytes.Contains(data, []byte("- name:")):
		return problem(key, "Continue's config.yaml (YAML)")
	case key != nil:
		return problem(key, "YAML, as LibreChat and others have it")
	case ext == ".yaml" || ext == ".yml":
		return problem(nil, "YAML")
	}
	return nil
}
