package launch

import (
	"slices"
	"strings"
)

func uvx(r *Runner, args []string) bool {
	r.Tool = UV
	return uvTool(r, optionsOf("uv").scan(args))
}

func uvTool(r *Runner, s *scanned) bool {
	if d := s.last("--directory", "--project"); d != "" {
		r.Dir = d
		return r.project("pyproject.toml")
	}
	if s.opaque || len(s.rest) == 0 {
		return r.opaque()
	}
	r.Options, r.Python, r.Args = s.kept, s.last("-p", "--python"), s.rest[1:]
	spec, bin := s.last("--from"), s.rest[0]
	if bin == "" {
		return r.opaque()
	}
	if spec == "" {
		spec = bin
		bin = pythonName(spec)
		if remote(spec) {
			bin = "" // the package says which
		}
	}
	r.pythonPackages(spec, bin, s.all("--with", "-w"))
	r.localPython(s)
	return true
}

// localPython notes the options that name code or lists of packages on this machine.
func (r *Runner) localPython(s *scanned) {
	for _, file := range s.all("--with-editable", "--with-requirements") {
		r.Local = append(r.Local, file)
		r.Kind = Project
	}
	if r.Python != "" && strings.ContainsAny(r.Python, `/\`) {
		r.Local = append(r.Local, r.Python)
	}
}

// pythonPackages takes what is to be installed, each of with a list with commas.
func (r *Runner) pythonPackages(spec, bin string, with []string) {
	r.Kind, r.Bin = Package, bin
	r.Packages = []string{r.pythonSpec(spec)}
	for _, w := range with {
		for p := range strings.SplitSeq(w, ",") {
			if p = strings.TrimSpace(p); p != "" {
				r.Packages = append(r.Packages, r.pythonSpec(p))
			}
		}
	}
	if strings.ContainsAny(bin, `/\`) {
		r.Local = append(r.Local, bin)
	}
	if r.Local != nil {
		r.Kind = Project
	} else if slices.Contains(list("interpreting"), bin) && IsLocal(lastLocal(r.Args)) {
		r.Local = []string{lastLocal(r.Args)}
	}
}

// lastLocal is the first plain argument that names a file, as in mcp run server.py.
func lastLocal(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") && IsLocal(a) {
			return a
		}
	}
	return ""
}

// pythonSpec is a package in the form that installers take: uvx's NAME@VERSION is NAME==VERSION.
func (r *Runner) pythonSpec(spec string) string {
	if IsLocal(spec) {
		r.Local = append(r.Local, spec)
		return spec
	}
	name, version, found := strings.Cut(spec, "@")
	if !found || remote(spec) || strings.ContainsAny(name, " <>=!~") || strings.ContainsAny(version, "/: ") {
		return spec
	}
	if version == "latest" {
		r.Latest = true
		return name
	}
	return name + "==" + version
}

// remote tells whether a package is named by its address.
func remote(spec string) bool {
	return strings.Contains(spec, "://") || strings.HasPrefix(spec, "git+")
}

// pythonName is the name of a package without extras and version.
func pythonName(spec string) string {
	if i := strings.IndexAny(spec, "[@<>=!~; "); i > 0 {
		return spec[:i]
	}
	return spec
}

func uv(r *Runner, args []string) bool {
	r.Tool = UV
	before := optionsOf("uv").scan(args)
	rest := before.rest
	switch {
	case len(rest) > 1 && rest[0] == "tool" && (rest[1] == "run" || rest[1] == "uvx"):
		s := optionsOf("uv").scan(rest[2:])
		s.merge(before)
		return uvTool(r, s)
	case len(rest) > 0 && rest[0] == "run":
		s := optionsOf("uv").scan(rest[1:])
		s.merge(before)
		return uvRun(r, s, slices.Contains(args, "--no-project"))
	case len(rest) > 0 && rest[0] == "x":
		s := optionsOf("uv").scan(rest[1:])
		s.merge(before)
		return uvTool(r, s)
	case before.opaque && slices.ContainsFunc(args, func(a string) bool { return a == "run" || a == "x" }):
		return r.opaque()
	}
	return false
}

// uvRun is the runner of a project, unless all that it needs is named by --with and it is told to mind no project.
func uvRun(r *Runner, s *scanned, noProject bool) bool {
	r.Dir = s.last("--directory", "--project")
	local := lastLocal(s.rest[:min(1, len(s.rest))])
	with := s.all("--with", "-w")
	switch {
	case r.Dir != "" || local != "" || s.has("--with-editable") || s.has("--with-requirements"):
	case len(with) > 0 && with[0] != "" && with[0][0] != ',' && len(s.rest) > 0 && !s.opaque && !strings.HasPrefix(Base(s.rest[0]), "python"):
		r.Options, r.Python, r.Args = s.kept, s.last("-p", "--python"), s.rest[1:]
		r.pythonPackages(with[0], s.rest[0], with[1:])
		if _, more, found := strings.Cut(with[0], ","); found { // one option with several
			first, _, _ := strings.Cut(with[0], ",")
			r.Packages = nil
			r.Local = nil
			r.pythonPackages(first, s.rest[0], append([]string{more}, with[1:]...))
		}
		r.localPython(s)
		return true
	case noProject:
		return r.opaque()
	}
	if local != "" {
		r.Local = append(r.Local, local)
	}
	return r.project("pyproject.toml")
}

func pipx(r *Runner, args []string) bool {
	r.Tool = Pipx
	before := optionsOf("pipx").scan(args)
	if len(before.rest) == 0 || before.rest[0] != "run" {
		return len(before.rest) > 0 && before.rest[0] == "runpip" && r.opaque()
	}
	s := optionsOf("pipx").scan(before.rest[1:])
	s.merge(before)
	switch {
	case s.opaque || len(s.rest) == 0 || s.rest[0] == "":
		return r.opaque()
	case s.project:
		return r.project(s.rest[0])
	case strings.Contains(s.rest[0], "://") && !s.has("--spec"): // a script
		return r.opaque()
	}
	r.Options, r.Python, r.Args = s.kept, s.last("--python"), s.rest[1:]
	spec := s.last("--spec")
	if spec == "" {
		spec = s.rest[0]
	}
	r.pythonPackages(spec, pythonName(s.rest[0]), s.all("--with"))
	r.localPython(s)
	return true
}

// python reads the options of an interpreter up to -m or -c, behind which all belongs to the program.
func python(r *Runner, args []string) bool {
	r.Tool = Python
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--check-hash-based-pycs":
			i++
			continue
		case strings.HasPrefix(word, "--"):
			continue
		case !strings.HasPrefix(word, "-") || word == "-":
			return false // a file, whose directory it searches, or stdin
		case Base(r.Command) == "py" && len(word) > 1 && (word[1] >= '0' && word[1] <= '9' || strings.HasPrefix(word, "-V:")):
			continue // which version the launcher takes
		}
		for j := 1; j < len(word); j++ { // letters in one word: -um
			switch letter := word[j]; letter {
			case 'm', 'c':
				value, next := word[j+1:], i+1
				if value == "" {
					if next >= len(args) {
						return false
					}
					value, next = args[next], next+1
				}
				r.Kind, r.Name, r.Code, r.Args = Module, value, letter == 'c', args[next:]
				r.Lead = slices.Clone(args[:i])
				if j > 1 {
					r.Lead = append(r.Lead, word[:j])
				}
				return true
			case 'W', 'X', 'Q':
				if j == len(word)-1 {
					i++
				}
				j = len(word)
			}
		}
	}
	return false
}
