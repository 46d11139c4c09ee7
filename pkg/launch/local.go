package launch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Order is a file of a closed directory that decides what a server's command runs: the program itself, the script that an interpreter is
// given, the file that tells a runner of projects what to do.
type Order struct {
	Root   string // the closed directory, by its real path
	Path   string // below Root, unless a relative path leads out of it
	Folder bool   // Path is a directory: which of its files are run can't be told from the command
}

// orders collects what in closed directories gives orders.
type orders struct {
	closed Closed
	dir    string // the working directory
	root   string // the closed directory that dir lies in; "": the person named dir
	found  []Order
	inline bool  // the command line has code in it, whose relative paths can't be told, or a runner that another program starts
	failed error // what is named is not there
}

// ordersOf tells what in closed directories decides what a command line runs. path is the program that was found.
func ordersOf(path string, l config.Launch, closed Closed) *orders {
	o := &orders{closed: closed, dir: l.Dir, root: closed.Root(l.Dir)}
	if len(closed) == 0 {
		return o
	}
	if root := o.rootOf(path, strings.ContainsAny(l.Command, separators) && !filepath.IsAbs(l.Command)); root != "" {
		o.program(root, path)
	}
	r, ok := Parse(l.Command, l.Args)
	o.variables(l.Env, false, ok && (r.Kind == Package || r.Kind == Module && !r.Code))
	o.inline = startsRunner(l.Command, l.Args)
	o.command(l.Command, l.Args, 0)
	return o
}

// rootOf is the closed directory that decides what a path leads to, "" for none. relative paths count from the working directory.
func (o *orders) rootOf(path string, relative bool) string {
	if root := o.closed.Root(path); root != "" || !relative {
		return root
	}
	return o.root
}

// resolve gives the path of an argument, and the closed directory that it belongs to, "" for none.
func (o *orders) resolve(arg string) (path, root string) {
	path = strings.TrimPrefix(arg, "file://")
	path = strings.TrimPrefix(path, "file:")
	relative := !filepath.IsAbs(path)
	if relative {
		path = filepath.Join(o.dir, path)
	}
	return path, o.rootOf(path, relative)
}

// add notes a file; one of another name for the same place is the same.
func (o *orders) add(root, path string, folder bool) {
	order := Order{Root: root, Path: o.inside(root, path), Folder: folder}
	if !slices.Contains(o.found, order) {
		o.found = append(o.found, order)
	}
}

// inside is a path with the real name of the closed directory that it lies in.
func (o *orders) inside(root, path string) string {
	path = filepath.Clean(path)
	for _, dir := range o.closed {
		if dir = filepath.Clean(dir); realPath(dir) == root && below(path, dir) {
			return filepath.Join(root, path[len(dir):])
		}
	}
	if real := realPath(path); below(real, root) {
		return real
	}
	return path
}

