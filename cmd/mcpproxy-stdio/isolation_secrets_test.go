package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The values of an entry's variables reach its container, and nothing else: no command line, label, log, note or error.
func TestIsolatedSecrets(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	const secret, byReference = "CANARY-51d7-written", "CANARY-51d7-referred"
	log := filepath.Join(t.TempDir(), "log")
	env := options{"env": map[string]string{"TOKEN": secret, "BY_REFERENCE": "${env:OUTSIDE}"}}
	with := func(isolation options) options { return env.with(options{"isolation": b.isolation(isolation)}) }
	h := newHome(t).set(entries{
		"works":   boxed(mcptest.Server{}, nil, with(nil)),
		"dies":    boxed(mcptest.Server{}, nil, with(nil)),
		"mounts":  boxed(mcptest.Server{}, nil, with(options{"mounts": []string{"/nowhere/at/all:/data"}})),
		"lacks":   boxed(mcptest.Server{}, nil, with(nil).with(options{"command": "/no-such-program"})),
		"missing": boxed(mcptest.Server{}, nil, with(options{"image": "mcptest-none:1", "pull": "never"})),
		"away":    boxed(mcptest.Server{}, nil, with(options{"docker_host": "unix:///nowhere/docker.sock"})),
	}, map[string]any{"first_list_wait": "60s"})
	c := h.run("", "", []string{"OUTSIDE=" + byReference}, "--log-level", "trace", "--log-file", log)
	answers(t, c, "works")
	box := b.one(h, "works")
	given := strings.Join(box.Config.Env, "\n") + "\n"
	for _, want := range []string{"TOKEN=" + secret + "\n", "BY_REFERENCE=" + byReference + "\n"} {
		if !strings.Contains(given, want) {
			t.Errorf("its variables lack %s", want)
		}
	}
	box.Config.Env = nil
	lacks(t, "docker inspect", string(encoded(box)), "CANARY")

	// Servers say it themselves, and starts fail in many ways.
	for _, word := range []string{secret, byReference} {
		c.Tool("works__stderr", map[string]any{"text": "my token is " + word, "count": 3})
		servers(c, "logs", map[string]any{"name": "works"})
		tells(t, c.Tool("dies__crash", map[string]any{"code": 3, "text": "my token was " + word}), `server "dies"`, "status 3")
	}
	for name, want := range map[string]string{"mounts": "a mount is not there", "lacks": `no program "/no-such-program"`, "missing": "isolation.pull is never", "away": "Docker is not running"} {
		tells(t, refusal(t, c, name), `server "`+name+`"`, want)
	}
	servers(c, "list", nil)
	servers(c, "logs", map[string]any{"name": "dies"})
	commands := ""
	for _, pid := range append(mcptest.Descendants(c.Pid()), c.Pid()) {
		line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		commands += string(line)
	}
	lacks(t, "a command line", commands, "CANARY")
	c.Close()
	b.empty(h)
	text := string(must(os.ReadFile(log)))
	if !strings.Contains(text, `"level":"debug"`) || !strings.Contains(text, "my token is") {
		t.Errorf("the log has %d bytes, and not what was said", len(text))
	}
	lacks(t, "the log", text, "CANARY")
	lacks(t, "what the client got", received(c), "CANARY")
	lacks(t, "the engine's log", b.Log(), "CANARY")
	for path, text := range filesIn(h.dir) {
		if path != h.config {
			lacks(t, path, text, "CANARY")
			lacks(t, path, text, parts64("CANARY-51d7-")...)
		}
	}
}
