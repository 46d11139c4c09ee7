package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// link is a symbolic link on the way to a grant.
type link struct {
	Path   string `json:"path"`
	Target string `json:"target"`
}

// LinksOn are the symbolic links that are followed on the way to a path of a Unix system, each where it really lies.
func LinksOn(path string) ([]string, error) {
	_, links, err := trace(path)
	var places []string
	for _, l := range links {
		places = append(places, l.Path)
	}
	return places, err
}

// trace follows a path link by link.
func trace(path string) (real string, links []link, err error) {
	real, rest := "/", split(path)
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			real = filepath.Dir(real)
			continue
		}
		next := filepath.Join(real, name)
		info, err := os.Lstat(next)
		if err != nil {
			return "", nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			real = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", nil, err
		}
		if links = append(links, link{next, target}); len(links) > 40 {
			return "", nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		if filepath.IsAbs(target) {
			real = "/"
		}
		rest = append(split(target), rest...)
	}
	return real, links, nil
}

func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." })
}
