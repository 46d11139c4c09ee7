package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// maxServerName bounds an entry's name, in characters.
const maxServerName = 128

// decoder fills a Config from a syntax tree.
type decoder struct {
	report
	config    *Config
	lines     map[string]int // of the names seen
	entries   []*entry       // of config.Servers
	workspace bool           // the file is a workspace's

	off         turnedOff
	hasServers  bool      // there is a key for servers of ours
	unknownKeys int       // at the top
	unread      []Problem // servers in forms that are not read
}

const bareRemedy = `write {"mcpServers": …} around them`

// file decodes the top level. Only what makes the whole file meaningless is an
// error: a running program keeps its configuration then, instead of losing all
// servers to one slip.
func (d *decoder) file() error {
	d.lines = map[string]int{}
	if d.src.blank {
		d.add(0, Problem{
			Severity: SeverityWarning, Message: "the file is empty: nothing is configured",
			Remedy: `write {"mcpServers": [ … ]}`,
		})
		return nil
	}
	root, ok := d.src.root.Value.(*hujson.Object)
	if !ok {
		return d.src.syntaxError(&fault{
			d.src.root.StartOffset, kindName(d.src.root), "the configuration is not an object",
			`put it between braces: {"mcpServers": [ … ]}`,
		})
	}
	if !d.workspace && isBare(root) {
		d.add(d.src.root.StartOffset, Problem{
			Severity: SeverityWarning, Message: "the servers stand here with no mcpServers around them, as Warp has them", Remedy: bareRemedy,
		})
		return d.servers(keyServers, d.src.root)
	}
	seen := map[string]bool{}
	for _, m := range root.Members {
		key := keyOf(m)
		if seen[key] {
			return d.src.syntaxError(&fault{m.Name.StartOffset, excerpt(key), "this key stands here twice, and only one could count", "join the two"})
		}
		seen[key] = true
		if err := d.topLevel(key, m); err != nil {
			return err
		}
	}
	d.turnOff()
	d.checkServers()
	return nil
}

func (d *decoder) topLevel(key string, m hujson.ObjectMember) error {
	switch key {
	case keyServers, keyServersVSCode:
		d.hasServers = true
		return d.servers(key, m.Value)
	case keyIsolation:
		d.isolation(m)
	case keySchema:
	case keyInputs:
		d.inputs(m)
	default:
		if o := fileOptions.named(key); o != nil {
			d.option(o, m.Value)
			break
		}
		if d.meansIsolation(key, m) || d.namesServers(key, m) || d.foreign(key, m) {
			break
		}
		d.unknownKeys++
		d.add(m.Name.StartOffset, Problem{
			Severity: SeverityWarning, Value: excerpt(key), Message: "unknown option, ignored",
			Remedy: suggest(key, fileOptions.names()),
		})
	}
	return nil
}

func (d *decoder) servers(key string, v hujson.Value) error {
	switch list := v.Value.(type) {
	case *hujson.Array:
		for i, e := range list.Elements {
			if d.full(e, len(list.Elements)-i) {
				break
			}
			d.element(fmt.Sprintf("%s[%d]", key, i), e)
		}
	case *hujson.Object:
		for i, m := range list.Members {
			if d.full(m.Name, len(list.Members)-i) {
				break
			}
			d.member(m)
		}
	default:
		if v.Value.Kind() == 'n' {
			return nil
		}
		return d.src.syntaxError(&fault{
			v.StartOffset, kindName(v), key + " is neither an array nor an object",
			`write "` + key + `": [ … ]`,
		})
	}
	return nil
}

// full tells whether no more entries are taken from the file, and reports how many are left out.
func (d *decoder) full(at hujson.Value, left int) bool {
	if !d.workspace || len(d.config.Servers) < maxWorkspaceServers {
		return false
	}
	d.add(at.StartOffset, Problem{
		Severity: SeverityError, Value: fmt.Sprint(left),
		Message: fmt.Sprintf("a workspace may propose %d servers; this one and all that follow are left out", maxWorkspaceServers),
		Remedy:  "remove some",
	})
	return true
}

// element decodes one entry of the array form.
func (d *decoder) element(place string, v hujson.Value) {
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		d.drop(v, place, kindName(v), "is not an object", `write {"name": …, "protocol": …}`)
		return
	}
	var name *hujson.Value
	for i := range obj.Members {
		if keyOf(obj.Members[i]) == "name" {
			name = &obj.Members[i].Value
			break
		}
	}
	switch {
	case name == nil:
		d.drop(v, place, "", "has no name and is left out", `add "name": "…"`)
	case name.Value.Kind() != '"':
		d.drop(*name, place, kindName(*name), "has a name that is not a string and is left out", `write "name": "…"`)
	default:
		d.entry(place, textOf(*name), *name, v, false)
	}
}

// member decodes one entry of the object form.
func (d *decoder) member(m hujson.ObjectMember) {
	name := keyOf(m)
	if _, ok := m.Value.Value.(*hujson.Object); !ok {
		d.drop(m.Value, fmt.Sprintf("%q", excerpt(name)), kindName(m.Value), "is not an object", `write {"command": …} or {"url": …}`)
		return
	}
	d.entry("this entry", name, m.Name, m.Value, true)
}

func (d *decoder) drop(at hujson.Value, place, value, message, remedy string) {
	d.add(at.StartOffset, Problem{Severity: SeverityError, Value: value, Message: place + " " + message, Remedy: remedy})
}

// entry checks the name and decodes the rest.
func (d *decoder) entry(place, name string, at, v hujson.Value, objectForm bool) {
	if why := nameFault(name); why != "" {
		d.drop(at, place, excerpt(name), "has a name that "+why+" and is left out",
			fmt.Sprintf("names have 1 to %d printable characters, a letter or a digit among them, and no backslash", maxServerName))
		return
	}
	line, column := d.src.position(v.StartOffset)
	if first, taken := d.lines[name]; taken {
		d.add(at.StartOffset, Problem{
			Server: name, Severity: SeverityError, Value: excerpt(name),
			Message: fmt.Sprintf("this name is taken by the entry in line %d, and this one is left out", first),
			Remedy:  "rename or remove one of the two",
		})
		return
	}
	d.lines[name] = line
	e := &entry{
		report: &d.report,
		server: &Server{
			Name: name, Enabled: true, Start: StartLazy, ToolChanges: ToolChangesReview,
			StartTimeout: DefaultStartTimeout, StartWait: DefaultStartWait,
			Path: d.src.path, Line: line, Column: column, objectForm: objectForm, entry: d.digest(v),
		},
		value: v, workspace: d.workspace,
	}
	e.decode()
	d.config.Servers = append(d.config.Servers, e.server)
	d.entries = append(d.entries, e)
}

// digest is the hex SHA-256 of a value as it stands in the file, comments included.
func (d *decoder) digest(v hujson.Value) string {
	sum := sha256.Sum256(d.src.data[v.StartOffset:v.EndOffset])
	return hex.EncodeToString(sum[:])
}

func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case utf8.RuneCountInString(name) > maxServerName:
		return "is too long"
	case strings.Contains(name, `\`):
		return "contains a backslash"
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return "has neither a letter nor a digit"
	case strings.TrimSpace(name) != name:
		return "begins or ends with a space"
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "contains a character that cannot be printed"
	}
	return ""
}
