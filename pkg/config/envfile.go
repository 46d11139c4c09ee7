package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// addEnvFile gives a launch the variables of the entry's file that the entry does not have itself. The file is no part of what was approved,
// so it can't decide what is run.
func (s *Server) addEnvFile(l *Launch, file, workspace string) error {
	fail := func(message string) error { return fmt.Errorf("env_file: %s: %s", file, message) }
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(s.Path), file)
	}
	if _, err := s.beneath(workspace).check("env_file", s.boundFile(), file); err != nil {
		return err
	}
	data, err := readFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrUnresolved, fail("there is no such file – create it, or take env_file out"))
	case err != nil:
		message, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "config: "), " – ")
		return fmt.Errorf("env_file: %s – name another file", message)
	case !utf8.Valid(data):
		return fail("it is not UTF-8 – save it as such")
	}
	vars, line := parseEnvFile(string(data))
	if line > 0 {
		return fmt.Errorf("env_file: %s:%d: this is not NAME=VALUE – correct the line, or make it a comment with #", file, line)
	}
	for _, v := range vars {
		if decides(v.Name) {
			return fail(v.Name + " decides what is run, and is not taken from a file that nobody reviews – write it in env")
		}
		if !slices.ContainsFunc(l.Env, func(own Var) bool { return own.Name == v.Name }) && !slices.Contains(s.Unset, v.Name) {
			l.Env = append(l.Env, v)
			l.given = append(l.given, v.Value)
		}
	}
	return nil
}

// boundFile is the path as beneath judges it: what is relative in the user's own file is relative to that file, not to the workspace.
func (s *Server) boundFile() string {
	if !s.Workspace && isLiteral(s.EnvFile) {
		return "/" + s.EnvFile
	}
	return s.EnvFile
}

// envFilePath is env_file as written, without depending on where the entry stands.
func (s *Server) envFilePath() string {
	if filepath.IsAbs(s.EnvFile) || strings.HasPrefix(s.EnvFile, "${") {
		return s.EnvFile
	}
	return filepath.Join(filepath.Dir(s.Path), s.EnvFile)
}

// decides tells whether a variable decides what is run, or from where it is fetched.
func decides(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(deciding, name) || strings.HasPrefix(name, "NPM_CONFIG_") || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "DYLD_")
}

// parseEnvFile reads NAME=VALUE lines as the editors do that have such files: comments, "export", quotes, and escapes in double ones. line is
// the number of the first line that can't be read, 0 if all can. Nothing is expanded.
func parseEnvFile(text string) (vars []Var, line int) {
	text = strings.TrimPrefix(text, "\uFEFF")
	for rest, n := text, 1; rest != ""; n++ {
		var one string
		one, rest, _ = strings.Cut(rest, "\n")
		one = strings.TrimSpace(one)
		if one == "" || strings.HasPrefix(one, "#") {
			continue
		}
		name, value, found := strings.Cut(strings.TrimPrefix(one, "export "), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !isVariableName(strings.ReplaceAll(strings.ReplaceAll(name, ".", "_"), "-", "_")) {
			return nil, n
		}
		first := n
		for quoted(value) && closing(value) < 0 && rest != "" { // a value of several lines
			var more string
			more, rest, _ = strings.Cut(rest, "\n")
			value, n = value+"\n"+strings.TrimSuffix(more, "\r"), n+1
		}
		if strings.ContainsRune(value, 0) || quoted(value) && closing(value) < 0 {
			return nil, first
		}
		v := Var{name, unquoted(value)}
		if i := slices.IndexFunc(vars, func(o Var) bool { return o.Name == name }); i >= 0 {
			vars[i] = v // the last one counts
		} else {
			vars = append(vars, v)
		}
	}
	return vars, 0
}

func quoted(value string) bool { return value != "" && strings.Contains("\"'`", value[:1]) }

// closing is where the quote that a value begins with is closed, -1 if it is not.
func closing(value string) int {
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '\\' && value[0] == '"':
			i++
		case value[i] == value[0]:
			return i
		}
	}
	return -1
}

// unquoted is the value that a text stands for: without its quotes, or without the comment behind it.
func unquoted(value string) string {
	if !quoted(value) {
		if at := strings.Index(value, " #"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		return value
	}
	inner := value[1:closing(value)]
	if value[0] == '"' {
		inner = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`).Replace(inner)
	}
	return inner
}
