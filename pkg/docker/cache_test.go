//go:build unix

package docker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// caches are the names of a store's cache volumes.
func caches(t *testing.T, e *mcptest.Engine, r *rig) (names []string) {
	t.Helper()
	hub, err := r.identity()
	if err != nil {
		t.Fatal(err)
	}
	list, err := e.API.VolumeList(context.Background(), volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", LabelHub+"="+hub))})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list.Volumes {
		names = append(names, v.Name)
	}
	return names
}

// dropCaches removes the store's cache volumes at the end of the test, when no container has them.
func dropCaches(t *testing.T, e *mcptest.Engine, r *rig) {
	t.Cleanup(func() {
		for _, name := range caches(t, e, r) {
			e.API.VolumeRemove(context.Background(), name, true)
		}
	})
}

func TestTheCacheIsOneServersAlone(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	dropCaches(t, e, r)
	next := newRigIn(t, r.dir, e.Host) // a later life
	other := newRig(t, e.Host)
	dropCaches(t, e, other)
	// sees tells whether a server finds what the first one has put into its cache.
	sees := func(r *rig, change func(*Spec)) bool {
		spec := r.spec()
		spec.Isolation.Cache = true
		change(&spec)
		p := r.start(spec).running()
		defer p.Gone()
		defer p.Kill()
		if change := p.ask("write /var/tmp/second"); change != "ok" {
			t.Errorf("not writable: %s", change)
		}
		return p.ask("read /var/tmp/first") == "written"
	}
	spec := r.spec()
	spec.Isolation.Cache = true
	first := r.start(spec).running()
	if got := first.ask("write /var/tmp/first"); got != "ok" {
		t.Fatal(got)
	}
	if got := caches(t, e, r); len(got) != 1 {
		t.Errorf("%q", got)
	}
	for what, c := range map[string]struct {
		owner  *rig
		change func(*Spec)
		want   bool
	}{
		"the same":             {r, func(*Spec) {}, true},
		"in a later life":      {next, func(*Spec) {}, true},
		"another name":         {r, func(s *Spec) { s.Server = "other" }, false},
		"another file":         {r, func(s *Spec) { s.Config = "/other.json" }, false},
		"another launch":       {r, func(s *Spec) { s.Digest = "d2" }, false},
		"another store":        {other, func(*Spec) {}, false},
		"names that run over":  {r, func(s *Spec) { s.Config, s.Server = "/config.jsonp", "robe" }, false},
		"without being asked":  {r, func(s *Spec) { s.Isolation.Cache = false }, false},
		"the same, once again": {r, func(*Spec) {}, true},
	} {
		if got := sees(c.owner, c.change); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestTheCacheOfAnEarlierLaunchIsRemoved(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	dropCaches(t, e, r)
	launch := func(server, digest string) *peer {
		spec := r.spec()
		spec.Isolation.Cache, spec.Server, spec.Digest = true, server, digest
		return r.start(spec).running()
	}
	end := func(p *peer) { p.Kill(); p.await(p.Gone(), "its removal") }
	end(launch("a", "1"))
	end(launch("b", "1"))
	kept := caches(t, e, r)
	p := launch("a", "2")
	now := caches(t, e, r)
	if len(kept) != 2 || len(now) != 2 || slices.Equal(kept, now) {
		t.Errorf("%q, then %q", kept, now)
	}
	q := launch("a", "3") // of 2, which is in use
	if got := caches(t, e, r); len(got) != 3 {
		t.Errorf("one in use is gone: %q", got)
	}
	if got := p.ask("write /var/tmp/x"); got != "ok" {
		t.Error(got)
	}
	end(p)
	end(q)
	end(launch("a", "3"))
	if got := caches(t, e, r); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestTheImagesOwnUserMayWriteTheCache(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	dropCaches(t, e, r)
	withProbe(t, e, "probe-cache-user:1", "USER 4321")
	spec := r.spec()
	spec.Isolation.Image, spec.Isolation.Cache, spec.Isolation.ReadOnly = "probe-cache-user:1", true, true
	spec.Env = []string{"UV_CACHE_DIR=/mine", "npm_config_cache="}
	p := r.start(spec).running()
	if got := p.ask("write /var/tmp/x"); got != "ok" {
		t.Error(got)
	}
	env := decode[[]string](t, p.ask("env"))
	for _, want := range []string{"UV_CACHE_DIR=/mine", "npm_config_cache=", "PIP_CACHE_DIR=/var/tmp/pip", "GOMODCACHE=/var/tmp/go/mod", "DENO_DIR=/var/tmp/deno"} {
		name, _, _ := strings.Cut(want, "=")
		same := slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return !strings.HasPrefix(kv, name+"=") })
		if !slices.Equal(same, []string{want}) {
			t.Errorf("%q, not %q", same, want)
		}
	}
	if spec.Env[0] != "UV_CACHE_DIR=/mine" || len(spec.Env) != 2 {
		t.Errorf("the entry's environment was changed: %q", spec.Env)
	}
	spec.Isolation.Cache = false
	if got := r.start(spec).running().ask("env"); strings.Contains(got, "PIP_CACHE_DIR") {
		t.Error(got)
	}
}