// program notes a program, and what makes a virtual environment of the directory it lies in.
func (o *orders) program(root, path string) {
	o.add(root, path, false)
	if cfg := filepath.Join(filepath.Dir(filepath.Dir(path)), "pyvenv.cfg"); isFile(cfg) {
		o.add(root, cfg, false)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// command takes in a command with its arguments.
func (o *orders) command(command string, args []string, depth int) {
	base := Base(command)
	if base == "env" {
		o.variables(assignments(args), true, false)
	}
	r, ok := Parse(command, args)
	if ok {
		o.runner(r, base)
		if r.Kind == Package || r.Kind == Quiet || r.Kind == Module && !r.Code {
			o.fetched(r)
			o.named(append(slices.Clone(r.Options), r.Args...)) // the other words are names of packages and modules, which are not looked for here
			return
		}
	}
	kind := interpreterOf(base)
	switch words, plain := shellCommand(kind, args); {
	case depth >= wrapping:
	case plain:
		o.started(words, depth)
		return
	case kind != "":
		if base == "tsx" {
			o.tsconfig()
		}
		o.interpreted(kind, args)
	case slices.Contains(list("wrappers"), base):
		o.wrapped(args, depth)
	}
	if files, ok := projectOf(base, args); ok {
		o.project(o.dirOption(args), files)
	}
	if !ok || r.Kind != Module && r.Kind != Opaque {
		o.modules(command, args)
	}
	o.named(args)
}

// fetched takes in what the program of a package, or a module, obeys in its working directory.
func (o *orders) fetched(r *Runner) {
	name := r.Name
	if r.Kind == Package {
		if name = r.Bin; name == "" {
			name = Base(npmName(r.Packages[0]))
		}
	}
	if files := about("projects", name); files != nil {
		o.project(o.dirOption(r.Args), files)
	}
	if name == "tsx" {
		o.tsconfig()
	}
	o.modules(name, r.Args)
}

// wrapped takes in the command that a wrapper's arguments name.
func (o *orders) wrapped(args []string, depth int) {
	for i, a := range args {
		if there, next := o.changed(args, i); there != o {
			rest := args[i+1:]
			if next {
				rest = rest[1:]
			}
			there.wrapped(rest, depth)
			o.found, o.inline, o.failed = there.found, o.inline || there.inline, there.failed
			return
		}
		if strings.ContainsAny(a, " \t\n") && (strings.HasPrefix(a, "-") || !strings.Contains(a, "=")) {
			o.text(a, depth)
			continue
		}
		if strings.HasPrefix(a, "-") || strings.Contains(a, "=") {
			continue
		}
		if strings.ContainsAny(a, separators) {
			if path, root := o.resolve(a); isFile(path) {
				if root != "" {
					o.program(root, path)
				}
				o.command(a, args[i+1:], depth+1)
				return
			}
		}
		base := Base(a)
		if isRunner(base) || about("projects", base) != nil || interpreterOf(base) != "" || slices.Contains(list("wrappers"), base) {
			o.command(a, args[i+1:], depth+1)
			return
		}
	}
}

// runner takes in what a runner is told to run of this machine.
func (o *orders) runner(r *Runner, base string) {
	if r.Kind == Module && r.Code {
		o.inline = true
	}
	dir := o.dir
	if r.Dir != "" {
		dir, _ = o.resolve(r.Dir)
	}
	for _, local := range r.Local {
		path, root := (&orders{closed: o.closed, dir: dir, root: o.closed.Root(dir)}).resolve(local)
		if root == "" {
			continue
		}
		switch {
		case isFile(path):
			o.add(root, path, false)
		case isDir(path):
			files := filesOf(r.Tool)
			if r.Tool == Go {
				files = append(slices.Clone(files), "*.go")
			}
			o.folder(root, path, files)
		}
	}
	if r.Kind != Project {
		return
	}
	files := about("projects", base)
	if files == nil {
		files = about("projects", Base(r.Command))
	}
	if own := filesOf(r.Tool); own != nil {
		files = own
	}
	o.project(dir, files)
}

// project notes the files that give orders to a runner of projects: those of the closed directory from dir upwards; where none is
// there, those of the first directory above it that has one.
func (o *orders) project(dir string, files []string) {
	if dir == "" {
		dir = o.dir
	}
	root := o.closed.Root(dir)
	if root == "" {
		return
	}
	any := false
	for at := realPath(dir); closable(at); at = filepath.Dir(at) {
		if any && !below(at, root) {
			return
		}
		for _, pattern := range files {
			matches, _ := filepath.Glob(filepath.Join(escapeGlob(at), pattern))
			for _, path := range matches {
				if isFile(path) {
					o.add(root, path, false)
					any = true
				}
			}
		}
	}
}

// escapeGlob takes the meaning of patterns from a directory's name.
func escapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir // where nothing escapes
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// folder notes what gives orders in a directory that is to be run as a whole: files, patterns, and the main files that are known.
func (o *orders) folder(root, dir string, files []string) {
	before := len(o.found)
	for _, pattern := range slices.Concat(files, list("main-files")) {
		matches, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		for _, path := range matches {
			if isFile(path) {
				o.add(root, path, false)
			}
		}
	}
	if len(o.found) == before {
		o.add(root, dir, true)
	}
}

// interpreted takes in the script of an interpreter, and the files that its options name.
func (o *orders) interpreted(kind string, args []string) {
	files := filesOf(Tool(kind))
	if kind == "bun" || kind == "deno" {
		o.project(o.dir, files)
	}
	how := &interpretation{o, kind}
	for i, a := range args {
		if isVerb(kind, a) {
			continue
		}
		if hasCode(kind, a) {
			o.code(args[i:])
			return
		}
		if strings.HasPrefix(a, "-") || kind == "java" && strings.HasPrefix(a, "@") {
			how.option(a)
			continue
		}
		if i > 0 && takesValue(kind, args[i-1]) {
			how.value(args[i-1], a)
			continue
		}
		if path, root, there := o.script(kind, a); there {
			switch {
			case root == "":
			case isDir(path):
				o.folder(root, path, files)
			default:
				o.add(root, path, false)
			}
			return
		}
		if path, root := o.resolve(a); root != "" && hasCodeSuffix(a) {
			o.failed = fmt.Errorf("%s does not exist; create it, or correct \"args\": %w", path, fs.ErrNotExist)
			return
		}
	}
}

// script finds the file or directory that an argument of an interpreter names.
func (o *orders) script(kind, arg string) (path, root string, there bool) {
	path, root = o.resolve(arg)
	candidates := []string{path}
	if kind == "ruby" {
		candidates = append(candidates, path+".rb")
	}
	if kind == "node" || kind == "bun" {
		for _, suffix := range []string{".js", ".json", ".node", ".ts", ".mjs", ".cjs", ".tsx", ".jsx"} {
			candidates = append(candidates, path+suffix)
		}
	}
	for _, c := range candidates {
		if isFile(c) {
			return c, root, true
		}
	}
	return path, root, isDir(path)
}

// values notes the files that an option names in its own word: --require=./x, -javaagent:x.jar, -I./lib.
func (o *orders) values(option string) {
	for _, at := range []string{"=", ":"} {
		if _, value, found := strings.Cut(option, at); found {
			for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == os.PathListSeparator || r == ',' || r == '=' }) {
				if path, root := o.resolve(word); root != "" && isFile(path) {
					o.add(root, path, false)
				}
			}
		}
	}
}

