package config

import (
	"slices"
	"strings"
)

// References in strings:
//
//	${env:NAME}         an environment variable
//	${keyring:NAME}     a secret from the system's keyring
//	${workspaceFolder}  the session's workspace
//	${env:NAME:-default}  the variable, or the text if it is not set or empty
//	${NAME}             one of the entry's own variables
//	${VAR}, ${VAR:-default}  the object form's spelling of a variable
//	$${                 a literal ${
//
// What they give is not looked through again. Anything else of this shape is an
// error: text that was meant to be replaced must not reach a server as it is.

type partKind int

const (
	partText partKind = iota
	partEnv
	partKeyring
	partWorkspace
	partOwn // a variable of the entry's own env
)

// part is a piece of a template: literal text, or one reference.
type part struct {
	kind       partKind
	text       string // the literal, or the default of ${VAR:-default}
	name       string
	hasDefault bool
}

// templateError tells which reference is wrong. Its ref has no default in it.
type templateError struct{ ref, message, remedy string }

func (e *templateError) Error() string { return sentence(e.message, e.ref, e.remedy) }

// isVariableName accepts what a shell does. Windows has variables such as
// ProgramFiles(x86), so env: is not as strict.
func isVariableName(s string) bool {
	return s != "" && !(s[0] >= '0' && s[0] <= '9') && only(s, "_")
}

// isSecretName accepts what package secret stores.
func isSecretName(s string) bool {
	return s != "" && len(s) <= 128 && only(s, "_.@+-")
}

// only tells whether s has ASCII letters, digits and the characters of extra
// alone. Regular expressions for this would cost a start a millisecond.
func only(s, extra string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(extra, r))
	})
}

// VS Code's and Cursor's own variables, which would otherwise pass for names in
// the environment, with what to write instead.
var editorVariables = map[string]string{
	"userHome": "use ${env:HOME}", "workspaceRoot": "use ${workspaceFolder}", "cwd": "use ${workspaceFolder}",
	"workspaceFolderBasename": "write the name out", "pathSeparator": "write / or \\\\", "execPath": "write the path out",
	"file": "write the path out", "selectedText": "remove it", "lineNumber": "remove it",
}

// parse splits a text of the entry at its references; option is where it stands.
func (s *Server) parse(option, text string) ([]part, *templateError) {
	return parseTemplate(text, s.objectForm, s.ownFor(option))
}

// ownFor are the entry's variables that the text of an option may refer to by their names alone. A variable's own value may refer to those
// written before it: so ${KEY} as the value of KEY is the environment's, and none leads in a circle.
func (s *Server) ownFor(option string) []string {
	if name, variable := strings.CutPrefix(option, "env."); variable {
		if i := slices.Index(s.own, name); i >= 0 {
			return s.own[:i]
		}
	}
	return s.own
}

// usesOwn tells whether a text of the entry refers to one of its own variables.
func (s *Server) usesOwn() bool {
	return slices.ContainsFunc(s.launchStrings(), func(f launchString) bool {
		parts, _ := s.parse(f.option, f.value)
		return slices.ContainsFunc(parts, func(p part) bool { return p.kind == partOwn })
	})
}

// parseTemplate splits s at its references; bare says whether ${VAR} is one, and own has the names that are the entry's.
func parseTemplate(s string, bare bool, own []string) ([]part, *templateError) {
	var parts []part
	var text strings.Builder
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			text.WriteString("${")
			i += 3
		case strings.HasPrefix(s[i:], "${"):
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return nil, &templateError{"${", "it has no closing brace", "close it, or write $${ for a literal ${"}
			}
			p, err := parseReference(s[i+2:i+end], bare, own)
			if err != nil {
				return nil, err
			}
			if text.Len() > 0 {
				parts = append(parts, part{text: text.String()})
				text.Reset()
			}
			parts = append(parts, p)
			i += end + 1
		default:
			text.WriteByte(s[i])
			i++
		}
	}
	if text.Len() > 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

// parseReference reads what stands between ${ and }.
func parseReference(inner string, bare bool, own []string) (part, *templateError) {
	scheme, name, hasScheme := strings.Cut(inner, ":")
	wrong := func(message, remedy string) (part, *templateError) {
		shown := scheme
		if hasScheme {
			shown += ":…"
			if scheme == "env" && !strings.Contains(name, ":-") || scheme == "keyring" {
				shown = excerpt(inner)
			}
		}
		return part{}, &templateError{"${" + excerpt(shown) + "}", message, remedy}
	}
	switch {
	case inner == "workspaceFolder":
		return part{kind: partWorkspace}, nil
	case hasScheme && scheme == "env":
		name, fallback, hasDefault := strings.Cut(name, ":-")
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(name, "${"):
			return wrong("env: wants the name of a variable", "write ${env:NAME}")
		case strings.Contains(fallback, "${"):
			return wrong("a default cannot refer to something else", "write the default out")
		}
		return part{kind: partEnv, name: name, text: fallback, hasDefault: hasDefault}, nil
	case hasScheme && scheme == "keyring":
		if !isSecretName(name) {
			return wrong("keyring: wants the name of a secret", "write ${keyring:NAME}, of letters, digits and _ . @ + -")
		}
		return part{kind: partKeyring, name: name}, nil
	case editorVariables[inner] != "":
		return wrong("it is an editor's variable and unknown here", editorVariables[inner])
	}
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	switch {
	case slices.Contains(own, name):
		return part{kind: partOwn, name: name, text: fallback, hasDefault: hasDefault}, nil
	case !isVariableName(name):
		return wrong("it is unknown", "use ${env:NAME}, ${keyring:NAME} or ${workspaceFolder}, or write $${ for a literal ${")
	case !bare:
		return wrong("a bare name is no reference in this form", "write ${env:"+excerpt(name)+"}, or $${ for a literal ${")
	case strings.Contains(fallback, "${"):
		return wrong("a default cannot refer to something else", "write the default out")
	}
	return part{kind: partEnv, name: name, text: fallback, hasDefault: hasDefault}, nil
}

// References returns the names of the environment variables and of the secrets
// that the entry refers to, each once, in order of appearance. Whoever resolves
// for somebody else asks for these and no others.
func (s *Server) References() (env, keyring []string) {
	for _, f := range s.launchStrings() {
		parts, err := s.parse(f.option, f.value)
		if err != nil {
			continue // such an entry is refused
		}
		for _, p := range parts {
			switch {
			case p.kind == partEnv && !slices.Contains(env, p.name):
				env = append(env, p.name)
			case p.kind == partKeyring && !slices.Contains(keyring, p.name):
				keyring = append(keyring, p.name)
			}
		}
	}
	return env, keyring
}

// launchString is one string of a launch and the option it stands in.
type launchString struct{ option, value string }

func (s *Server) launchStrings() (all []launchString) {
	add := func(option, text string) string {
		all = append(all, launchString{option, text})
		return text
	}
	c := *s
	serverOptions.mapped(&c, "", add)
	if s.OAuth != nil {
		s.OAuth.mapped(add)
	}
	if s.Isolation.Confined() {
		s.Isolation.mapped(add)
	}
	return all
}
