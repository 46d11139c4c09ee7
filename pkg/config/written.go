package config

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// Written are the options of an entry as they are written into another file, for whoever copies it: all that are not at their defaults, in
// the order of the documentation. References have the spelling that every form knows. What a path is relative to goes along.
func (s *Server) Written() []Option {
	var options []Option
	for _, o := range Options {
		if o.written == nil {
			continue
		}
		if value := o.written(s); value != nil {
			options = append(options, Option{o.Name, value})
		}
	}
	return options
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

// What each option is written as; nil: it is at its default.

func (s *Server) writtenText(option, text string) any {
	if text == "" {
		return nil
	}
	return s.portable(option, text)
}

func (s *Server) writtenArgs() any {
	if len(s.Args) == 0 {
		return nil
	}
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		args[i] = s.portable("args", a)
	}
	return args
}

func (s *Server) writtenVars(option string, vars []Var) any {
	if len(vars) == 0 {
		return nil
	}
	all := make([]Var, len(vars))
	for i, v := range vars {
		all[i] = Var{v.Name, s.portable(option+"."+v.Name, v.Value)}
	}
	return all
}

func (s *Server) writtenEnv() any {
	vars, _ := s.writtenVars("env", s.Env).([]Var)
	if len(s.Unset) == 0 {
		return s.writtenVars("env", s.Env)
	}
	obj := &hujson.Object{}
	for _, v := range vars {
		obj.Members = append(obj.Members, hujson.ObjectMember{Name: literalOf(v.Name), Value: literalOf(v.Value)})
	}
	for _, name := range s.Unset {
		obj.Members = append(obj.Members, hujson.ObjectMember{Name: literalOf(name), Value: hujson.Value{Value: hujson.Literal("null")}})
	}
	return json.RawMessage(hujson.Value{Value: obj}.Pack())
}

func (s *Server) writtenEnvFile() any {
	if s.EnvFile == "" {
		return nil
	}
	return s.portable("env_file", s.envFilePath())
}

func (s *Server) writtenOAuth() any {
	if s.OAuth == nil {
		return nil
	}
	return s.OAuth.Written(func(text string) string { return s.portable("oauth", text) })
}

func (s *Server) writtenIsolation() any {
	if s.Isolation == nil {
		return nil
	}
	return s.Isolation.Written(func(text string) string { return s.portable("isolation", text) })
}

func writtenList(list []string, kept bool) any {
	if !kept {
		return nil
	}
	return slices.Clone(list)
}

func writtenWord(word, otherwise string) any {
	if word == otherwise {
		return nil
	}
	return word
}

func writtenTime(d, otherwise time.Duration) any {
	if d == otherwise {
		return nil
	}
	return d
}

// writtenSwitch writes a switch that is not at its default.
func writtenSwitch(on, otherwise bool) any {
	if on == otherwise {
		return nil
	}
	return on
}
