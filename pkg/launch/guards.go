package launch

import (
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// writes are the directories of this machine that a confined server may write, without links, with their paths in a
// container.
func writes(l config.Launch) (places []docker.Guard) {
	add := func(host, real, container string) {
		var err error
		if real == "" {
			if real, err = filepath.EvalSymlinks(host); err != nil {
				return // what is not there is told by whoever wants it
			}
		}
		places = append(places, docker.Guard{Host: real, Container: container})
	}
	iso := l.Isolation
	for n, m := range iso.Mounts {
		if !m.ReadOnly {
			add(m.Host, l.RealMounts[n], m.Container)
		}
	}
	if iso.Dir == "rw" {
		add(l.Dir, l.RealDir, l.Dir)
	}
	return places
}

// guards are the mounts that keep a container from giving orders to other programs; see sandbox.Orders. An engine on
// another machine has other files, of which nothing is known here.
func guards(l config.Launch, endpoint docker.Endpoint) (guards []docker.Guard, err error) {
	if scheme, _, _ := strings.Cut(endpoint.Host, ":"); scheme != "unix" && scheme != "npipe" {
		return nil, nil
	}
	var roots []string
	places := writes(l)
	for _, p := range places {
		roots = append(roots, p.Host)
	}
	found, err := sandbox.Guard(roots)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{} // paths inside that the person has given to something
	for _, m := range l.Isolation.Mounts {
		taken[path.Clean(m.Container)] = true
	}
	add := func(hosts []string, pin bool) {
		for _, host := range hosts {
			for _, p := range places {
				rel, err := filepath.Rel(p.Host, host)
				if err != nil || !filepath.IsLocal(rel) {
					continue
				}
				inside := path.Join(p.Container, filepath.ToSlash(rel))
				if !taken[inside] && !readOnlyInside(l.Isolation, inside) {
					taken[inside] = true
					guards = append(guards, docker.Guard{Host: host, Container: inside, Pin: pin})
				}
			}
		}
	}
	add(found.Pinned, true)
	add(found.ReadOnly, false)
	return guards, nil
}

// readOnlyInside tells whether a path in a container lies deepest in a mount that is read-only, or in one of other
// files.
func readOnlyInside(iso *config.Isolation, inside string) bool {
	deepest, readOnly := -1, false
	for _, m := range iso.Mounts {
		at := path.Clean(m.Container)
		if (inside == at || strings.HasPrefix(inside, strings.TrimSuffix(at, "/")+"/")) && len(at) > deepest {
			deepest, readOnly = len(at), m.ReadOnly
		}
	}
	return readOnly
}

// NewOrders notes what a confined server may write now. What it returns is to be called after the run, and gives the
// files that have come to be meanwhile and that other programs take orders from: what did not exist cannot be
// protected.
func (p *Plan) NewOrders() (fresh func() []string) {
	var roots []string
	for _, place := range writes(p.Launch) {
		roots = append(roots, place.Host)
	}
	if runtime.GOOS == "windows" || len(roots) == 0 {
		return func() []string { return nil }
	}
	before, _ := sandbox.Guard(roots)
	return func() []string {
		after, _ := sandbox.Guard(roots)
		was := before.All()
		return slices.DeleteFunc(after.All(), func(path string) bool { return slices.Contains(was, path) })
	}
}
