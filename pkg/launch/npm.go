package launch

import (
	"slices"
	"strings"
)

// fetcher is a runner that fetches packages of npm's registry and starts the program of the first one: npx, pnpx, bunx.
func fetcher(tool Tool, options string) parser {
	return func(r *Runner, args []string) bool {
		r.Tool = tool
		return r.fetch(optionsOf(options).scan(args), nil)
	}
}

// fetch takes in what a fetcher was asked for. after are the words behind "--", if there was one.
func (r *Runner) fetch(s *scanned, after []string) bool {
	switch {
	case s.project:
		r.Dir = s.dir()
		return r.project("package.json")
	case s.opaque:
		return r.opaque()
	}
	r.Options, r.UseBun = s.kept, s.has("--bun") || s.has("-b")
	return r.packages(s.all("-p", "--package"), slices.Concat(s.rest, after))
}

// packages takes what is to be installed, and the words that name the program and its arguments.
func (r *Runner) packages(named, words []string) bool {
	if len(named) == 0 {
		if len(words) == 0 {
			return r.opaque()
		}
		named = words[:1]
	} else if len(words) > 0 {
		r.Bin = words[0]
	} else {
		return r.opaque()
	}
	if len(words) > 0 {
		r.Args = words[1:]
	}
	if slices.Contains(named, "") {
		return r.opaque()
	}
	for _, p := range named {
		if IsLocal(p) {
			r.Local = append(r.Local, p)
		}
	}
	if r.Bin != "" && strings.ContainsAny(r.Bin, `/\`) {
		r.Local = append(r.Local, r.Bin)
	}
	if r.Local != nil {
		return r.project()
	}
	r.Kind, r.Packages = Package, named
	name := r.Bin
	if name == "" {
		name = npmName(named[0])
	}
	if slices.Contains(list("interpreting"), name) { // npx tsx ./server.ts
		if file := firstWord(r.Args); IsLocal(file) {
			r.Local = []string{file}
		}
	}
	return true
}

// npmName is the name of a package without its version.
func npmName(spec string) string {
	if at := strings.LastIndexByte(spec, '@'); at > 0 {
		return spec[:at]
	}
	return spec
}

// manager is a package manager whose commands may be a fetcher's, run a script of the project, or be none of our
// business.
func manager(tool Tool) parser {
	return func(r *Runner, args []string) bool {
		r.Tool = tool
		options := optionsOf(string(tool))
		s, after := options.scan(args), []string(nil)
		if tool == NPM { // reads its options in any place before "--"
			if i := slices.Index(args, "--"); i >= 0 {
				args, after = args[:i], args[i+1:]
			}
			s = options.everywhere(args)
		}
		if len(s.rest) == 0 {
			return tool == Bun && (s.has("-r") || s.has("--preload")) && r.project("package.json")
		}
		command, commands := s.rest[0], "commands "+string(tool)
		does := one(commands, command)
		if does == "" {
			does = one(commands, "*")
		}
		switch does {
		case "fetch":
			more := options.scan(s.rest[1:])
			more.merge(s)
			return r.fetch(more, after)
		case "opaque":
			r.Dir = s.dir()
			return r.opaque()
		case "project":
			r.Dir = s.dir()
			if tool == Bun && r.file(s.rest) {
				return r.project()
			}
			return r.project("package.json")
		}
		return false
	}
}

// everywhere reads options in any place; rest has all plain words.
func (o options) everywhere(args []string) *scanned {
	all := &scanned{taken: map[string][]string{}}
	for len(args) > 0 {
		s := o.scan(args)
		words := all.rest
		if args = s.rest; len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
		s.merge(all)
		s.rest = words
		all = s
	}
	return all
}

// file notes the file that bun is given in place of a script of the project.
func (r *Runner) file(words []string) bool {
	if words[0] == "run" && len(words) > 1 {
		words = words[1:]
	}
	if !IsLocal(words[0]) {
		return false
	}
	r.Local = append(r.Local, words[0])
	return true
}

// corepack starts the package manager that a project names.
func corepack(r *Runner, args []string) bool {
	if len(args) == 0 || !slices.Contains([]string{"npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg"}, npmName(args[0])) {
		return false
	}
	inner, ok := parse(npmName(args[0]), args[1:], wrapping)
	if !ok {
		return false
	}
	r.Tool, r.Local, r.Dir = inner.Tool, inner.Local, inner.Dir
	if inner.Kind == Project {
		return r.project()
	}
	return r.opaque() // which of them, the project says
}
