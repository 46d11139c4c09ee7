package launch

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Kind is what has to be done to start what a runner would start.
type Kind string

const (
	Package Kind = "package" // fetches packages from a registry: they can be installed elsewhere and their program started directly
	Module  Kind = "module"  // a module or code given to a Python interpreter, which looks in the working directory first
	Quiet   Kind = "quiet"   // fetches, and can be told to obey no file of its directory: Args and Env tell it
	Opaque  Kind = "opaque"  // fetches, in a way that can't be taken apart: it has to run in a directory of its own
	Project Kind = "project" // runs the code of the project in its directory, which is what it is for
)

// Tool is the family of a runner: what installs its packages.
type Tool string

const (
	NPM    Tool = "npm"
	PNPM   Tool = "pnpm"
	Yarn   Tool = "yarn"
	Bun    Tool = "bun"
	Deno   Tool = "deno"
	UV     Tool = "uv"
	Pipx   Tool = "pipx"
	Python Tool = "python"
	Go     Tool = "go"
	Other  Tool = "other"
)

// Runner is what a command line asks of a runner.
type Runner struct {
	Kind    Kind
	Tool    Tool
	Command string   // of the runner as written: "npx", "/usr/bin/npx"
	Env     []string // NAME=value, for the program as well: set by an env in front of it, or to quieten it

	// Of a Package, and of an Opaque one as far as they are known:
	Packages []string // as written; the program is looked for in the first one
	Bin      string   // the program's name; "": the package says which
	Options  []string // for the installer, such as --registry=…
	Python   string   // the interpreter asked for, "" for none
	Latest   bool     // the newest version was asked for, whatever is there
	UseBun   bool     // its program is to be run by bun, whatever its first line says

	// Of a Module:
	Name string   // of the module, or the code itself
	Code bool     // Name is code
	Lead []string // options of the interpreter

	Args  []string // for the program
	Local []string // arguments that name code on this machine: files, directories, a project's manifest
	Dir   string   // the directory that a Project is told to run in by an option of its own, "" for none
}

// Parse tells what a command line asks of a runner; false: its command is none.
func Parse(command string, args []string) (*Runner, bool) {
	return parse(command, args, 0)
}

// wrapping is how many commands that start others may stand before a runner.
const wrapping = 4

func parse(command string, args []string, depth int) (*Runner, bool) {
	base := Base(command)
	if p := parserOf(base); p != nil {
		r := &Runner{Command: command}
		if !p(r, args) {
			return nil, false
		}
		return r, true
	}
	if depth < wrapping {
		return unwrap(base, args, depth+1)
	}
	return nil, false
}

// Fetches tells whether a command line fetches what it runs.
func Fetches(command string, args []string) bool {
	r, ok := Parse(command, args)
	return ok && (r.Kind == Package || r.Kind == Quiet || r.Kind == Opaque || r.Kind == Project && r.Tool == UV)
}

// Interpreter tells whether the file behind a command says nothing of what it runs: it runs what its arguments name.
func Interpreter(command string) bool {
	return NamedByArgument(command) || slices.Contains(list("wrappers"), Base(command))
}

// NamedByArgument tells whether a command's first plain argument says more of what is run than its own name: it is a runner or an
// interpreter. Commands that put others into another environment are none, since their arguments may be variables and whole scripts.
func NamedByArgument(command string) bool {
	base := Base(command)
	return isRunner(base) || slices.Contains(list("interpreters"), base)
}

// isPython tells whether a name is that of an interpreter of any version.
func isPython(base string) bool {
	version, ok := strings.CutPrefix(base, "python")
	if !ok {
		version, ok = strings.CutPrefix(base, "pypy")
	}
	return ok && slices.Contains([]string{"", "w", "d", "t", "td", "-dbg", "-intel64"}, strings.Trim(version, "0123456789."))
}

// parser reads the arguments of a runner; false: it is none with these arguments.
type parser func(*Runner, []string) bool

