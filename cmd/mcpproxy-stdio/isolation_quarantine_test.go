//go:build !windows

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// terminal runs a command of ours on one, for a workspace.
func (h *home) terminal(workspace string, env []string, args ...string) *window {
	d := &desktop{home: h, env: append([]string{"TERM=xterm", "PAGER=cat", "CI="}, env...)}
	return d.open(nil, append([]string{"--workspace", workspace}, args...)...)
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// flat is a screen without colours and line breaks.
func flat(screen string) string {
	return strings.Join(strings.Fields(colours.ReplaceAllString(screen, "")), " ")
}

// seen is what the probe told of itself.
func seen(t *testing.T, c *mcptest.Client, name string) (s sight) {
	t.Helper()
	r := c.Tool(name+"__try", map[string]any{"do": "look"})
	if err := json.Unmarshal([]byte(r.Text()), &s); err != nil {
		t.Errorf("%s tells nothing: %s %s", name, r.Result, r.Error)
	}
	return s
}

// watched gives every container that a home makes until the returned function is called.
func (b boxes) watched(h *home) (all func() []container.InspectResponse) {
	found := map[string]container.InspectResponse{}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			list, _ := b.API.ContainerList(ctx, container.ListOptions{All: true})
			for _, c := range list {
				if _, known := found[c.ID]; known || h.hubLabel() != docker.LabelHub+"="+c.Labels[docker.LabelHub] {
					continue
				}
				if state, err := b.API.ContainerInspect(ctx, c.ID); err == nil {
					found[c.ID] = state
				}
			}
		}
	}()
	h.t.Cleanup(stop)
	return func() (list []container.InspectResponse) {
		stop()
		<-done
		for _, c := range found {
			list = append(list, c)
		}
		return list
	}
}

