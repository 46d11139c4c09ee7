package config

import (
	"fmt"
	"slices"
	"strings"
)

// References in strings:
//
//	${env:NAME}         an environment variable
//	${keyring:NAME}     a secret from the system's keyring
//	${workspaceFolder}  the session's workspace
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

// parseTemplate splits s at its references; bare says whether ${VAR} is one.
func parseTemplate(s string, bare bool) ([]part, *templateError) {
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
			p, err := parseReference(s[i+2:i+end], bare)
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
func parseReference(inner string, bare bool) (part, *templateError) {
	scheme, name, hasScheme := strings.Cut(inner, ":")
	wrong := func(message, remedy string) (part, *templateError) {
		shown := scheme
		if hasScheme {
			shown += ":…"
			if scheme == "env" || scheme == "keyring" || scheme == "input" {
				shown = excerpt(inner)
			}
		}
		return part{}, &templateError{"${" + excerpt(shown) + "}", message, remedy}
	}
	switch {
	case inner == "workspaceFolder":
		return part{kind: partWorkspace}, nil
	case hasScheme && scheme == "env":
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(name, "${") || strings.Contains(name, ":-") {
			return wrong("env: wants the name of a variable", "write ${env:NAME}")
		}
		return part{kind: partEnv, name: name}, nil
	case hasScheme && scheme == "keyring":
		if !isSecretName(name) {
			return wrong("keyring: wants the name of a secret", "write ${keyring:NAME}, of letters, digits and _ . @ + -")
		}
		return part{kind: partKeyring, name: name}, nil
	case hasScheme && scheme == "input":
		return wrong("nobody is asked for VS Code's inputs here", "use ${env:NAME} or ${keyring:NAME}")
	case editorVariables[inner] != "":
		return wrong("it is an editor's variable and unknown here", editorVariables[inner])
	}
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	switch {
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
		parts, err := parseTemplate(f.value, s.objectForm)
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

func (s *Server) launchStrings() []launchString {
	all := []launchString{{"command", s.Command}, {"working_dir", s.Dir}, {"url", s.URL}}
	for i, a := range s.Args {
		all = append(all, launchString{fmt.Sprintf("args[%d]", i), a})
	}
	for _, v := range s.Env {
		all = append(all, launchString{"env." + v.Name, v.Value})
	}
	for _, v := range s.Headers {
		all = append(all, launchString{"headers." + v.Name, v.Value})
	}
	add := func(option, text string) string {
		all = append(all, launchString{option, text})
		return text
	}
	if s.OAuth != nil {
		s.OAuth.mapped(add)
	}
	if s.Isolation.Confined() {
		s.Isolation.mapped(add)
	}
	return all
}
