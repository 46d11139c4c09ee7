package launch

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Closed are directories that give no orders to what starts a server: the session's workspace, and the directory the server works in
// unless the person named it. A repository, and whoever can write there, chose what they hold.
type Closed []string

// ClosedTo gives the closed directories of a server with a resolved launch. workspace is the session's, "" for none.
//
// A working_dir that is absolute and literal in the person's own file is a directory that they named. The file system's root and
// what holds the home directory are never closed: the person's own programs lie there.
func ClosedTo(server *config.Server, l config.Launch, workspace string) Closed {
	var c Closed
	named := !server.Workspace && filepath.IsAbs(server.Dir) && !strings.Contains(server.Dir, "${")
	for _, dir := range []string{workspace, l.Dir} {
		if dir == l.Dir && named && dir != workspace || !closable(dir) {
			continue
		}
		if abs, err := filepath.Abs(dir); err == nil && (len(c) == 0 || c[0] != abs) {
			c = append(c, abs)
		}
	}
	return c
}

// ClosedIn is closed for a program that is no server and works in dir.
func ClosedIn(dir string) Closed {
	if !closable(dir) {
		return nil
	}
	return Closed{dir}
}

// closable tells whether a directory can be a workspace: not "/", not the home directory, nor one above it.
func closable(dir string) bool {
	if dir == "" {
		return false
	}
	dir = filepath.Clean(dir)
	if filepath.Dir(dir) == dir {
		return false
	}
	home, err := os.UserHomeDir()
	return err != nil || home == "" || !below(realPath(home), realPath(dir))
}

// Root is the closed directory, by its real path, that a path lies in, leads into, or gets to its end through; "" if there is none.
func (c Closed) Root(path string) string {
	if len(c) == 0 {
		return ""
	}
	for _, dir := range c {
		real := realPath(dir)
		info, err := os.Stat(dir)
		for _, step := range steps(path) {
			if below(step, filepath.Clean(dir)) || below(step, real) || err == nil && above(step, info) {
				return real
			}
		}
	}
	return ""
}

// below tells whether a clean path is a directory or lies in it, by their names.
func below(path, dir string) bool {
	if foldsCase {
		path, dir = strings.ToLower(path), strings.ToLower(dir)
	}
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// foldsCase is for systems whose file systems usually do not tell small letters from capitals.
var foldsCase = runtime.GOOS == "darwin" || runtime.GOOS == "windows"

// above tells whether a directory is the path itself or on the way to it, whatever it is called there (bind mounts, /proc/self/root).
func above(path string, dir os.FileInfo) bool {
	for {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, dir) {
			return true
		}
		parent := filepath.Dir(path)
		if parent == path {
			return false
		}
		path = parent
	}
}

// mostLinks is how many links are followed, as the kernel does.
const mostLinks = 40

// steps are a path and what it becomes with each link that is followed, up to the real path. What is not there is left as it is.
func steps(path string) []string {
	all := []string{filepath.Clean(path)}
	for range mostLinks {
		next, more := follow(path)
		path = next
		all = append(all, filepath.Clean(path))
		if !more {
			break
		}
	}
	if runtime.GOOS == "windows" { // junctions are not all links to Go
		if real, err := filepath.EvalSymlinks(path); err == nil {
			all = append(all, real)
		}
	}
	return all
}

// follow replaces the first link on an absolute path, and takes ".." as the system does: from where the links before it lead to. Without a
// link the result is the clean path, and more is false.
func follow(path string) (next string, more bool) {
	volume := filepath.VolumeName(path)
	rest := strings.FieldsFunc(path[len(volume):], func(r rune) bool { return r < 128 && os.IsPathSeparator(uint8(r)) })
	at := volume + string(filepath.Separator)
	for i, name := range rest {
		switch name {
		case ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		link := filepath.Join(at, name)
		target, err := os.Readlink(link)
		if err != nil {
			at = link
			continue
		}
		if !filepath.IsAbs(target) {
			target = at + string(filepath.Separator) + target
		}
		return strings.Join(append([]string{target}, rest[i+1:]...), string(filepath.Separator)), true
	}
	return at, false
}

// realPath is the last of the steps.
func realPath(path string) string {
	all := steps(path)
	return all[len(all)-1]
}

// WithoutClosed is a value of PATH without the elements in closed directories, and without relative ones, which count from the working
// directory.
func (c Closed) WithoutClosed(list string) string {
	var kept []string
	for _, dir := range filepath.SplitList(list) {
		if filepath.IsAbs(dir) && c.Root(dir) == "" {
			kept = append(kept, dir)
		}
	}
	return strings.Join(kept, string(filepath.ListSeparator))
}