// code takes in code that stands in the command line. What it names in a closed directory gives orders; its relative paths can't be told.
func (o *orders) code(args []string) {
	o.inline = true
	for _, a := range args {
		for _, word := range strings.FieldsFunc(a, func(r rune) bool { return strings.ContainsRune(" \t\r\n;&|()`'\"<>{}$=,", r) }) {
			if !filepath.IsAbs(word) {
				continue
			}
			switch path, root := o.resolve(word); {
			case root == "":
			case isFile(path):
				o.add(root, path, false)
			case isDir(path) && changesDir(args):
				o.add(root, path, true)
			}
		}
	}
}

// changesDir tells whether code may go to a directory that it names.
func changesDir(args []string) bool {
	text := strings.Join(args, " ")
	return slices.ContainsFunc([]string{"cd ", "cd\t", "pushd", "chdir", "-C", "--cwd", "--dir", "--prefix", "--project", "cwd", "path"}, func(s string) bool { return strings.Contains(text, s) })
}

// named notes arguments that name code in closed directories, whatever the command is: by their names, or because they can be executed.
func (o *orders) named(args []string) {
	for _, a := range args {
		if _, value, found := strings.Cut(a, "="); found && strings.HasPrefix(a, "-") {
			a = value
		}
		if a == "" || strings.HasPrefix(a, "-") || strings.ContainsAny(a, "\n\x00") {
			continue
		}
		path, root := o.resolve(a)
		if root == "" {
			continue
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && (hasCodeSuffix(path) || executable(path, info)) {
			o.add(root, path, false)
		}
	}
}

// dirOption is the directory that an argument tells a runner of projects to work in, "" for none.
func (o *orders) dirOption(args []string) string {
	dir := ""
	for i, a := range args {
		for _, option := range list("project-options") {
			value, joined := strings.CutPrefix(a, option+"=")
			if !joined && len(option) == 2 && len(a) > 2 { // -fFILE
				value, joined = strings.CutPrefix(a, option)
			}
			if !joined && a == option && i+1 < len(args) {
				value, joined = args[i+1], true
			}
			if !joined {
				continue
			}
			path, root := o.resolve(value)
			switch {
			case root == "":
			case isDir(path):
				dir = path
			case isFile(path):
				o.add(root, path, false)
				if dir == "" {
					dir = filepath.Dir(path)
				}
			}
		}
	}
	return dir
}
