package launch

import (
	"path"
	"slices"
	"strings"
)

func goRun(r *Runner, args []string) bool {
	r.Tool = Go
	if len(args) == 0 {
		return false
	}
	if args[0] == "tool" {
		return r.project("go.mod")
	}
	if args[0] != "run" {
		return false
	}
	options := optionsOf("go")
	s := options.scan(args[1:])
	if len(s.rest) == 0 {
		return r.project("go.mod")
	}
	pkg := s.rest[0]
	if !strings.Contains(pkg, "@") || IsLocal(pkg) {
		r.Dir = s.last("-C")
		return r.project("go.mod", pkg)
	}
	if s.opaque || s.has("-C") {
		return r.opaque()
	}
	for i := 0; i < len(s.kept); i++ { // go's options take one dash, and a value behind "=" too
		if i+1 < len(s.kept) && options.how(s.kept[i]) == "keep-value" {
			r.Options = append(r.Options, s.kept[i]+"="+s.kept[i+1])
			i++
		} else {
			r.Options = append(r.Options, s.kept[i])
		}
	}
	r.Kind, r.Packages, r.Args = Package, []string{pkg}, s.rest[1:]
	r.Bin = goName(pkg)
	return true
}

// goName is the name that go install gives a package's program.
func goName(pkg string) string {
	pkg, _, _ = strings.Cut(pkg, "@")
	dir, name := path.Split(pkg)
	if v, ok := strings.CutPrefix(name, "v"); ok && v != "" && v != "0" && v != "1" && strings.Trim(v, "0123456789") == "" && dir != "" {
		return path.Base(dir)
	}
	return name
}

// denoOff tells deno to obey no file of its directory; its registry settings come with package.json and deno.json, and go with them.
var (
	denoOff    = []string{"--no-config", "--no-lock"}
	denoOffEnv = []string{"DENO_NO_PACKAGE_JSON=1"}
)

// deno obeys the files of its directory unless it is told not to; of a program that it fetches it is told so.
func deno(r *Runner, args []string) bool {
	r.Tool = Deno
	command := firstWord(args)
	i := slices.Index(args, command)
	switch command {
	case "run", "serve":
		s := optionsOf("deno").scan(args[i+1:])
		if file := firstWord(s.rest); !fetched(file) {
			r.Local = append(r.Local, file)
			return r.project()
		} else if r.Packages = []string{file}; command == "serve" || i > 0 {
			return r.opaque()
		}
		if s.opaque {
			return r.opaque()
		}
		r.Kind = Quiet
		r.Args = slices.Concat([]string{"run"}, denoOff, args[1:])
		r.Env = append(r.Env, denoOffEnv...)
		return true
	case "x", "create", "eval":
		return r.opaque()
	case "task":
		return r.project("deno.json")
	}
	if fetched(command) {
		r.Packages = []string{command}
		return r.opaque()
	}
	return IsLocal(command) && r.project(command)
}

// fetched tells whether a word names a program that deno fetches.
func fetched(word string) bool {
	return slices.ContainsFunc([]string{"npm:", "jsr:", "https:", "http:"}, func(p string) bool { return strings.HasPrefix(word, p) })
}

// unwrap looks for a runner behind a command that starts others. Only env and a shell's plain words are taken apart.
func unwrap(base string, args []string, depth int) (*Runner, bool) {
	if !slices.Contains(list("wrappers"), base) {
		return nil, false
	}
	switch base {
	case "env":
		return unwrapEnv(args, depth)
	case "cmd":
		rest := args
		for len(rest) > 0 && strings.HasPrefix(rest[0], "/") {
			rest = rest[1:]
		}
		if len(rest) > 0 && !slices.ContainsFunc(rest, func(a string) bool { return strings.ContainsAny(a, `&|<>^%"`) }) {
			if len(rest) == 1 {
				rest = strings.Fields(rest[0])
			}
			if len(rest) > 0 {
				return parse(rest[0], rest[1:], depth)
			}
		}
	case "sh", "bash", "zsh", "dash", "ksh", "ash":
		if len(args) == 2 && args[0] == "-c" {
			if words, ok := plainWords(args[1]); ok && len(words) > 0 {
				return parse(words[0], words[1:], depth)
			}
		}
	}
	return mentioned(base, args)
}

func unwrapEnv(args []string, depth int) (*Runner, bool) {
	var env []string
	for i, a := range args {
		switch {
		case strings.HasPrefix(a, "-"):
			return mentioned("env", args[i:])
		case strings.Contains(a, "="):
			env = append(env, a)
			continue
		}
		r, ok := parse(a, args[i+1:], depth)
		if ok {
			r.Env = append(env, r.Env...)
		}
		return r, ok
	}
	return nil, false
}

// plainWords are the words of a shell's text that has nothing but words, the first "exec" left out.
func plainWords(text string) ([]string, bool) {
	for _, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(" @%+:,./-_", c)) {
			return nil, false
		}
	}
	words := strings.Fields(text)
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	return words, true
}

// mentioned tells whether a wrapper's arguments name a runner anywhere: what it is asked for is not known then.
func mentioned(base string, args []string) (*Runner, bool) {
	separators := func(c rune) bool { return strings.ContainsRune(" \t\n;&|()`'\"<>{}$=", c) }
	for i, a := range args {
		for j, word := range strings.FieldsFunc(a, separators) {
			name := Base(word)
			if !isRunner(name) {
				continue
			}
			r := &Runner{Tool: Other, Command: word}
			rest := append(slices.Clone(strings.FieldsFunc(a, separators)[j+1:]), args[i+1:]...)
			inner, ok := parse(word, rest, wrapping)
			if !ok {
				continue
			}
			r.Tool, r.Local = inner.Tool, inner.Local
			if inner.Kind == Project {
				r.Kind, r.Dir = Project, inner.Dir
				return r, true
			}
			r.opaque()
			return r, true
		}
	}
	return nil, false
}
