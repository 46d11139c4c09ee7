package launch

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// What decides what is run, and stands neither in the command nor in its first plain arguments: variables,
// directories that wrappers change to, text that they take apart themselves, modules that are found by their names.

// absolutePaths are those that what a runner would start gets without relative elements.
var absolutePaths = []string{"PYTHONPATH", "NODE_PATH"}

// withoutEmpty takes empty elements out of the variables with directories, which stand for the working directory and which
// nobody means: "/lib:${env:PYTHONPATH}" has one where that is not set.
func withoutEmpty(env []string) {
	for i, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if !slices.Contains(list("search-paths"), name) || strings.HasPrefix(name, "LUA_") { // ";;" has a meaning there
			continue
		}
		dirs := slices.DeleteFunc(filepath.SplitList(value), func(dir string) bool { return dir == "" })
		env[i] = name + "=" + strings.Join(dirs, string(os.PathListSeparator))
	}
}

// variables takes in what variables name in closed directories. withPath: PATH too, which is without them where we set
// it. absolute: the program gets the absolute elements of some alone.
func (o *orders) variables(vars []config.Var, withPath, absolute bool) {
	for _, v := range vars {
		if strings.EqualFold(v.Name, "PATH") && !withPath {
			continue
		}
		if kind := one("option variables", v.Name); kind != "" {
			(&interpretation{o, kind}).options(strings.Fields(v.Value))
			continue
		}
		taken := absolute && slices.Contains(absolutePaths, v.Name)
		dirs, any := slices.Contains(list("search-paths"), v.Name), slices.Contains(list("loaded"), v.Name)
		for _, word := range filepath.SplitList(v.Value) {
			if !dirs && !any && !filepath.IsAbs(word) && !strings.HasPrefix(word, ".") {
				continue // a relative path in a variable that is not known may be anything
			}
			word = strings.TrimRight(word, "*")
			if word == "" || taken && !filepath.IsAbs(word) {
				continue
			}
			path, root := o.resolve(word)
			switch info, err := os.Stat(path); {
			case root == "" || err != nil:
			case info.IsDir() && (dirs || any):
				o.add(root, path, true)
			case info.Mode().IsRegular() && (dirs || any || hasCodeSuffix(path) || executable(path, info)):
				o.add(root, path, false)
			}
		}
	}
}

// startsRunner tells whether the arguments of a command name a runner that it starts itself, in the directory where
// it works: bridges and supervisors do (supergateway --stdio "npx -y PKG", dumb-init npx -y PKG).
func startsRunner(command string, args []string) bool {
	if r, ok := Parse(command, args); ok {
		if r.Kind == Project || r.Kind == Opaque || r.Code {
			return false
		}
		args = r.Args
	}
	if slices.Contains(list("elsewhere"), Base(command)) {
		return false
	}
	for i, a := range args {
		if runs(append([]string{a}, args[i+1:]...)) {
			return true
		}
		for _, line := range strings.FieldsFunc(a, func(r rune) bool { return strings.ContainsRune(";&|()\n", r) }) {
			if words := strings.Fields(line); len(words) > 1 && runs(words) {
				return true
			}
		}
	}
	return false
}

// runs tells whether words are those of a runner that obeys its directory and is asked for something.
func runs(words []string) bool {
	if len(words) < 2 {
		return false
	}
	r, ok := parse(words[0], words[1:], 0)
	return ok && (len(r.Packages) > 0 && r.Kind != Project || r.Kind == Module && !r.Code)
}

// assignments are the NAME=value among the first arguments of env.
func assignments(args []string) (vars []config.Var) {
	for _, a := range args {
		if name, value, found := strings.Cut(a, "="); found && name != "" && name[0] != '-' {
			vars = append(vars, config.Var{Name: name, Value: value})
		} else if len(vars) > 0 {
			break
		}
	}
	return vars
}

// changed is what is collected in the directory that an argument of a wrapper names; o itself if there is none. The
// second result tells whether the next argument belongs to it.
func (o *orders) changed(args []string, i int) (there *orders, next bool) {
	a, dir := args[i], ""
	for _, option := range list("directory-options") {
		value, joined := strings.CutPrefix(strings.TrimPrefix(a, "--property="), option+"=")
		switch {
		case joined:
			dir = value
		case a == option && i+1 < len(args):
			dir, next = args[i+1], true
		case len(option) == 2 && len(a) > 2 && strings.HasPrefix(a, option):
			dir = a[2:]
		}
	}
	if dir == "" {
		return o, false
	}
	path, root := o.resolve(dir)
	if !isDir(path) {
		return o, false
	}
	return &orders{closed: o.closed, dir: path, root: root, found: o.found}, next
}

// text takes in an argument of a wrapper that is a command line in itself: env -S, script -c, su -c.
func (o *orders) text(arg string, depth int) {
	for _, option := range []string{"-S", "--split-string=", "-c", "--command="} {
		arg = strings.TrimPrefix(arg, option)
	}
	if !strings.ContainsAny(strings.TrimSpace(arg), " \t\n") || depth >= wrapping {
		return
	}
	words, plain := plainWords(arg)
	if !plain {
		if strings.ContainsAny(arg, separators) {
			o.code([]string{arg})
		}
		return
	}
	if len(words) > 0 {
		o.started(words, depth)
	}
}

// started takes in the words of a command that another one starts.
func (o *orders) started(words []string, depth int) {
	if path, root := o.resolve(words[0]); root != "" && strings.ContainsAny(words[0], separators) && isFile(path) {
		o.program(root, path)
	}
	o.command(words[0], words[1:], depth+1)
}

