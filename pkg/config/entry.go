package config

import (
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// entry decodes one server. The first error refuses the server, and all of them
// are told.
type entry struct {
	report *report
	server *Server
	value  hujson.Value
	key    string                  // as written, of the option being decoded
	seen   map[string]hujson.Value // by the option that it is read as

	written  map[string]bool // the keys as written
	failures int             // how many errors were told

	global    bool            // it is the isolation at the top of the file, and no server
	workspace bool            // it stands in a workspace's file
	asked     *isolationAsked // nil: it has no isolation object
}

// fail records an error and refuses the server.
func (e *entry) fail(at hujson.Value, value, message, remedy string) {
	p := e.report.add(at.StartOffset, Problem{
		Server: e.server.Name, Severity: SeverityError, Value: value, Message: message, Remedy: remedy,
	})
	e.failures++
	if e.server.Refused == "" {
		e.server.Refused = p.reason()
	}
}

func (e *entry) warn(at hujson.Value, value, message, remedy string) {
	e.report.add(at.StartOffset, Problem{
		Server: e.server.Name, Severity: SeverityWarning, Value: value, Message: message, Remedy: remedy,
	})
}

func (e *entry) decode() {
	e.seen, e.written = map[string]hujson.Value{}, map[string]bool{}
	obj := e.value.Value.(*hujson.Object)
	e.foresee(obj)
	done := map[string]bool{}
	for _, m := range obj.Members {
		e.key = keyOf(m)
		if done[e.key] {
			e.fail(m.Name, excerpt(e.key), "this option stands here twice, and only one could count", "remove one of the two")
			continue
		}
		done[e.key] = true
		e.member(m)
	}
	e.checkProtocol()
	e.checkCommand()
	e.checkArgs()
	e.checkOAuth()
}

// foresee reads what has to be known before the options are: their names, which tell whose form it is, and the names of the entry's own
// variables, which its other texts may refer to.
func (e *entry) foresee(obj *hujson.Object) {
	for _, m := range obj.Members {
		key := keyOf(m)
		e.written[key] = true
		if m.Value.Value.Kind() == '[' && canonicalOption(key) == "command" {
			e.written["environment"] = true // opencode's form, in which this is the array's companion
		}
		inner, isObject := m.Value.Value.(*hujson.Object)
		switch {
		case !isObject:
		case key == "transport":
			e.foresee(inner)
		case canonicalOption(key) == "env":
			for _, v := range inner.Members {
				if v.Value.Value.Kind() != 'n' {
					e.server.own = append(e.server.own, keyOf(v))
				}
			}
		}
	}
}

// nested decodes an object whose members are options of the entry.
func (e *entry) nested(obj *hujson.Object) {
	for _, m := range obj.Members {
		e.key = keyOf(m)
		e.member(m)
	}
}

func (e *entry) member(m hujson.ObjectMember) {
	key := e.key
	name := canonicalOption(key)
	option := serverOptions.named(name)
	launch, isObject := m.Value.Value.(*hujson.Object)
	switch {
	case option == nil:
		e.unknown(m)
	case key == "transport" && isObject: // the rest of the launch stands in it
		e.nested(launch)
	case name == "name":
		if e.server.objectForm {
			e.warn(m.Name, "name", "the key in front of the entry is its name; this one is ignored", "remove it")
		}
	case m.Value.Value.Kind() == 'n':
		// null is how generators write "not set".
	default:
		if _, twice := e.seen[name]; twice && name != "enabled" {
			e.fail(m.Name, "", excerpt(key)+" means the same as another option of this entry", "keep "+name)
			return
		}
		if s := spelledAs(key); s != nil && s.decode != nil && key != name {
			s.decode(e, m.Value)
		} else {
			option.decode(e, e.server, m.Value)
		}
		e.seen[name] = m.Value
		if key != name {
			e.server.Spelt = append(e.server.Spelt, Spelt{name, excerpt(key)})
		}
	}
}

// drop tells of an option that has no effect.
func (e *entry) drop(at hujson.Value, message, remedy string) {
	e.dropAs(at, e.key, e.key, message, remedy)
}

// dropAs is drop for an option that is a member of another: import says its name with the other's.
func (e *entry) dropAs(at hujson.Value, key, whole, message, remedy string) {
	e.report.add(at.StartOffset, Problem{
		Server: e.server.Name, Severity: SeverityWarning, Value: excerpt(key), Message: message, Remedy: remedy, Dropped: excerpt(whole),
	})
}

// unknown deals with a key that is none of our options. What may restrain the server is not ignored.
func (e *entry) unknown(m hujson.ObjectMember) {
	s, v := spelledAs(e.key), m.Value
	switch {
	case s != nil && s.ignore != "":
		e.drop(m.Name, "an option of other clients, ignored here", s.ignore)
	case s != nil && s.mild == nil && saysNothing(v):
	case s != nil && s.mild != nil && s.mild(v):
		e.drop(m.Name, "an option of "+s.users()+" that changes nothing here, ignored", removeIt)
	case s != nil:
		e.fail(m.Name, e.key, "an option of "+s.users()+" that can't be kept here, so the server is not started without it", s.refuse)
	case slices.Contains(laterOptions, e.key):
		e.drop(m.Name, "not available in this version, ignored", "remove it, or leave it for a later version")
	case nearest(e.key, serverOptions.names()) == keyIsolation:
		e.fail(m.Name, excerpt(e.key), "unknown option, which may ask for a confinement", "did you mean isolation?")
	case restrains(e.key, v):
		e.fail(m.Name, excerpt(e.key), "unknown option, which may restrain the server, so it is not started without it", "write enabled_tools, disabled_tools or isolation, or remove it")
	default:
		e.drop(m.Name, "unknown option, ignored", suggest(e.key, serverOptions.names()))
	}
}

// checkProtocol checks what the protocol needs, and infers it where none is written.
func (e *entry) checkProtocol() {
	s := e.server
	_, hasCommand := e.seen["command"]
	_, hasURL := e.seen["url"]
	if _, given := e.seen["protocol"]; !given {
		switch {
		case hasCommand && hasURL:
			e.fail(e.value, "", "has both command and url", "remove one of the two")
			return
		case hasCommand:
			s.Protocol = ProtocolStdio
		case hasURL:
			s.Protocol = ProtocolHTTP
		default:
			e.fail(e.value, "", "has neither command nor url", `add "command" for a program or "url" for an HTTP server`)
			return
		}
	}
	switch s.Protocol {
	case ProtocolStdio:
		e.needs(hasCommand, "command", "url")
	case ProtocolHTTP, ProtocolSSE:
		e.needs(hasURL, "url", "command")
		e.checkURL()
	}
}

// needs checks the option a protocol requires, the one that contradicts it and
// the ones that mean nothing for it.
func (e *entry) needs(has bool, required, contrary string) {
	protocol := e.server.Protocol
	if !has {
		e.fail(e.value, "", "protocol "+protocol+" needs "+required, `add "`+required+`": "…"`)
	}
	if v, ok := e.seen[contrary]; ok {
		e.fail(v, "", contrary+" does not go with protocol "+protocol, "remove it, or change the protocol")
	}
	for _, o := range serverOptions {
		idle := o.local && protocol != ProtocolStdio || o.remote && protocol == ProtocolStdio
		if v, ok := e.seen[o.name]; ok && idle && o.name != contrary && !(o.name == "env" && e.server.usesOwn()) {
			e.warn(v, "", o.name+" means nothing with protocol "+protocol, "remove it")
		}
	}
}

func (e *entry) checkURL() {
	v, ok := e.seen["url"]
	if !ok || e.server.URL == "" || strings.Contains(e.server.URL, "${") {
		return // what it refers to is checked when it is known
	}
	if f := urlFault(e.server.URL, e.server.AllowInsecure); f != nil {
		e.fail(v, f.text, f.message, f.remedy)
	}
}
