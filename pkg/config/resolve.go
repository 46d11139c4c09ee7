package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// ErrUnresolved is wrapped by the errors of [Server.Resolve] that are about a
// reference: what it names is missing, not the entry wrong.
var ErrUnresolved = errors.New("unresolved reference")

// ErrNoWorkspace is wrapped beside it for ${workspaceFolder} where there is no workspace.
var ErrNoWorkspace = errors.New("the session has no workspace")

// ResolveError is what keeps an entry from being resolved. Its text is the first fault's.
type ResolveError struct {
	Server string
	Faults []error // the first one, and what else the entry refers to in vain, in the order of [Server.References]
}

func (e *ResolveError) Error() string { return e.Server + ": " + e.Faults[0].Error() }

// Unwrap gives the first fault.
func (e *ResolveError) Unwrap() error { return e.Faults[0] }

// Resolver supplies what ${…} refers to. A nil function knows nothing.
type Resolver struct {
	Env       func(name string) (string, bool)
	Keyring   func(name string) (string, error)
	Workspace string // absolute path of the session's workspace; empty: it has none

	into   *Launch                  // notes what it was given
	own    func(name string) string // one of the entry's own variables
	missed func(p part, err error)  // notes a reference that leads nowhere; nil: nothing does
}

// Launch is a fully resolved launch. It may hold secrets anywhere, so formatting
// it shows its protocol and the names of its variables and headers only.
type Launch struct {
	Protocol, Command string
	Args              []string
	Dir               string
	RealDir           string   // where Dir leads, which was checked to be in the workspace; "": the person's choice
	RealMounts        []string // the same of each mount of Isolation
	Env               []Var
	Unset             []string // inherited variables that the server does not get
	URL               string
	Headers           []Var
	OAuth             *OAuth     // nil: the entry has none
	Isolation         *Isolation // nil: it is not confined

	given, kept []string // what ${env:} and ${keyring:} gave
}

// Format implements [fmt.Formatter], so that no verb prints a resolved secret.
func (l Launch) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s launch, %d arguments, env %v, headers %v", l.Protocol, len(l.Args), l.Env, l.Headers)
}

// MarshalJSON encodes what Format shows.
func (l Launch) MarshalJSON() ([]byte, error) {
	return json.Marshal(fmt.Sprint(l))
}

// Resolve replaces the references of the entry. A refused entry is not resolved.
// An error names the option, the reference and what to do, never a value. A
// relative working_dir is taken from the workspace, an empty one is the workspace.
func (s *Server) Resolve(r Resolver) (Launch, error) {
	return s.resolve(r.Workspace, func(string) Resolver { return r })
}

// resolve resolves each option with a resolver of its own.
func (s *Server) resolve(workspace string, with func(option string) Resolver) (Launch, error) {
	if s.Refused != "" {
		return Launch{}, fmt.Errorf("%s: %s", s.Name, s.Refused)
	}
	missed := map[part]error{} // the first fault of each reference to a variable or a secret
	l, err := s.expanded(workspace, with, missed)
	if err == nil {
		return l, nil
	}
	e := &ResolveError{s.Name, []error{err}}
	add := func(kind partKind, names []string) {
		for _, name := range names {
			if other := missed[part{kind: kind, name: name}]; other != nil && other.Error() != err.Error() {
				e.Faults = append(e.Faults, other)
			}
		}
	}
	env, keyring := s.References()
	add(partEnv, env)
	add(partKeyring, keyring)
	return Launch{}, e
}

