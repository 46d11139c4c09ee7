package config

import "strings"

// Written are the options of an entry as they are written into another file, for whoever copies it: all that are not at their defaults, in
// the order of the documentation. References have the spelling that every form knows. What a path is relative to goes along.
func (s *Server) Written() []Option {
	c := *s
	c.Name = "" // a copy gets one where it is written
	if c.EnvFile != "" {
		c.EnvFile = s.envFilePath()
	}
	serverOptions.mapped(&c, "", s.portable)
	if s.OAuth != nil {
		c.OAuth = s.OAuth.mapped(s.portable)
	}
	if s.Isolation != nil {
		c.Isolation = s.Isolation.mapped(s.portable)
	}
	return serverOptions.written(&c)
}

// environment is what env says.
type environment struct {
	vars  []Var
	unset []string
}

func (s *Server) environment() any {
	if len(s.Env) == 0 && len(s.Unset) == 0 {
		return nil
	}
	return environment{s.Env, s.Unset}
}

// written is the object as a file has it.
func (e environment) written() any {
	if len(e.unset) == 0 {
		return e.vars
	}
	var all []Option
	for _, v := range e.vars {
		all = append(all, Option{v.Name, v.Value})
	}
	for _, name := range e.unset {
		all = append(all, Option{name, nil})
	}
	return object(all)
}

// portable is a text of the entry with its references as every form knows them.
func (s *Server) portable(option, text string) string {
	parts, bad := s.parse(option, text)
	if bad != nil { // such an entry is refused
		return text
	}
	var b strings.Builder
	for _, p := range parts {
		fallback := ""
		if p.hasDefault {
			fallback = ":-" + p.text
		}
		switch p.kind {
		case partEnv:
			b.WriteString("${env:" + p.name + fallback + "}")
		case partKeyring:
			b.WriteString("${keyring:" + p.name + "}")
		case partWorkspace:
			b.WriteString("${workspaceFolder}")
		case partOwn:
			b.WriteString("${" + p.name + fallback + "}")
		default:
			b.WriteString(strings.ReplaceAll(p.text, "${", "$${"))
		}
	}
	return b.String()
}
