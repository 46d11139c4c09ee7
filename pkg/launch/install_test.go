package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// runHere runs the steps of installations as plain processes, and notes them.
type runHere struct {
	mu   sync.Mutex
	seen []Command
}

func (h *runHere) run(ctx context.Context, c Command) error {
	h.mu.Lock()
	h.seen = append(h.seen, c)
	h.mu.Unlock()
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", c.Name, c.Args, err, out)
	}
	return nil
}

// npmRig is an installer with a registry and a home of its own.
func npmRig(t *testing.T) (*Installer, *mcptest.Registry, *runHere, []string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	registry, here, home := mcptest.NewRegistry(t), &runHere{}, t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "npm_config_registry=" + registry.URL, "npm_config_cache=" + filepath.Join(home, "cache"), "npm_config_update_notifier=false", "SECRET_TOKEN=canary"}
	return &Installer{Store: store.Open(filepath.Join(t.TempDir(), "state")), Run: here.run}, registry, here, env
}

func request(t *testing.T, env []string, words ...string) *Request {
	t.Helper()
	r, ok := Parse(words[0], words[1:])
	if !ok || r.Kind != Package {
		t.Fatalf("%q: %s", words, brief(r, ok))
	}
	var own []string
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); name != "PATH" && name != "HOME" {
			own = append(own, name)
		}
	}
	return &Request{Runner: r, Env: env, Own: own}
}

func script(text string) map[string]string {
	return map[string]string{"cli.js": "#!/usr/bin/env node\n" + text}
}