// A server that asks for files, a network and a secret is looked at without any of them, and a person is asked once.
func TestIsolatedApproval(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	b.probeImage(t, "mcptest-probe:approval", "1")
	shared := t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, "note"), []byte("from outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	const secret, byReference = "PLANTED-77e1-env", "PLANTED-77e1-reference"
	launch := func(more options) options {
		return options{"command": probeInBox, "env": map[string]string{envProbe: "-", "TOKEN": secret, "BY_REFERENCE": "${env:OUTSIDE}"}, "isolation": b.isolation(options{
			"image": "mcptest-probe:approval", "network": "host", "mounts": []string{shared + ":/shared:ro"}, "memory_limit": "128m", "docker_host": nil, "pull": "never"}).with(more)}
	}
	env := []string{"DOCKER_HOST=" + b.Host, "OUTSIDE=" + byReference}
	added := func(more options) func(*home, string) (*mcptest.Client, string) {
		return func(h *home, _ string) (*mcptest.Client, string) {
			c := h.run("", "", env)
			if r := servers(c, "add", launch(more).with(options{"name": "boxed"})); r.IsError() {
				t.Fatalf("add: %s", r.Text())
			}
			return c, h.config
		}
	}
	for from, one := range map[string]struct {
		bring func(h *home, workspace string) (c *mcptest.Client, file string)
		asked int // how often the person is
	}{
		"added by a model":       {added(nil), 1},
		"with an engine of its":  {added(options{"docker_host": b.Host}), 2}, // which may be anybody's
		"with an image to fetch": {added(options{"pull": nil}), 2},           // from wherever it says
		"of a workspace": {func(h *home, workspace string) (*mcptest.Client, string) {
			file := propose(t, workspace, "", "", entries{"boxed": encoded(launch(nil).with(options{"env": map[string]string{envProbe: "-", "TOKEN": secret}}))})
			return h.run("", workspace, env), file
		}, 1},
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			h := newHome(t).set(entries{}, nil)
			h.initialized("").Close() // the first run is over
			c, file := one.bring(h, workspace)
			if got := stateOf(t, c, "boxed"); got != "held_launch" {
				t.Errorf("it is %s", got)
			}
			if got := inspect(t, c, "boxed"); !strings.Contains(got.Isolation, "mcptest-probe:approval") || !strings.Contains(got.Isolation, "network host") || !strings.Contains(got.Isolation, shared) {
				t.Errorf("quarantine_review shows the isolation %q", got.Isolation)
			}
			if h.hubLabel() != "" {
				t.Error("a container was made before anybody approved anything")
			}

			ran := b.watched(h)
			w := h.terminal(workspace, env, "approve", "boxed")
			if one.asked == 2 {
				w.wait("(Careful: )")
				if h.hubLabel() != "" {
					t.Error("a container was made before the person agreed")
				}
				w.answer("to start it once", "boxed #\n")
			}
			w.answer(`to approve [^:]*`, "boxed #\n")
			screen := flat(w.end(0))
			shows(t, screen, "Isolation", "docker mcptest-probe:approval", "memory 128 MiB", "network host", shared+":/shared:ro", "without files, with placeholders", "without network",
				"TOKEN=inspection", "interfaces [lo]", "Approved ")
			if n := strings.Count(screen, `Type "boxed`) - 1; /* asked twice, since no terminal program holds the terminal */ n != one.asked {
				t.Errorf("the person is asked %d times:\n%s", n, screen)
			}
			lacks(t, "the terminal", screen, secret, byReference, "/shared ", "/shared]")
			looks := ran()
			for _, box := range looks {
				if box.HostConfig.NetworkMode != "none" || len(box.Mounts) != 0 || slices.ContainsFunc(box.Config.Env, func(kv string) bool { return strings.Contains(kv, "PLANTED") }) {
					t.Errorf("it was looked at with the network %s, mounts %v and %v", box.HostConfig.NetworkMode, box.Mounts, box.Config.Env)
				}
			}
			if len(looks) != 1 {
				t.Errorf("%d containers were made to look at it", len(looks))
			}
			if r := h.record(file, "boxed"); r == nil || !strings.Contains(string(r.Encode()), "interfaces [lo]") {
				t.Error("the record lacks what was seen")
			}

			soon(t, 20*time.Second, "it can be called", func() bool { return strings.Contains(toolNames(c), " boxed__try ") })
			s := seen(t, c, "boxed")
			if !slices.Contains(s.Env, "TOKEN="+secret) || file == h.config && !slices.Contains(s.Env, "BY_REFERENCE="+byReference) {
				t.Errorf("its variables are %v", s.Env)
			}
			if !slices.Contains(s.Interfaces, "eth0") && len(s.Interfaces) < 2 || !slices.Contains(s.Mounts, "/shared") {
				t.Errorf("it sees the interfaces %v and the mounts %v", s.Interfaces, s.Mounts)
			}
			if got := said(c.Tool("boxed__try", map[string]any{"do": "read", "path": "/shared/note"})); got != "from outside" {
				t.Errorf("its mount: %s", got)
			}
			if got := said(c.Tool("boxed__try", map[string]any{"do": "write", "path": "/shared/note"})); !strings.Contains(got, "read-only") {
				t.Errorf("its mount is read-only: %s", got)
			}
			c.Close()
			b.empty(h)
		})
	}
}

// probed is an entry for the probe in an image, whatever that is now.
func (b boxes) probed(image string, more options) json.RawMessage {
	return encoded(options{"command": probeInBox, "env": map[string]string{envProbe: "-"}, "isolation": b.isolation(options{"image": image})}.with(more))
}

const otherImage = "its image changed since it was approved"

