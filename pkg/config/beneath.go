package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A repository can hold symbolic links, and a link decides what a path below the workspace shows. So a path that is written
// relative, or with ${workspaceFolder}, has to lead to something inside the workspace once every link is followed. What a
// person wrote out in their own file, as an absolute path without references, is their choice.

// beneath is where the paths of one entry have to stay.
type beneath struct {
	server    *Server
	workspace string // as the client named it; "": there is none, and nothing to check
	real      string // without links; "" if it is not there
}

func (s *Server) beneath(workspace string) beneath {
	b := beneath{server: s, workspace: workspace}
	if workspace != "" {
		b.real, _ = filepath.EvalSymlinks(workspace)
	}
	return b
}

// bound tells whether a path must stay in the workspace: as it was written, and as it is now, absolute and clean.
func (b beneath) bound(written, path string) bool {
	if b.real == "" || isDrive(path) && filepath.Separator == '/' { // the latter is of a remote engine's machine
		return false
	}
	own := !b.server.Workspace
	relative := isLiteral(written) && !filepath.IsAbs(written) && !strings.HasPrefix(written, "/")
	switch {
	case relative || b.server.hasWorkspace(written):
		return true
	case own && isLiteral(written):
		return false
	}
	return lexicallyIn(path, b.workspace) || lexicallyIn(path, b.real)
}

// hasWorkspace tells whether a text refers to the workspace, by itself or by one of the entry's own variables.
func (s *Server) hasWorkspace(text string) bool {
	return s.leadsToWorkspace("", text, map[string]bool{})
}

// leadsToWorkspace looks at each of the entry's variables once.
func (s *Server) leadsToWorkspace(option, text string, seen map[string]bool) bool {
	parts, _ := s.parse(option, text)
	return slices.ContainsFunc(parts, func(p part) bool {
		if p.kind != partOwn || seen[p.name] {
			return p.kind == partWorkspace
		}
		seen[p.name] = true
		return s.leadsToWorkspace("env."+p.name, s.variable(p.name), seen)
	})
}

// variable is the value of one of the entry's own variables as written.
func (s *Server) variable(name string) string {
	for _, v := range s.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// check follows the links of a path that must stay in the workspace, and gives where it leads; "" for a path that is free
// to lead anywhere. What does not exist yet is followed as far as it does.
func (b beneath) check(option, written, path string) (real string, err error) {
	if !b.bound(written, path) {
		return "", nil
	}
	real, err = follow(path)
	if err != nil {
		return "", fmt.Errorf("%s: where %q leads cannot be told: %w – correct it, or write another path", option, path, cause(err))
	}
	if !inDir(real, b.real) {
		return "", fmt.Errorf("%s leads out of the workspace: %q is %q – if you trust that, write this path in your own file",
			option, path, real)
	}
	return real, nil
}

// follow is [filepath.EvalSymlinks] that goes as far as there is something. A link that leads to nothing is an error: what it
// will lead to is up to somebody else.
func follow(path string) (string, error) {
	rest := ""
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if _, lerr := os.Lstat(path); lerr == nil || filepath.Dir(path) == path {
			return "", err
		}
		rest = filepath.Join(filepath.Base(path), rest)
		path = filepath.Dir(path)
	}
}

// inDir tells whether a path without links is dir or lies in it, also where names differ in case alone and are the same.
func inDir(path, dir string) bool {
	if lexicallyIn(path, dir) {
		return true
	}
	top, err := os.Stat(dir)
	if err != nil {
		return false
	}
	for ; ; path = filepath.Dir(path) {
		if info, err := os.Lstat(path); err == nil && os.SameFile(info, top) {
			return true
		}
		if filepath.Dir(path) == path {
			return false
		}
	}
}

func lexicallyIn(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// cause takes the path off, which the message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// checkPlaces checks all paths of a resolved launch that must stay in the workspace.
func (s *Server) checkPlaces(l *Launch, workspace string) (err error) {
	b := s.beneath(workspace)
	if s.Dir != "" {
		if l.RealDir, err = b.check("working_dir", s.Dir, l.Dir); err != nil {
			return err
		}
	}
	if l.Isolation != nil {
		l.RealMounts = make([]string, len(l.Isolation.Mounts))
		for n, m := range l.Isolation.Mounts {
			l.RealMounts[n], err = b.check(mountOption(n), s.Isolation.Mounts[n].Host, m.Host)
			if err != nil {
				return err
			}
		}
	}
	if !s.OwnContainer() {
		return nil
	}
	for n, arg := range l.Args {
		for _, path := range s.pathsIn(s.Args[n], arg, l.Dir, workspace) {
			if _, err := b.check(fmt.Sprintf("args[%d]", n), ".", path); err != nil {
				return err
			}
		}
	}
	return nil
}

// pathsIn are the paths that an argument of a command such as docker run names, as long as they depend on the workspace: the
// engine mounts them. They stand in "-v", "--volume=" and "--mount type=bind,source=", and end at a colon or a comma.
func (s *Server) pathsIn(written, arg, dir, workspace string) (paths []string) {
	end := func(text string) string {
		if i := strings.IndexAny(text, ":,"); i >= 0 {
			text = text[:i]
		}
		return text
	}
	if workspace != "" && (s.hasWorkspace(written) || s.Workspace || !isLiteral(written)) {
		for rest := arg; ; {
			_, after, found := strings.Cut(rest, workspace)
			if !found {
				break
			}
			if tail := end(after); tail == "" || tail[0] == '/' || tail[0] == filepath.Separator {
				paths = append(paths, filepath.Join(workspace, tail))
			}
			rest = after
		}
	}
	if dir == "" || !lexicallyIn(dir, workspace) {
		return paths
	}
	for piece := range strings.SplitSeq(strings.TrimPrefix(arg, "-v"), ",") {
		key, value, has := strings.Cut(piece, "=")
		source := has && (key == "source" || key == "src")
		if !has {
			value = piece
		}
		value = end(value)
		dotted := value == "." || value == ".." || strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../")
		if dotted || source && value != "" && !filepath.IsAbs(value) {
			paths = append(paths, filepath.Join(dir, value))
		}
	}
	return paths
}
