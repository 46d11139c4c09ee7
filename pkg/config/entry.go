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
	key    string // as written, of the option being decoded
	seen   map[string]hujson.Value

	failures int // how many errors were told

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
	e.seen = map[string]hujson.Value{}
	written := map[string]bool{}
	for _, m := range e.value.Value.(*hujson.Object).Members {
		e.key = keyOf(m)
		if written[e.key] {
			e.fail(m.Name, excerpt(e.key), "this option stands here twice, and only one could count", "remove one of the two")
			continue
		}
		written[e.key] = true
		e.member(m)
	}
	e.checkProtocol()
	e.checkOAuth()
}

func (e *entry) member(m hujson.ObjectMember) {
	name := e.key
	if canonical := aliases[name]; canonical != "" {
		if !e.server.objectForm {
			e.aliasInArray(m, canonical)
			return
		}
		name = canonical
	}
	option := optionNamed(name)
	switch {
	case option == nil:
		e.unknown(m.Name)
	case name == "name":
		if e.server.objectForm {
			e.warn(m.Name, "name", "the key in front of the entry is its name; this one is ignored", "remove it")
		}
	case m.Value.Value.Kind() == 'n':
		// null is how generators write "not set".
	default:
		if _, twice := e.seen[name]; twice && name != "enabled" {
			e.fail(m.Name, "", excerpt(e.key)+" means the same as another option of this entry", "keep "+name)
			return
		}
		option.decode(e, m.Value)
		e.seen[name] = m.Value
	}
}

// aliasInArray deals with a name of the object form in the array form. Of these,
// "disabled": true must not be ignored: the server would run.
func (e *entry) aliasInArray(m hujson.ObjectMember, canonical string) {
	if e.key == "disabled" && !(m.Value.Value.Kind() == 'f' || m.Value.Value.Kind() == 'n') {
		e.fail(m.Name, "", "disabled is not an option of this form", `write "enabled": false`)
		return
	}
	e.warn(m.Name, e.key, "unknown option, ignored", "did you mean "+canonical+"?")
}

func (e *entry) unknown(name hujson.Value) {
	switch remedy, foreign := foreignOptions[e.key]; {
	case foreign:
		e.warn(name, e.key, "an option of other clients, ignored here", remedy)
	case slices.Contains(laterOptions, e.key):
		e.warn(name, e.key, "not available in this version, ignored", "remove it, or leave it for a later version")
	case nearest(e.key, optionNames()) == keyIsolation:
		e.fail(name, excerpt(e.key), "unknown option, which may ask for a confinement", "did you mean isolation?")
	default:
		e.warn(name, excerpt(e.key), "unknown option, ignored", suggest(e.key, optionNames()))
	}
}

// checkProtocol checks what the protocol needs, and infers it in the object form.
func (e *entry) checkProtocol() {
	s := e.server
	_, hasCommand := e.seen["command"]
	_, hasURL := e.seen["url"]
	if _, given := e.seen["protocol"]; !given {
		switch {
		case hasCommand && hasURL:
			e.fail(e.value, "", "has both command and url", "remove one of the two")
			return
		case !s.objectForm:
			e.fail(e.value, "", "has no protocol", e.protocolRemedy(hasCommand, hasURL))
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
		e.needs(hasCommand, "command", "url", "headers", "allow_http")
	case ProtocolHTTP, ProtocolSSE:
		e.needs(hasURL, "url", "command", "args", "env", "working_dir")
		e.checkURL()
	}
}

func (e *entry) protocolRemedy(hasCommand, hasURL bool) string {
	switch {
	case hasCommand:
		return `add "protocol": "stdio"`
	case hasURL:
		return `add "protocol": "http"`
	}
	return `add "protocol": "stdio" with a command, or "protocol": "http" with a url`
}

// needs checks the option a protocol requires, the one that contradicts it and
// the ones that mean nothing for it.
func (e *entry) needs(has bool, required, contrary string, idle ...string) {
	protocol := e.server.Protocol
	if !has {
		e.fail(e.value, "", "protocol "+protocol+" needs "+required, `add "`+required+`": "…"`)
	}
	if v, ok := e.seen[contrary]; ok {
		e.fail(v, "", contrary+" does not go with protocol "+protocol, "remove it, or change the protocol")
	}
	for _, name := range idle {
		if v, ok := e.seen[name]; ok {
			e.warn(v, "", name+" means nothing with protocol "+protocol, "remove it")
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