// Another image under the same name is not run before a person has approved it, whoever put it there.
func TestIsolatedImageChanges(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	const image = "mcptest-probe:rug"
	first := b.probeImage(t, image, "1")
	h := newHome(t).set(entries{"boxed": b.probed(image, nil), "lax": b.probed(image, options{"tool_changes": "auto"})}, nil).learned()
	looks := func(c *mcptest.Client, name string) mcptest.Response {
		return c.Tool(name+"__try", map[string]any{"do": "look"})
	}
	runsIn := func(name, id string) {
		t.Helper()
		if got := b.one(h, name).Image; got != id {
			t.Errorf("%s runs in %s, not in %s", name, got, id)
		}
	}
	c := h.initialized(forms)
	for _, name := range []string{"boxed", "lax"} { // the same image: nobody is asked
		seen(t, c, name)
		runsIn(name, first)
	}
	second := b.probeImage(t, image, "2")
	if second == first {
		t.Fatal("the second image is the first one")
	}
	seen(t, c, "boxed") // what runs goes on
	servers(c, "restart", map[string]any{"name": "boxed"})
	soon(t, 10*time.Second, "it is not run any more", func() bool { return looks(c, "boxed").IsError() })
	tells(t, looks(c, "boxed"), `server "boxed"`, otherImage, second, "on a terminal: mcpproxy-stdio review")
	if n := len(b.of(h, "boxed")); n != 0 {
		t.Errorf("%d containers of the other image", n)
	}
	c.Close()

	c = h.initialized(forms) // neither by the next proxy
	tells(t, looks(c, "boxed"), otherImage)
	seen(t, c, "lax") // whose changes are taken as they are
	runsIn("lax", second)
	if got := h.decisions("lax"); !strings.Contains(got, "auto") {
		t.Errorf("the log of decisions: %q", got)
	}
	in := inspect(t, c, "boxed")
	if in.State != "approved" || in.Items["image"] != 1 || in.Changes["changed"] != 1 || in.Digest == "" {
		t.Errorf("quarantine_review: %+v", in)
	}
	w := h.terminal(h.dir, nil, "review", "boxed")
	w.await("(to see a one-time code)", "\n")
	shows(t, flat(w.end(0)), first, second)
	asked := honest(c)
	if got := approve(t, c, "boxed", nil); got.Status != "approved" || len(asked.all()) != 1 {
		t.Errorf("approve: %+v after %d questions", got, len(asked.all()))
	}
	soon(t, 20*time.Second, "it runs again", func() bool { return !looks(c, "boxed").IsError() })
	runsIn("boxed", second)
	c.Close()

	c = h.initialized("") // and nobody is asked again
	seen(t, c, "boxed")
	runsIn("boxed", second)
	if got := listed(t, c, "boxed")["review"]; got != nil {
		t.Errorf("something waits: %v", got)
	}
	c.Close()
	b.empty(h)
}

// The digest that an approval names is another one when the image alone is.
func TestIsolatedDigest(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	const image = "mcptest-probe:digest"
	h := newHome(t).set(entries{}, nil)
	h.initialized("").Close()
	c := h.initialized("")
	digest := func(id string) string {
		t.Helper()
		if r := servers(c, "add", options{"name": "boxed", "command": probeInBox, "env": map[string]string{envProbe: "-"}, "isolation": b.isolation(options{"image": image})}); r.IsError() {
			t.Fatalf("add: %s", r.Text())
		}
		h.allow("", "boxed")
		h.inspected("", "boxed")
		if r := h.record("", "boxed"); !strings.Contains(string(r.Encode()), id) {
			t.Errorf("the record does not name the image %s", id)
		}
		d := ""
		soon(t, 30*time.Second, "there is a digest", func() bool { d = inspect(t, c, "boxed").Digest; return d != "" })
		servers(c, "remove", map[string]any{"name": "boxed"})
		return d
	}
	id := b.probeImage(t, image, "1")
	one, again := digest(id), digest(id)
	other := digest(b.probeImage(t, image, "2"))
	if one != again || one == other {
		t.Errorf("one image: %s and %s; another one: %s", one, again, other)
	}
	c.Close()
	b.empty(h)
}