// moduleName is that of a Python module, with or without an object in it: "app", "pkg.app:app".
var moduleName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_]\w*)(?:\.\w+)*(:[\w.]+(?:\(\))?)?$`) })

// modules notes the modules of the working directory that arguments name: NAME behind -m, NAME:OBJECT. Where an
// interpreter is told to look for a module itself, it looks for all others there as well.
func (o *orders) modules(command string, args []string) {
	if o.root == "" {
		return
	}
	searches := interpreterOf(Base(command)) == "python"
	for i, a := range args {
		if interpreterOf(Base(a)) == "python" {
			searches = true
		}
		if at := strings.LastIndexByte(a, ':'); at > 0 && hasCodeSuffix(a[:at]) { // server.py:app
			if path, root := o.resolve(a[:at]); root != "" && isFile(path) {
				o.add(root, path, false)
			}
			continue
		}
		parts := moduleName().FindStringSubmatch(a)
		behind := i > 0 && args[i-1] == "-m"
		if parts == nil || !behind && parts[2] == "" {
			continue
		}
		if behind && searches {
			o.add(o.root, o.dir, true)
			return
		}
		if path := filepath.Join(o.dir, parts[1]+".py"); isFile(path) {
			o.add(o.root, path, false)
		} else if path := filepath.Join(o.dir, parts[1]); isDir(path) {
			o.folder(o.root, path, []string{"*.py"})
		}
	}
}

// interpretation is what the options of an interpreter are to it.
type interpretation struct {
	*orders
	kind string
}

// options takes in options without a script.
func (o *interpretation) options(args []string) {
	for i, a := range args {
		switch {
		case strings.HasPrefix(a, "-"), strings.HasPrefix(a, "@"):
			o.option(a)
		case i > 0 && takesValue(o.kind, args[i-1]):
			o.value(args[i-1], a)
		}
	}
}

// option takes in an option with its value in the same word: --require=./x, -javaagent:x.jar, -I./lib, @arguments.
func (o *interpretation) option(word string) {
	if file, ok := strings.CutPrefix(word, "@"); ok {
		if path, root := o.resolve(file); root != "" && isFile(path) {
			o.add(root, path, false)
		}
		return
	}
	if o.kind == "ruby" || o.kind == "perl" {
		for _, name := range []string{"-I", "-r", "-Mlib=", "-mlib="} {
			if value, ok := strings.CutPrefix(word, name); ok && value != "" {
				o.value(name, value)
				return
			}
		}
	}
	if name, value, found := strings.Cut(word, "="); found && takesValue(o.kind, name) {
		o.value(name, value)
	}
	switch {
	case o.kind != "node":
	case word == "--run" || strings.HasPrefix(word, "--run="):
		o.project(o.dir, []string{"package.json"})
	case word == "--experimental-default-config-file":
		o.project(o.dir, []string{"node.config.json"})
	}
	o.values(word)
}

// value takes in the value of an option, which may be a list: of files, directories, or names of packages.
func (o *interpretation) value(option, value string) {
	between := func(r rune) bool { return r == os.PathListSeparator || r == ',' || r == '=' }
	for _, word := range strings.FieldsFunc(value, between) {
		word = strings.TrimRight(word, "*")
		if word == "" {
			continue
		}
		named := !IsLocal(strings.TrimSuffix(word, filepath.Ext(word)))
		if o.kind == "node" && slices.Contains(list("preloading"), option) && named {
			o.preloaded(word)
			continue
		}
		path, root, there := o.script(o.kind, word)
		switch {
		case !there || root == "":
		case isDir(path):
			o.folder(root, path, filesOf(Tool(o.kind)))
		default:
			o.add(root, path, false)
		}
	}
}

// mostSettings is the size in bytes up to which a package.json or tsconfig.json is read.
const mostSettings = 16 << 20

// preloaded notes a package that node loads by its name: that of a node_modules in a closed directory, or the project
// itself by its own name.
func (o *interpretation) preloaded(name string) {
	first, rest, _ := strings.Cut(name, "/")
	if strings.HasPrefix(first, "@") {
		second, _, _ := strings.Cut(rest, "/")
		first += "/" + second
	}
	if first == "tsx" {
		o.tsconfig()
	}
	if o.root == "" {
		return
	}
	for at := realPath(o.dir); below(at, o.root); at = filepath.Dir(at) {
		if path := filepath.Join(at, "node_modules", filepath.FromSlash(first)); first != "" && isDir(path) {
			o.add(o.root, path, true)
		}
		manifest := filepath.Join(at, "package.json")
		text, err := config.ReadRegular(manifest, mostSettings)
		var named struct{ Name string }
		if err == nil && (strings.HasPrefix(name, "#") || json.Unmarshal(text, &named) == nil && named.Name == first) {
			o.add(o.root, manifest, false)
		}
	}
}

// tsconfig notes the nearest tsconfig.json if it says where modules are: tsx obeys that of its working directory, for
// scripts elsewhere too.
func (o *orders) tsconfig() {
	if o.root == "" {
		return
	}
	for at := realPath(o.dir); below(at, o.root); at = filepath.Dir(at) {
		path := filepath.Join(at, "tsconfig.json")
		if text, err := config.ReadRegular(path, mostSettings); err == nil {
			for _, says := range []string{`"paths"`, `"baseUrl"`, `"extends"`, `"jsx`, `\`} {
				if bytes.Contains(text, []byte(says)) {
					o.add(o.root, path, false)
					return
				}
			}
			return
		}
	}
}
