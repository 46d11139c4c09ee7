package sandbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// companions are programs that start another one which lies beside them.
var companions = map[string]string{"uvx": "uv"}

// program grants a program that lies outside the system's directories: its installation where one can be told, else its file
// alone; and so each link on the way to it, and the interpreters in the first lines of scripts.
func (v *view) program(path string, env []string) error {
	led := false  // by a file of the workspace
	for range 5 { // interpreters of interpreters; the kernel stops there too
		if err := v.chain(path, &led); err != nil {
			return fmt.Errorf("%s cannot be run in a sandbox: %w", path, cause(err))
		}
		if other := companions[filepath.Base(path)]; other != "" {
			v.chain(filepath.Join(filepath.Dir(path), other), &led) // may be missing
		}
		path = interpreter(path, env)
		if info, err := os.Stat(path); path == "" || err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return nil // the kernel would not execute it: what a script names is not given for that
		}
	}
	return nil
}

// chain grants a file and all files that are links to it on the way. Once a file of the workspace has led there, an installation is
// granted only if it is one of a known runtime: a repository's link or script must not show a directory of another project.
func (v *view) chain(path string, led *bool) error {
	for range 40 {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return err
		}
		if err := v.ours(path, false); err != nil {
			return err
		}
		path = filepath.Join(dir, filepath.Base(path))
		inWorkspace := v.workspace != "" && within(path, v.workspace)
		*led = *led || inWorkspace
		if root := installation(path, v.home); root != "" && (!*led || inWorkspace && within(root, v.workspace) || isRuntime(root)) {
			if err := v.ours(root, false); err != nil {
				return err
			}
		}
		target, err := os.Readlink(path)
		if err != nil {
			return nil // no link
		}
		if path = target; !filepath.IsAbs(path) {
			path = filepath.Join(dir, target)
		}
	}
	return nil
}

// installation gives the directory that a program needs as a whole, or "". It has to be told from a directory that holds other
// things of the person's: ~/.nvm/versions/node/v20/bin/node belongs to an installation, ~/.local/bin/uvx and ~/bin/tool do
// not. So <prefix>/bin/<program> makes a prefix only if it is one by its contents, and lies deep enough unless it says itself
// that it is one. A package in node_modules needs those beside it.
func installation(program, home string) string {
	if i := strings.Index(program, "/node_modules/"); i >= 0 {
		if root := program[:i] + "/node_modules"; root != "/node_modules" {
			return root
		}
	}
	bin := filepath.Dir(program)
	prefix := filepath.Dir(bin)
	if filepath.Base(bin) != "bin" || within(home, prefix) {
		return ""
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			_, err := os.Lstat(filepath.Join(prefix, name))
			return err == nil
		})
	}
	deep := 2
	above := "/"
	if within(prefix, home) {
		above, deep = home, 3
	}
	below, _ := filepath.Rel(above, prefix)
	if has("pyvenv.cfg", "conda-meta") || len(split(below)) >= deep && has("lib", "lib64", "libexec", "share") {
		return prefix
	}
	return ""
}

// runtimes are files that a runtime's installation has, and hardly anything else.
var runtimes = []string{
	"pyvenv.cfg", "conda-meta/history", "lib/python3*/os.py", "lib64/python3*/os.py", "lib/node_modules/npm/package.json", "include/node/node.h",
	"lib/modules", "lib/ruby/*/set.rb", "lib/jvm.cfg", "pkg/tool",
}

func isRuntime(prefix string) bool {
	return filepath.Base(prefix) == "node_modules" || slices.ContainsFunc(runtimes, func(file string) bool {
		found, _ := filepath.Glob(filepath.Join(prefix, file))
		return len(found) > 0
	})
}

// interpreter gives the program in the first line of a script, looked for in the program's own PATH if env(1) does so; "" if there is none.
func interpreter(path string, env []string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, _ := bufio.NewReader(io.LimitReader(f, 4096)).ReadBytes('\n')
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	words := strings.Fields(string(line))
	if !ok || len(words) == 0 || !filepath.IsAbs(words[0]) {
		return ""
	}
	if filepath.Base(words[0]) != "env" {
		return words[0]
	}
	words = words[1:]
	if len(words) > 0 && words[0] == "-S" {
		words = words[1:]
	}
	for len(words) > 0 && strings.Contains(words[0], "=") && words[0][0] != '-' {
		words = words[1:]
	}
	if len(words) == 0 || words[0][0] == '-' {
		return "" // options take words that are no program
	}
	return search(words[0], env)
}

func search(name string, env []string) string {
	if filepath.IsAbs(name) {
		return name
	}
	for _, kv := range env {
		list, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			file := filepath.Join(dir, name)
			if info, err := os.Stat(file); filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
				return file
			}
		}
		return ""
	}
	return ""
}
