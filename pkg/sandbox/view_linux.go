package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// grant lets the program use a file or all below a directory. Its path has no symbolic link in it.
type grant struct {
	Path  string `json:"path"`
	Write bool   `json:"write,omitempty"`
	File  bool   `json:"file,omitempty"`
	Pin   bool   `json:"pin,omitempty"`  // it is a mount of its own, so that nobody can rename it
	Link  bool   `json:"link,omitempty"` // it is a symbolic link, which is mounted on itself

	ours bool // not listed by the person
}

// view is the part of the file system that a program sees.
type view struct {
	home      string // the person's, without symbolic links
	workspace string // the same of the workspace; "": there is none
	grants    []grant
	links     []link
}

func newView(home string) *view {
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	if home = filepath.Clean(home); home == "/" { // nobody's, as in containers: to hide it would hide the system
		home = "/nonexistent"
	}
	return &view{home: home}
}

// systemDirs hold programs and libraries; nobody's secrets. The last ones are those of Nix, Guix and Homebrew.
var systemDirs = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/snap",
	"/nix/store", "/gnu/store", "/run/current-system/sw", "/home/linuxbrew/.linuxbrew",
}

// systemFiles are what libraries and runtimes read: names, certificates, users, time zone, fonts; of /sys what tells
// how many processors and how much memory there are for them.
var systemFiles = []string{
	"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf", // not /etc/ssl/private
	"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust", "/etc/static/ssl",
	"/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/crypto-policies",
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/networks",
	"/etc/protocols", "/etc/services", "/etc/passwd", "/etc/group",
	"/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/locale.conf",
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld-musl-x86_64.path", "/etc/ld-musl-aarch64.path",
	"/etc/alternatives", "/etc/mime.types", "/etc/fonts", "/etc/os-release", "/etc/debian_version",
	"/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage",
}

func (v *view) system() {
	for _, dir := range systemDirs {
		for _, part := range beside(dir, v.home) {
			v.ours(part, false)
		}
	}
	for _, file := range systemFiles {
		v.ours(file, false)
	}
}

// beside gives dir or, if hidden lies in it, what else is in it.
func beside(dir, hidden string) []string {
	real, err := filepath.EvalSymlinks(dir)
	switch {
	case err != nil || within(real, hidden):
		return nil
	case !within(hidden, real):
		return []string{dir}
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		return nil
	}
	var parts []string
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			continue // may lead anywhere, the hidden directory included
		}
		parts = append(parts, beside(filepath.Join(real, e.Name()), hidden)...)
	}
	return parts
}

// listed adds what the person has listed. What does not exist cannot be given, so it is an error.
func (v *view) listed(spec Spec) error {
	paths := slices.Clone(spec.Paths)
	if spec.visibleDir() {
		paths = append(paths, Path{Path: spec.Dir, Real: spec.DirReal, Write: spec.DirAccess == "rw"})
	}
	for _, p := range paths {
		if path := filepath.Clean(p.Path); within(path, "/proc") || within(path, "/dev") {
			return fmt.Errorf(`%s cannot be listed for a sandbox, which has its own devices and processes; use "isolation": {"type": "docker"}`, path)
		}
		if err := v.add(p.Path, p.Real, p.Write); err != nil {
			return fmt.Errorf("%s is listed for the sandbox but can't be used: %w; create it, or remove it from the list", p.Path, cause(err))
		}
	}
	return nil
}

// guard makes read-only what other programs take orders from, wherever the program may write; see Orders.
// It tells whether links are among that, which only namespaces of our own hold.
func (v *view) guard() (links bool, err error) {
	for i, g := range v.grants { // one within another is a mount of its own
		v.grants[i].Pin = !g.ours && g.Write && !g.File
	}
	listed := slices.DeleteFunc(slices.Clone(v.grants), func(g grant) bool { return g.ours })
	slices.SortFunc(listed, func(a, b grant) int { return cmp.Compare(a.Path, b.Path) })
	var writable []string
	for _, g := range listed {
		if g.Write {
			writable = append(writable, g.Path)
		}
	}
	found, err := Guard(writable)
	if err != nil {
		return false, err
	}
	add := func(paths []string, g grant) {
		for _, path := range paths {
			if over := nearest(listed, path); over < 0 || !listed[over].Write {
				continue // somebody listed it as read-only already
			}
			info, err := os.Lstat(path)
			g.Path, g.File = path, err == nil && !info.IsDir()
			v.grants = append(v.grants, g)
		}
	}
	add(found.Pinned, grant{Write: true, Pin: true})
	add(found.ReadOnly, grant{})
	add(found.Links, grant{Link: true})
	return len(found.Links) > 0, nil
}

// ours grants what the person has not listed.
func (v *view) ours(path string, write bool) error {
	n := len(v.grants)
	err := v.add(path, "", write)
	for i := range v.grants[n:] {
		v.grants[n+i].ours = true
	}
	return err
}

var errMoved = errors.New("it changed after it was checked")

// add grants a path and keeps the links on the way to it. It has to lead to want, unless that is "".
func (v *view) add(path, want string, write bool) error {
	real, links, err := trace(path)
	if err != nil {
		return err
	}
	if want != "" && real != want {
		return errMoved
	}
	info, err := os.Lstat(real)
	if err != nil {
		return err
	}
	for _, l := range links {
		if !slices.Contains(v.links, l) {
			v.links = append(v.links, l)
		}
	}
	v.grants = append(v.grants, grant{Path: real, Write: write, File: !info.IsDir()})
	return nil
}

// sorted gives the grants, parents before what is in them, and each path once. What is ours goes where it lies in something listed,
// which is as the person wants it.
func (v *view) sorted() []grant {
	all := slices.DeleteFunc(slices.Clone(v.grants), func(g grant) bool {
		return g.ours && slices.ContainsFunc(v.grants, func(over grant) bool { return !over.ours && within(g.Path, over.Path) })
	})
	slices.SortFunc(all, func(a, b grant) int {
		wider := 0
		if a.Write != b.Write {
			wider = map[bool]int{true: -1, false: 1}[a.Write]
		}
		return cmp.Or(cmp.Compare(a.Path, b.Path), wider) // the wider one of two stays
	})
	return slices.CompactFunc(all, func(a, b grant) bool { return a.Path == b.Path })
}

func (v *view) visible(path string) bool {
	real, _, err := trace(path)
	return err == nil && slices.ContainsFunc(v.grants, func(g grant) bool { return within(real, g.Path) })
}

// within tells whether path is dir or lies in it; both are clean.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

// cause takes the path off, which the message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
