package upstream

import (
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// writes are the directories of this machine that a confined server may write, without links, with their paths in a container.
func (s *Start) writes() (places []docker.Guard) {
	add := func(host, real, container string) {
		var err error
		if real == "" {
			if real, err = filepath.EvalSymlinks(host); err != nil {
				return // what is not there is told by whoever wants it
			}
		}
		places = append(places, docker.Guard{Host: real, Container: container})
	}
	iso := s.Launch.Isolation
	for n, m := range iso.Mounts {
		if !m.ReadOnly {
			add(m.Host, s.Launch.RealMounts[n], m.Container)
		}
	}
	if iso.Dir == "rw" {
		add(s.Launch.Dir, s.Launch.RealDir, s.Launch.Dir)
	}
	return places
}

// guards are the mounts that keep a container from giving orders to other programs; see sandbox.Orders. An engine on another machine has
// other files, of which nothing is known here.
func (s *Start) guards(endpoint docker.Endpoint) (guards []docker.Guard, err error) {
	if scheme, _, _ := strings.Cut(endpoint.Host, ":"); scheme != "unix" && scheme != "npipe" {
		return nil, nil
	}
	var roots []string
	places := s.writes()
	for _, p := range places {
		roots = append(roots, p.Host)
	}
	found, err := sandbox.Guard(roots)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{} // paths inside that the person has given to something
	for _, m := range s.Launch.Isolation.Mounts {
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
				if !taken[inside] && !s.readOnlyInside(inside) {
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

// readOnlyInside tells whether a path in a container lies deepest in a mount that is read-only, or in one of other files.
func (s *Start) readOnlyInside(inside string) bool {
	deepest, readOnly := -1, false
	for _, m := range s.Launch.Isolation.Mounts {
		at := path.Clean(m.Container)
		if (inside == at || strings.HasPrefix(inside, strings.TrimSuffix(at, "/")+"/")) && len(at) > deepest {
			deepest, readOnly = len(at), m.ReadOnly
		}
	}
	return readOnly
}

// newOrders tells, after a run, what has come to be that other programs take orders from. What did not exist cannot be protected.
func (s *Start) newOrders() (tell func()) {
	if runtime.GOOS == "windows" {
		return func() {}
	}
	var roots []string
	for _, p := range s.writes() {
		roots = append(roots, p.Host)
	}
	if len(roots) == 0 {
		return func() {}
	}
	before, _ := sandbox.Guard(roots)
	return func() {
		was := map[string]bool{}
		for _, p := range before.All() {
			was[p] = true
		}
		after, _ := sandbox.Guard(roots)
		var fresh []string
		for _, p := range after.All() {
			if !was[p] {
				fresh = append(fresh, p)
			}
		}
		if len(fresh) > 0 {
			s.Log.Warn().Str("server", s.Server.Name).Strs("files", fresh[:min(len(fresh), 20)]).
				Msg("files that other programs take orders from have come to be while a confined server ran: look at them before you use them")
		}
	}
}
