package sandbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// Unix sockets are of two kinds. Those with a path are reached by whoever sees the path: of what a program sees, the sockets that other
// programs have there at its start are covered. Abstract ones belong to a network: to its own, or Landlock keeps it from those of others.

var errSockets = errors.New(`its Unix sockets cannot be kept apart from those of other programs here: that takes namespaces, and Landlock of ABI 6 (Linux 6.12) where it has the network; ` +
	`write "network": "none" in isolation if it needs none, or "type": "docker"`)

// forSockets is the method that gives a program Unix sockets, and those of no other program.
func (m machine) forSockets(network bool) (Method, error) {
	switch {
	case m.Method == Landlock:
		return "", errSockets
	case !network:
		return m.Method, nil
	case m.Method != Namespaces && !ownNamespaces() || landlockABI() < abiScope:
		return "", errSockets
	}
	return Namespaces, nil // bubblewrap has no step between its mounts and the program, in which Landlock could come
}

// othersSockets are the sockets of other programs in what the program sees. One that is listed by its own path is what the person wants it
// to reach.
func (v *view) othersSockets() []string {
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil
	}
	return v.socketsIn(table)
}

func (v *view) socketsIn(table []byte) (sockets []string) {
	for line := range bytes.Lines(table) {
		at := bytes.Index(line, []byte(" /")) // behind seven numbers; a path may have spaces
		if at < 0 {
			continue
		}
		path, err := filepath.EvalSymlinks(string(bytes.TrimSuffix(line[at+1:], []byte("\n"))))
		if err != nil || slices.Contains(sockets, path) {
			continue
		}
		seen := func(g grant) bool { return within(path, g.Path) }
		if slices.ContainsFunc(v.grants, seen) && !slices.ContainsFunc(v.grants, func(g grant) bool { return g.Path == path }) {
			sockets = append(sockets, path)
		}
	}
	return sockets
}