func TestInstallNPM(t *testing.T) {
	in, registry, here, env := npmRig(t)
	registry.Publish(t, "@scope/tool", "1.0.0", map[string]any{"bin": map[string]string{"tool": "cli.js", "other": "x.js"}}, script("console.log('one')"))
	q := request(t, env, "npx", "-y", "@scope/tool", "a")
	if in.Installed(q) != nil {
		t.Fatal("installed before")
	}
	var all sync.WaitGroup
	var got [3]*Resolution
	for i := range got { // several starts at once install once
		all.Go(func() {
			var err error
			if got[i], err = in.Install(t.Context(), q); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	r := got[0]
	if len(here.seen) != 1 || got[1].Install != r.Install || !r.Same(in.Installed(q)) {
		t.Errorf("%d installations: %v", len(here.seen), got)
	}
	if r.Short() != "@scope/tool@1.0.0" || !strings.HasPrefix(r.Packages[0].Integrity, "sha512-") || r.Program.Interpreter != "node" || filepath.Base(r.File()) != "cli.js" {
		t.Errorf("%+v", r)
	}
	if out, err := exec.Command("node", r.File()).Output(); err != nil || string(out) != "one\n" {
		t.Errorf("%q %v", out, err)
	}
	step := here.seen[0]
	if env := strings.Join(step.Env, "\n"); strings.Contains(env, "canary") || !strings.Contains(env, "npm_config_registry=") {
		t.Errorf("the environment of the installation: %s", env)
	}
	if info, err := os.Stat(step.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}

	// A newer version waits for a refresh, and the next start has it; what runs keeps its files.
	registry.Publish(t, "@scope/tool", "1.1.0", map[string]any{"bin": "cli.js"}, script("console.log('two')"))
	if now, err := in.Refresh(t.Context(), q); now != nil || err != nil || len(here.seen) != 1 {
		t.Errorf("refreshed on the same day: %v %v", now, err)
	}
	aged(t, in, q)
	now, err := in.Refresh(t.Context(), q)
	if err != nil || now.Short() != "@scope/tool@1.1.0" || in.Installed(q).Install != now.Install {
		t.Fatalf("%v %v", now, err)
	}
	if _, err := os.Stat(r.File()); err != nil {
		t.Error("the files of a running server are gone")
	}
	aged(t, in, q)
	if same, err := in.Refresh(t.Context(), q); same != nil || err != nil || in.Installed(q).Install != now.Install {
		t.Errorf("%v %v", same, err)
	}
	// What is installed is used whether or not the registry is there, and a failed refresh changes nothing.
	aged(t, in, q)
	q.Env = append(q.Env, "npm_config_fetch_retries=0")
	gone := *q
	gone.Runner = &Runner{}
	*gone.Runner = *q.Runner
	in.Run = func(context.Context, Command) error { return errors.New("no network") }
	if now, err := in.Refresh(t.Context(), q); now != nil || err == nil || in.Installed(q) == nil {
		t.Errorf("%v %v", now, err)
	}
	if in.Installed(q).Due(q.Runner, time.Now()) {
		t.Error("a refresh that failed is tried at each start")
	}
}

// aged makes an installation one of two days ago.
func aged(t *testing.T, in *Installer, q *Request) {
	t.Helper()
	r := in.Installed(q)
	r.At, r.Checked = time.Now().Add(-48*time.Hour), time.Time{}
	if err := in.use(r); err != nil {
		t.Fatal(err)
	}
}

func TestInstallNPMForms(t *testing.T) {
	in, registry, _, env := npmRig(t)
	registry.Publish(t, "many", "2.0.0", map[string]any{"bin": map[string]string{"a": "a.js", "b": "b.js"}}, map[string]string{"a.js": "#!/usr/bin/env -S node --no-warnings\n", "b.js": "#!/bin/sh\n"})
	registry.Publish(t, "needs", "1.0.0", map[string]any{"dependencies": map[string]string{"many": "^2"}, "bin": "n.js"}, map[string]string{"n.js": "process.exit()"})
	registry.Publish(t, "evil", "1.0.0", map[string]any{"bin": "../../../../evil.js"}, nil)
	for _, tt := range []struct{ line, want string }{
		{"npx many", "many has no program of its name"},
		{"npx -p many a", `many@2.0.0 node [--no-warnings] node_modules/many/a.js`},
		{"npx -p many@2 b", `many@2.0.0  [] node_modules/many/b.js`},
		{"npx -p needs b", `needs@1.0.0  [] node_modules/many/b.js`},
		{"npx needs", `needs@1.0.0 node [] node_modules/needs/n.js`},
		{"npx -p needs nothing", "can't be taken apart"},
		{"npx missing", "404"},
		{"npx evil", "no file of it|ENOENT|no such file|has no program"},
	} {
		r, err := in.Install(t.Context(), request(t, env, strings.Fields(tt.line)...))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s %s %v %s", r.Short(), r.Program.Interpreter, r.Program.Flags, r.Program.File)
		}
		if ok, _ := regexp.MatchString(strings.ReplaceAll(tt.want, "[]", `\[\]`), got); !ok && got != tt.want {
			t.Errorf("%s: %s", tt.line, got)
		}
	}
	left, _ := filepath.Glob(in.Store.Path("packages/*/i-*"))
	if current, _ := filepath.Glob(in.Store.Path("packages/*/current.json")); len(left) != len(current) {
		t.Errorf("a failed installation left something: %d of %d", len(left), len(current))
	}
}

func TestRequestKey(t *testing.T) {
	key := func(env string, words ...string) string {
		return request(t, append([]string{"PATH=/p", "HOME=/h"}, strings.Fields(env)...), words...).Key()
	}
	base := key("A=1", "npx", "-y", "p", "x")
	for name, same := range map[string]string{
		"another argument": key("A=1", "npx", "p", "y"),
		"another secret":   key("A=2 NPM_TOKEN=3", "npx", "p"),
	} {
		if same != base {
			t.Errorf("%s makes it another request", name)
		}
	}
	for name, other := range map[string]string{
		"another registry": key("npm_config_registry=http://r", "npx", "p"),
		"another option":   key("", "npx", "--registry=http://r", "p"),
		"another version":  key("", "npx", "p@1"),
		"another program":  key("", "npx", "-p", "p", "x"),
		"another tool":     key("", "pnpx", "p"),
	} {
		if other == base {
			t.Errorf("%s is the same request", name)
		}
	}
}
