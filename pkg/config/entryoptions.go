package config

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// How the options of an entry are read whose type does not say it all: each method sets its own or fails.

// command is the program; opencode writes it with its arguments, as an array.
func (e *entry) command(_ *Server, v hujson.Value) {
	if list, ok := v.Value.(*hujson.Array); ok {
		if len(list.Elements) == 0 {
			e.fail(v, "[]", "command is empty", "name the program to run")
			return
		}
		e.commandText(list.Elements[0])
		rest := hujson.Value{StartOffset: v.StartOffset, EndOffset: v.EndOffset, Value: &hujson.Array{Elements: list.Elements[1:]}}
		e.server.Args = append(e.texts(rest, true), e.server.Args...)
		return
	}
	e.commandText(v)
}

func (e *entry) commandText(v hujson.Value) {
	if text, ok := e.text(v, e.key, shown(v)); ok {
		e.server.Command = text
		switch {
		case strings.TrimSpace(text) == "":
			e.fail(v, `""`, "command is empty", "name the program to run")
		case strings.HasPrefix(text, "~/"):
			e.fail(v, "~", "~ is the shell's, and no shell runs here", "write ${env:HOME}/…")
		}
	}
}

func (e *entry) args(_ *Server, v hujson.Value) {
	e.server.Args = append(e.server.Args, e.texts(v, true)...)
}

func (e *entry) url(_ *Server, v hujson.Value) {
	if text, ok := e.text(v, e.key, kindName(v)); ok {
		e.server.URL = text
		if text == "" {
			e.fail(v, `""`, "url is empty", `write "https://…"`)
		}
	}
}

func (e *entry) protocol(_ *Server, v hujson.Value) {
	if v.Value.Kind() == '"' {
		if e.server.Protocol = protocolNamed(textOf(v)); e.server.Protocol != "" {
			return
		}
		if text := plainKey(textOf(v)); text == "ws" || text == "websocket" {
			e.fail(v, shown(v), "servers are not reached by WebSocket", "use the server's HTTP address")
			return
		}
	}
	e.server.Protocol = e.choice(v, "", []string{ProtocolStdio, ProtocolHTTP, ProtocolSSE})
}

func (e *entry) switched(v hujson.Value, enabled bool) {
	if _, twice := e.seen["enabled"]; twice && enabled != e.server.Enabled {
		e.fail(v, e.key, "enabled and disabled contradict each other", "remove one of the two")
		return
	}
	e.server.Enabled = enabled
}

func (e *entry) workingDir(_ *Server, v hujson.Value) {
	if text, ok := e.text(v, e.key, shown(v)); ok {
		e.server.Dir = text
		if text == "~" || strings.HasPrefix(text, "~/") {
			e.fail(v, "~", "~ is the shell's, and no shell runs here", "write ${env:HOME}/…")
		}
	}
}

func (e *entry) env(_ *Server, v hujson.Value) {
	e.server.Env = e.vars(v, "env", func(name, _ string) (string, string) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return "is not the name of a variable", "names are not empty and have no ="
		}
		return "", ""
	})
}

func (e *entry) envFile(_ *Server, v hujson.Value) {
	if text, ok := e.text(v, e.key, shown(v)); ok {
		e.server.EnvFile = text
		switch {
		case text == "":
			e.fail(v, `""`, e.key+" is empty", "remove it, or name a file")
		case text == "~" || strings.HasPrefix(text, "~/"):
			e.fail(v, "~", "~ is the shell's, and no shell runs here", "write ${env:HOME}/…")
		}
	}
}

func (e *entry) headers(_ *Server, v hujson.Value) {
	e.server.Headers = e.vars(v, "headers", func(name, value string) (string, string) {
		switch {
		case !IsToken(name):
			return "is not the name of a header", "names have letters, digits and hyphens"
		case strings.ContainsAny(value, "\r\n"):
			return "is a header whose value has a line break", "remove it"
		}
		return "", ""
	})
}

func (e *entry) enabledTools(_ *Server, v hujson.Value) {
	// Not nil: an empty list allows nothing, where no list allows everything.
	e.server.EnabledTools = append([]string{}, e.tools(v)...)
	if len(e.server.EnabledTools) == 0 {
		e.warn(v, "[]", "enabled_tools is empty: no tool is offered", "remove it to offer all")
	}
}

func (e *entry) tools(v hujson.Value) []string {
	names := e.texts(v, false)
	for i, name := range names {
		if _, err := path.Match(name, ""); err != nil || name == "" {
			at := v.Value.(*hujson.Array).Elements[i]
			e.fail(at, shown(at), e.key+" has a pattern that cannot be read", `write a tool's name, or * for any text; \[ is a bracket`)
		}
	}
	return names
}