func (s *Server) expanded(workspace string, with func(option string) Resolver, missed map[part]error) (Launch, error) {
	l := Launch{Protocol: s.Protocol, Unset: s.Unset}
	var failed error
	var expand func(option, text string) string
	known := map[string]string{} // each once: variables may refer to variables
	own := func(name string) string {
		value, done := known[name]
		if done {
			return value
		}
		value = Placeholder // it is only looked at
		for _, v := range s.Env {
			if v.Name == name {
				value = expand("env."+name, v.Value)
			}
		}
		known[name] = value
		return value
	}
	expand = func(option, text string) string {
		r := with(option)
		r.into, r.own = &l, own
		r.missed = func(p part, err error) {
			if at := (part{kind: p.kind, name: p.name}); missed[at] == nil {
				missed[at] = fmt.Errorf("%s: %w", option, err)
			}
		}
		parts, bad := s.parse(option, text)
		resolved, err := "", error(bad)
		if bad == nil {
			resolved, err = r.expand(parts)
		}
		if err == nil && strings.ContainsRune(resolved, 0) {
			err = errors.New("what it refers to contains a NUL character – store it without")
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", option, err)
		}
		return resolved
	}
	l.Command = expand("command", s.Command)
	for i, arg := range s.Args {
		l.Args = append(l.Args, expand(fmt.Sprintf("args[%d]", i), arg))
	}
	dir := expand("working_dir", s.Dir)
	for _, v := range s.Env {
		l.Env = append(l.Env, Var{v.Name, expand("env."+v.Name, v.Value)})
	}
	file := expand("env_file", s.EnvFile)
	l.URL = expand("url", s.URL)
	for _, v := range s.Headers {
		// A file made with echo ends in a line break, which no header may hold.
		value := strings.TrimRight(expand("headers."+v.Name, v.Value), "\r\n")
		if strings.ContainsAny(value, "\r\n") && failed == nil {
			failed = fmt.Errorf("headers.%s: what it refers to contains a line break – store it on one line", v.Name)
		}
		l.Headers = append(l.Headers, Var{v.Name, value})
	}
	if s.OAuth != nil {
		l.OAuth = s.OAuth.resolved(expand)
	}
	if s.Isolation.Confined() {
		l.Isolation = s.Isolation.mapped(expand)
	}
	if failed == nil && file != "" {
		failed = s.addEnvFile(&l, file, workspace)
	}
	if failed != nil {
		return Launch{}, failed
	}
	return l, s.checkLaunch(&l, dir, workspace)
}

// checkLaunch checks what could not be checked while it was a reference.
func (s *Server) checkLaunch(l *Launch, dir, workspace string) error {
	if s.Protocol != ProtocolStdio {
		if f := urlFault(l.URL, s.AllowInsecure); f != nil {
			return errors.New(sentence(f.message, f.text, f.remedy))
		}
		if l.OAuth != nil {
			return l.OAuth.checkResolved(s.OAuth)
		}
		return nil
	}
	if strings.TrimSpace(l.Command) == "" {
		return errors.New("command is empty after its references are replaced – set what it refers to")
	}
	switch {
	case dir == "":
		l.Dir = workspace
	case filepath.IsAbs(dir):
		l.Dir = filepath.Clean(dir)
	case workspace != "":
		l.Dir = filepath.Join(workspace, dir)
	default:
		return errors.New("working_dir is relative, and the session has no workspace – write an absolute path")
	}
	if l.Isolation != nil {
		if err := l.Isolation.checkResolved(s.Isolation, l, workspace); err != nil {
			return err
		}
	}
	return s.checkPlaces(l, workspace)
}

// maxResolved bounds a text with its references replaced, in bytes: variables that refer to one another could double it again and again.
const maxResolved = 1 << 20

func (r Resolver) expand(parts []part) (string, error) {
	var b strings.Builder
	var failed error
	for _, p := range parts {
		value, err := r.value(p)
		if err != nil {
			if r.missed != nil {
				r.missed(p, err)
			}
			failed = cmp.Or(failed, err)
			continue
		}
		switch {
		case r.into == nil || value == Placeholder:
		case p.kind == partEnv:
			r.into.given = append(r.into.given, value)
		case p.kind == partKeyring:
			r.into.kept = append(r.into.kept, value)
		}
		if b.Len()+len(value) > maxResolved {
			return "", fmt.Errorf("it is longer than %d KiB with its references replaced – refer to less", maxResolved>>10)
		}
		b.WriteString(value)
	}
	if failed != nil {
		return "", failed
	}
	return b.String(), nil
}

func (r Resolver) value(p part) (string, error) {
	switch p.kind {
	case partEnv:
		value, ok := "", false
		if r.Env != nil {
			value, ok = r.Env(p.name)
		}
		switch {
		case p.hasDefault && value == "": // as the shell's :- does
			return p.text, nil
		case !ok:
			return "", fmt.Errorf("%w ${env:%s}: the variable is not set – set it where the client is started, or store it with `mcpproxy-stdio secret set %s` and write ${keyring:%s}",
				ErrUnresolved, p.name, p.name, p.name)
		}
		return value, nil
	case partOwn:
		if value := r.own(p.name); value != "" || !p.hasDefault {
			return value, nil
		}
		return p.text, nil
	case partKeyring:
		if r.Keyring == nil {
			return "", fmt.Errorf("%w ${keyring:%s}: no keyring is available – write ${env:NAME}", ErrUnresolved, p.name)
		}
		value, err := r.Keyring(p.name)
		if err != nil {
			return "", fmt.Errorf("%w ${keyring:%s}: %w", ErrUnresolved, p.name, err)
		}
		return value, nil
	case partWorkspace:
		if r.Workspace == "" {
			return "", fmt.Errorf("%w ${workspaceFolder}: %w – start the client in a project, or give --workspace", ErrUnresolved, ErrNoWorkspace)
		}
		return r.Workspace, nil
	}
	return p.text, nil
}