// parserOf is what reads the arguments of a command, nil if it is no runner.
func parserOf(base string) parser {
	switch base {
	case "npx":
		return fetcher(NPM, "npm")
	case "npm":
		return manager(NPM)
	case "pnpx", "pnx":
		return fetcher(PNPM, "pnpm")
	case "pnpm", "pn":
		return manager(PNPM)
	case "yarn", "yarnpkg":
		return manager(Yarn)
	case "bunx":
		return fetcher(Bun, "bunx")
	case "bun":
		return manager(Bun)
	case "deno":
		return deno
	case "uvx":
		return uvx
	case "uv":
		return uv
	case "pipx":
		return pipx
	case "py":
		return python
	case "go":
		return goRun
	case "corepack":
		return corepack
	}
	manifest := about("manifests", base)
	switch {
	case isPython(base):
		return python
	case manifest == nil && !slices.Contains(list("opaque"), base):
		return nil
	}
	return func(r *Runner, args []string) bool {
		r.Tool = Other
		if base == "dx" {
			r.Tool = Deno
		}
		if commands := about("runner commands", base); commands != nil && !slices.Contains(commands, firstWord(args)) {
			return false
		}
		if manifest == nil {
			return r.opaque()
		}
		return r.project(manifest...)
	}
}

// isRunner tells whether a command is a runner with some arguments.
func isRunner(base string) bool { return parserOf(base) != nil }

// Base is the name of a command without directories and without what Windows puts behind it, in small letters.
func Base(command string) string {
	base := path.Base(strings.ReplaceAll(strings.ToLower(command), `\`, "/"))
	for _, ext := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}

// opaque makes a runner one that can't be taken apart.
func (r *Runner) opaque() bool {
	r.Kind = Opaque
	return true
}

// project makes a runner one of the code in its directory, which local names.
func (r *Runner) project(local ...string) bool {
	r.Kind, r.Local = Project, append(r.Local, local...)
	return true
}

// firstWord is the first argument that is no option.
func firstWord(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

// IsLocal tells whether a word that stands where code is named means a file or a directory of this machine, not something to fetch.
func IsLocal(spec string) bool {
	lower := strings.ToLower(spec)
	switch {
	case spec == "" || strings.Contains(spec, "://") && !strings.HasPrefix(lower, "file:"):
		return false
	case strings.HasPrefix(spec, "."), strings.HasPrefix(spec, "/"), strings.HasPrefix(spec, "~"), strings.HasPrefix(spec, `\`), strings.HasPrefix(spec, "${"):
		return true
	case len(spec) > 2 && spec[1] == ':' && (spec[2] == '\\' || spec[2] == '/'):
		return true
	}
	return slices.ContainsFunc([]string{"file:", "link:", "portal:", "workspace:", "-e "}, func(p string) bool { return strings.HasPrefix(lower, p) }) ||
		slices.ContainsFunc([]string{".tgz", ".tar.gz", ".tar", ".whl", ".zip", ".py", ".js", ".mjs", ".cjs", ".ts", ".mts"}, func(s string) bool { return strings.HasSuffix(lower, s) }) ||
		strings.Contains(lower, "@file:") || strings.Contains(lower, " @ file:")
}

// commit ends the address of a repository at one state of it.
var commit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[@#][0-9a-f]{40}\b`) })

// Pinned tells whether a package is named with one version, or with one state of its repository.
func Pinned(spec string) bool {
	if strings.HasPrefix(spec, "git+") {
		return commit().MatchString(spec)
	}
	if strings.Contains(spec, "://") {
		return true // of a file at an address nothing is known
	}
	version := ""
	if at := strings.LastIndex(spec, "@"); at > 0 {
		version = strings.TrimPrefix(spec[at+1:], "v") // go's
	}
	if _, v, found := strings.Cut(spec, "=="); found {
		version = v
	}
	return version != "" && version[0] >= '0' && version[0] <= '9' && !strings.ContainsAny(version, "xX*^~") && strings.Count(version, ".") >= 1
}
