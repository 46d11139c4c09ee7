//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

const otherEngine = "its Docker engine changed since it was approved"

// useContext makes a context of the docker command the current one.
func (h *home) useContext(name, host string) {
	h.t.Helper()
	sum := sha256.Sum256([]byte(name))
	for path, text := range map[string]string{
		"contexts/meta/" + hex.EncodeToString(sum[:]) + "/meta.json": fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host),
		"config.json": fmt.Sprintf(`{"currentContext":%q}`, name),
	} {
		path = filepath.Join(h.dir, ".docker", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
}

// A docker command goes where ~/.docker leads: an edit there sends a server and its secrets nowhere before a person has seen it.
func TestEngineOfADockerCommand(t *testing.T) {
	t.Parallel()
	r := hostile(t, mcptest.Server{Name: "s", Mark: marked(t)})
	r.file(filepath.Join(r.bin, "docker"), r.script(""), 0o700)
	h := newHome(t).own(entries{"s": r.entry([]string{"docker", "run", "-i", "--rm", "image"}, map[string]any{"tool_changes": "auto"})}, nil)
	refused := func(what, host string) {
		t.Helper()
		c := h.open(r.dir, r.path(r.dir))
		defer c.Close()
		tells(t, c.Tool("s__echo", map[string]any{"message": "x"}), otherEngine, host, "mcpproxy-stdio review")
		if r.ran() {
			t.Errorf("%s: it was run", what)
		}
	}
	runs := func(what string) {
		t.Helper()
		c := h.open(r.dir, r.path(r.dir))
		defer c.Close()
		answers(t, c, "s")
		if !r.ran() {
			t.Errorf("%s: it was not run", what)
		}
	}
	runs("the first look")
	runs("again")
	h.useContext("evil", "ssh://evil@example.com")
	refused("a context that was edited", "ssh://evil@example.com")
	h.useContext("evil", "unix:///var/run/docker.sock")
	runs("another context of the same engine")
	h.useContext("evil", "tcp://evil.example:2375")
	refused("plain TCP", "tcp://evil.example:2375")
	if in := h.record("", "s"); in.Pending(h.entry("", "s")) != 1 {
		t.Error("nothing waits for a review")
	}
	h.allow("", "s")
	runs("approved")
}

// The engine of the first look makes the containers; the variable of a client's side leads to no other one unasked.
func TestIsolatedEngineChanges(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	h := newHome(t)
	entry := encoded(options{"command": boxProgram, "env": map[string]string{}, "tool_changes": "auto", "isolation": options{"type": "docker", "image": mcptest.ServerImage, "network": "none"}})
	h.own(entries{"boxed": entry}, nil)
	with := func(host string) *mcptest.Client { return h.run("", "", []string{"DOCKER_HOST=" + host}) }
	c := with(b.Host)
	c.List("tools/list")
	answers(t, c, "boxed")
	c.Close()

	link := filepath.Join(h.dir, "link.sock")
	if err := os.Symlink(strings.TrimPrefix(b.Host, "unix://"), link); err != nil {
		t.Fatal(err)
	}
	c = with("unix://" + link) // the same engine
	answers(t, c, "boxed")
	c.Close()

	c = with("unix:///nowhere/else.sock")
	tells(t, c.Tool("boxed__echo", map[string]any{"message": "x"}), `server "boxed"`, otherEngine, "unix:///nowhere/else.sock", "mcpproxy-stdio review")
	if s := listed(t, c, "boxed"); !strings.Contains(fmt.Sprint(s["review"]), "1 to review") {
		t.Errorf("listed as %v", s)
	}
	if n := len(b.of(h, "boxed")); n != 0 {
		t.Errorf("%d containers", n)
	}
	c.Close()

	c = with(b.Host)
	answers(t, c, "boxed")
	soon(t, 10*time.Second, "nothing waits", func() bool { return listed(t, c, "boxed")["review"] == nil })
	c.Close()
	b.empty(h)
}