// filled reads a string that must not be empty.
func (e *entry) filled(v hujson.Value) string {
	text, ok := e.text(v, e.key, kindName(v))
	if ok && text == "" {
		e.fail(v, `""`, e.key+" is empty", "remove it, or write what belongs there")
	}
	return text
}

// text reads a string and checks the references in it. value is what a message
// may show of it.
func (e *entry) text(v hujson.Value, what, value string) (string, bool) {
	if v.Value.Kind() != '"' {
		remedy := "put it in double quotes"
		if v.Value.Kind() == '[' || v.Value.Kind() == '{' {
			remedy = "write one string"
		}
		e.fail(v, value, what+" must be a string", remedy)
		return "", false
	}
	return e.checked(v, what, textOf(v), false)
}

// checked checks the references in a text of the entry, which are ours afterwards; variable tells that it is the value of a variable or of
// a header.
func (e *entry) checked(v hujson.Value, what, text string, variable bool) (string, bool) {
	if strings.ContainsRune(text, 0) {
		e.fail(v, `\u0000`, what+" contains a NUL character", "remove it")
		return "", false
	}
	text = e.rewritten(text, variable)
	if _, err := e.server.parse(what, text); err != nil {
		e.fail(v, err.ref, what+" has a reference that cannot be resolved: "+err.message, err.remedy)
		return text, false
	}
	return text, true
}

// texts reads an array of strings. What stands in it is not shown: arguments may
// hold secrets. Only a launch has references.
func (e *entry) texts(v hujson.Value, references bool) []string {
	list, ok := v.Value.(*hujson.Array)
	if !ok {
		e.fail(v, kindName(v), e.key+" must be an array of strings", `write ["…", "…"]`)
		return nil
	}
	var texts []string
	for _, element := range list.Elements {
		if references {
			text, ok := e.text(element, e.key, kindName(element))
			if !ok {
				return texts
			}
			texts = append(texts, text)
			continue
		}
		if element.Value.Kind() != '"' {
			e.fail(element, kindName(element), e.key+" must be an array of strings", "put it in double quotes")
			return texts
		}
		texts = append(texts, textOf(element))
	}
	return texts
}

// vars reads an object of strings; numbers and booleans are what they are written as, and null is not set. No message shows a value of it.
func (e *entry) vars(v hujson.Value, option string, fault func(name, value string) (message, remedy string)) []Var {
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		e.fail(v, kindName(v), e.key+" must be an object of strings", `write {"NAME": "value"}`)
		return nil
	}
	var vars []Var
	seen := map[string]bool{}
	for _, m := range obj.Members {
		name := keyOf(m)
		if seen[name] {
			e.fail(m.Name, excerpt(name), e.key+" has this name twice, and only one could count", "remove one of the two")
			continue
		}
		seen[name] = true
		what, value := option+"."+excerpt(name), ""
		switch m.Value.Value.Kind() {
		case 'n':
			e.unset(option, name)
			continue
		case 't', 'f', '0':
			value = string(m.Value.Value.(hujson.Literal))
		case '"':
			value = textOf(m.Value)
		default:
			e.text(m.Value, what, kindName(m.Value)) // which fails
			continue
		}
		if value, ok = e.checked(m.Value, what, value, true); !ok {
			continue
		}
		if message, remedy := fault(name, value); message != "" {
			e.fail(m.Name, excerpt(name), e.key+": "+message, remedy)
			continue
		}
		vars = append(vars, Var{name, value})
	}
	return vars
}

func (e *entry) boolean(v hujson.Value, otherwise bool) bool {
	switch v.Value.Kind() {
	case 't', 'f':
		return v.Value.Kind() == 't'
	}
	e.fail(v, shown(v), e.key+" must be true or false", "write it without quotes")
	return otherwise
}

func (e *entry) choice(v hujson.Value, otherwise string, known []string) string {
	if v.Value.Kind() == '"' && slices.Contains(known, textOf(v)) {
		return textOf(v)
	}
	e.fail(v, shown(v), e.key+" must be one of "+strings.Join(known, ", "), suggest(strings.Trim(shown(v), `"`), known))
	return otherwise
}

func (e *entry) duration(v hujson.Value, d *time.Duration, zero bool) {
	read, problem := durationOf(v, zero)
	if problem != nil {
		e.fail(v, problem.Value, e.key+" "+problem.Message, problem.Remedy)
		return
	}
	*d = read
}

// IsToken tells whether a text can be a header's name (RFC 9110, section 5.6.2).
func IsToken(s string) bool {
	return s != "" && only(s, "!#$%&'*+-.^_`|~")
}

// unset notes a variable that is null: the server does not get it, although others do.
func (e *entry) unset(option, name string) {
	if option == "env" {
		e.server.Unset = append(e.server.Unset, name)
	}
}
