package main

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// envLauncher makes the test binary a client that starts its arguments as the proxy when the file that it names is there.
const envLauncher = "MCPPROXY_TEST_LAUNCHER"

func init() {
	file := os.Getenv(envLauncher)
	if file == "" {
		return
	}
	for {
		if _, err := os.Stat(file); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	os.Unsetenv(envLauncher)
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if cmd.Run() != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// launched starts the proxy through a client that waits for a file, and perhaps through a shell.
func (h *home) launched(file string, shell bool) *mcptest.Client {
	h.t.Helper()
	cmd := h.command()
	args := append([]string{os.Args[0]}, cmd.Args...)
	if shell {
		args = append([]string{os.Args[0], "sh", "-c", `"$0" "$@"; exit $?`}, cmd.Args...)
	}
	cmd.Args = args
	cmd.Env = append(cmd.Env, envLauncher+"="+file, envClient+"=1")
	return mcptest.Start(h.t, cmd)
}

// started is a proxy with more arguments and environment, in a working directory, that has been greeted.
func (h *home) started(dir string, env []string, args ...string) *mcptest.Client {
	h.t.Helper()
	cmd := h.command(args...)
	if dir != "" {
		cmd.Dir = dir
	}
	cmd.Env = append(cmd.Env, env...)
	c := mcptest.Start(h.t, cmd)
	c.Initialize("", "")
	return c
}

// asks checks that nothing of the file was taken for the person's own, was started, or is listed, and that one question covers it.
func asks(t *testing.T, what string, c *mcptest.Client, trace string, began int, reason string) {
	t.Helper()
	if names := toolNames(c); strings.Contains(names, " evil__") {
		t.Errorf("%s: it is listed", what)
	}
	if state := stateOf(t, c, "evil"); state != "held_launch" {
		t.Errorf("%s: it is %s", what, state)
	}
	r := c.Tool("evil__echo", map[string]any{"message": "x"})
	tells(t, r, "mcpproxy-stdio approve --all", reason)
	if starts(t, trace) != began {
		t.Errorf("%s: it was started", what)
	}
}

// Absence of state is no consent: whatever of it is removed after a run, what appears in the file then is not taken for the person's own.
func TestStateRemoved(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	remove := func(names ...string) func(h *home) {
		return func(h *home) {
			for _, name := range names {
				os.RemoveAll(filepath.Join(h.state(), name))
			}
		}
	}
	for what, attack := range map[string]func(h *home){
		"the baseline":                   remove("baselines"),
		"records and baseline":           remove("records", "baselines"),
		"all but the log":                remove("records", "baselines", "locks", "approvals.index", "code-key", "begun"),
		"all but the index":              remove("records", "baselines", "locks", "approvals.log", "code-key", "begun"),
		"all but the locks":              remove("records", "baselines", "approvals.log", "approvals.index", "code-key", "begun"),
		"all but the records":            remove("baselines", "locks", "approvals.log", "approvals.index", "code-key", "begun"),
		"all of it":                      func(h *home) { os.RemoveAll(h.state()) },
		"all of it, with its directory":  func(h *home) { os.RemoveAll(filepath.Dir(h.state())) },
		"nothing, another is named":      func(h *home) { h.more = append(h.more, "XDG_STATE_HOME="+h.t.TempDir()) },
		"an empty file in place of each": func(h *home) { emptied(h.state()) },
	} {
		h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
		h.more = []string{envLasting + "=1"}
		c := h.started("", h.more)
		c.List("tools/list")
		answers(t, c, "a")
		soon(t, 20*time.Second, "the run is noted", func() bool { return len(filesIn(filepath.Join(h.dir, ".cache"))) > 0 })
		c.Close()
		attack(h)
		evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
		h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "evil": evil}, nil)
		c = h.started("", h.more)
		if strings.HasPrefix(what, "an empty file") {
			tells(t, c.Tool("evil__echo", map[string]any{"message": "x"}), `server "evil"`)
		} else {
			asks(t, what, c, trace, 0, quarantine.RemovedBaseline)
		}
		if starts(t, trace) != 0 {
			t.Errorf("%s: started", what)
		}
		c.Close()
	}
}

// emptied leaves the files of a directory without content.
func emptied(dir string) {
	for path := range filesIn(dir) {
		os.Truncate(path, 0)
	}
}

// A proxy that runs sees its state vanish, and writes the empty baseline back: one that starts after it holds everything too.
func TestStateRemovedWhileItRuns(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	for _, whole := range []bool{false, true} {
		h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
		first := h.initialized("")
		first.List("tools/list")
		answers(t, first, "a")
		if whole {
			os.RemoveAll(h.state())
		} else {
			os.RemoveAll(filepath.Join(h.state(), "baselines"))
			os.RemoveAll(filepath.Join(h.state(), "records"))
			os.Remove(filepath.Join(h.state(), "approvals.log"))
			os.Remove(filepath.Join(h.state(), "approvals.index"))
			os.RemoveAll(filepath.Join(h.state(), "locks"))
		}
		soon(t, 20*time.Second, "the empty baseline is back", func() bool {
			base, err := h.book().ReadBaseline(h.config)
			return err == nil && base != nil && base.Doubt == quarantine.RemovedBaseline
		})
		evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
		h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "evil": evil}, nil)
		second := h.initialized("")
		asks(t, "the second", second, trace, 0, quarantine.RemovedBaseline)
		held(t, second, "a", "held_launch")
		// One question gives all of it back, in both.
		h.allowFile()
		for _, c := range []*mcptest.Client{second, first} {
			soon(t, 20*time.Second, "it is listed", func() bool {
				n := toolNames(c)
				return strings.Contains(n, " a__echo ") && strings.Contains(n, " evil__echo ")
			})
			answers(t, c, "a")
		}
		second.Close()
		first.Close()
	}
}

// The same file by another path is not another file.
func TestStateOtherPaths(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	for what, path := range map[string]func(h *home) string{
		"a link": func(h *home) string {
			link := filepath.Join(h.t.TempDir(), "link.json")
			os.Symlink(h.config, link)
			return link
		},
		"a link to the directory": func(h *home) string {
			link := filepath.Join(h.t.TempDir(), "dir")
			os.Symlink(h.dir, link)
			return filepath.Join(link, "config.json")
		},
		"dots": func(h *home) string { return h.dir + "/../" + filepath.Base(h.dir) + "/./config.json" },
		"a hard link": func(h *home) string {
			link := filepath.Join(h.t.TempDir(), "hard.json")
			if err := os.Link(h.config, link); err != nil {
				h.t.Fatal(err)
			}
			return link
		},
		"renamed": func(h *home) string { // the same file, moved away
			other := filepath.Join(h.t.TempDir(), "moved.json")
			if err := os.Rename(h.config, other); err != nil {
				h.t.Fatal(err)
			}
			return other
		},
		"/proc/self/root": func(h *home) string { return "/proc/self/root" + h.config },
		"/proc/self/cwd":  func(h *home) string { return "/proc/self/cwd/config.json" },
	} {
		if runtime.GOOS != "linux" && strings.HasPrefix(what, "/proc") {
			continue
		}
		h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil).learned()
		evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
		h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "evil": evil}, nil)
		h.initialized("").Close() // it is known that it is the same file now
		soon(t, 20*time.Second, "it is noted which file it is", func() bool {
			base, err := h.book().ReadBaseline(h.config)
			return err == nil && base.File != ""
		})
		c := h.started("", nil, "--config", path(h))
		if state := stateOf(t, c, "evil"); state != "held_launch" || strings.Contains(toolNames(c), " evil__") || starts(t, trace) != 0 {
			t.Errorf("%s: %s", what, state)
		}
		c.Close()
	}
}

// What a repository names is a repository's: neither its configuration nor its state directory is the person's.
func TestStateOfAWorkspace(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	for what, set := range map[string]func(h *home, repo, text string) (dir string, env, args []string, reason string){
		"--config": func(h *home, repo, text string) (string, []string, []string, string) {
			return repo, nil, []string{"--config", file(repo, "mcp.json", text)}, "lies in the folder"
		},
		"--config, relative": func(h *home, repo, text string) (string, []string, []string, string) {
			file(repo, "mcp.json", text)
			return repo, nil, []string{"--config", "mcp.json"}, "relative"
		},
		"--config, relative, out of it": func(h *home, repo, text string) (string, []string, []string, string) {
			file(filepath.Dir(repo), "mcp.json", text)
			return repo, nil, []string{"--config", "../mcp.json"}, "relative"
		},
		"MCPPROXY_CONFIG": func(h *home, repo, text string) (string, []string, []string, string) {
			return repo, []string{"MCPPROXY_CONFIG=" + file(repo, "mcp.json", text)}, []string{"--config", ""}, "lies in the folder"
		},
		"the repository around the folder": func(h *home, repo, text string) (string, []string, []string, string) {
			os.MkdirAll(filepath.Join(repo, ".git"), 0o755)
			return filepath.Dir(file(repo, "sub/x", "")), nil, []string{"--config", file(repo, "mcp.json", text)}, "lies in the folder"
		},
		"--workspace": func(h *home, repo, text string) (string, []string, []string, string) {
			return h.t.TempDir(), nil, []string{"--workspace", repo, "--config", file(repo, "mcp.json", text)}, "lies in the folder"
		},
		"a link into it": func(h *home, repo, text string) (string, []string, []string, string) {
			link := filepath.Join(h.t.TempDir(), "l.json")
			os.Symlink(file(repo, "mcp.json", text), link)
			return repo, nil, []string{"--config", link}, "lies in the folder"
		},
		"a link in it": func(h *home, repo, text string) (string, []string, []string, string) {
			link := filepath.Join(repo, "l.json")
			os.Symlink(file(h.t.TempDir(), "mcp.json", text), link)
			return repo, nil, []string{"--config", link}, "lies in the folder"
		},
		"XDG_CONFIG_HOME": func(h *home, repo, text string) (string, []string, []string, string) {
			file(repo, "x/mcpproxy/mcp_config.json", text)
			return repo, []string{"XDG_CONFIG_HOME=" + filepath.Join(repo, "x"), "MCPPROXY_CONFIG="}, []string{"--config", ""}, "lies in the folder"
		},
		"HOME": func(h *home, repo, text string) (string, []string, []string, string) {
			file(repo, ".config/mcpproxy/mcp_config.json", text)
			return repo, []string{"HOME=" + repo, "XDG_CONFIG_HOME=", "MCPPROXY_CONFIG="}, []string{"--config", ""}, "lies in the folder"
		},
	} {
		if runtime.GOOS != "linux" && strings.Contains(what, "HOME") {
			continue
		}
		h := newHome(t)
		evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
		h.set(entries{"evil": evil}, nil)
		text := string(must(os.ReadFile(h.config)))
		dir, env, args, reason := set(h, t.TempDir(), text)
		c := h.started(dir, env, args...)
		asks(t, what, c, trace, 0, reason)
		c.Close()
	}
	// The client alone knows which folder is open: its roots, answered after the start.
	for what, root := range map[string]func(repo string) string{
		"roots": func(repo string) string { return repo },
		"a folder below, by a .git": func(repo string) string {
			os.MkdirAll(filepath.Join(repo, ".git"), 0o755)
			return filepath.Dir(file(repo, "sub/x", ""))
		},
	} {
		h, repo := newHome(t), t.TempDir()
		evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
		h.set(entries{"evil": evil}, nil)
		cmd := h.command("--config", file(repo, "mcp.json", string(must(os.ReadFile(h.config)))))
		cmd.Dir = t.TempDir()
		c := mcptest.Start(t, cmd)
		answering(c, "roots/list", `{"roots":[{"uri":"file://`+filepath.ToSlash(root(repo))+`"}]}`)
		c.Initialize(`{"roots":{}}`, "")
		c.List("tools/list") // waits for the first look, which asks for the roots
		asks(t, what, c, trace, 0, "lies in the folder")
		c.Close()
	}
	// A state directory there approves nothing, though it was made by a proxy.
	for what, env := range map[string]func(repo string) []string{
		"XDG_STATE_HOME": func(repo string) []string { return []string{"XDG_STATE_HOME=" + filepath.Join(repo, "state")} },
		"HOME":           func(repo string) []string { return []string{"XDG_STATE_HOME=", "HOME=" + repo} },
		"relative":       func(repo string) []string { return []string{"XDG_STATE_HOME=state", "HOME=."} },
	} {
		if runtime.GOOS != "linux" {
			continue
		}
		repo := t.TempDir()
		evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
		h := newHome(t).set(entries{"evil": evil}, nil)
		c := h.started(t.TempDir(), env(repo)) // elsewhere it is a state directory like others
		c.List("tools/list")
		c.Close()
		began := starts(t, trace)
		c = h.started(repo, env(repo))
		variable := map[string]string{"XDG_STATE_HOME": "unset XDG_STATE_HOME"}[what]
		tells(t, c.Tool("evil__echo", map[string]any{"message": "x"}), "state directory", cmp.Or(variable, "it comes from HOME"))
		if starts(t, trace) != began {
			t.Errorf("%s: it was started", what)
		}
		c.Close()
	}
	// A person whose home, or its repository, is the workspace keeps what is theirs.
	if runtime.GOOS == "linux" {
		h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
		os.MkdirAll(filepath.Join(h.dir, ".git"), 0o755)
		file(h.dir, ".config/mcpproxy/mcp_config.json", string(must(os.ReadFile(h.config))))
		for _, dir := range []string{h.dir, filepath.Join(h.dir, ".config"), filepath.Join(h.dir, ".local")} {
			os.MkdirAll(dir, 0o755)
			c := h.started(dir, []string{"XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "MCPPROXY_CONFIG="}, "--config", "")
			c.List("tools/list")
			answers(t, c, "a")
			c.Close()
			os.RemoveAll(filepath.Join(h.dir, ".local"))
			os.RemoveAll(filepath.Join(h.dir, ".cache"))
		}
	}
}

// file writes a file below a directory.
func file(dir, name, text string) string {
	path := filepath.Join(dir, filepath.FromSlash(name))
	os.MkdirAll(filepath.Dir(path), 0o755)
	os.WriteFile(path, []byte(text), 0o600)
	return path
}

// A file that is missing or broken when the proxy first runs is no baseline when it is there.
func TestStateBrokenFirst(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	for what, first := range map[string]func(h *home) string{
		"missing":     func(h *home) string { return quarantine.MissingFile },
		"broken":      func(h *home) string { h.write(`{"mcpServers": {`); return quarantine.BrokenFile },
		"a directory": func(h *home) string { os.Mkdir(h.config, 0o755); return quarantine.BrokenFile },
	} {
		for _, again := range []bool{false, true} {
			h := newHome(t)
			reason := first(h)
			c := h.initialized("")
			c.List("tools/list")
			if again {
				c.Close()
			}
			evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, map[string]any{"start": "eager"})
			os.Remove(h.config)
			h.set(entries{"evil": evil}, nil)
			if again {
				c = h.initialized("")
			}
			soon(t, 20*time.Second, "it is held", func() bool { s := listed(t, c, "evil"); return s != nil && s["state"] == "held_launch" })
			asks(t, what, c, trace, 0, reason)
			h.allowFile()
			soon(t, 20*time.Second, "it is listed", func() bool { return strings.Contains(toolNames(c), " evil__echo ") })
			c.Close()
		}
	}
}

// A file that is younger than the client can be an agent's. A shell between the two changes nothing, and neither does another time of the file.
func TestStateYoungerThanTheClient(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("times of files can be set there")
	}
	mark := marked(t)
	for _, shell := range []bool{false, true} {
		for what, attack := range map[string]func(h *home){
			"":        nil,
			"written": func(h *home) { h.write(string(must(os.ReadFile(h.config)))) },
			"written and dated back": func(h *home) {
				h.write(string(must(os.ReadFile(h.config))))
				os.Chtimes(h.config, time.Now().Add(-time.Hour), time.Now().Add(-time.Hour))
			},
			"replaced by a link": func(h *home) {
				old := h.config + ".old"
				os.Rename(h.config, old)
				os.Symlink(old, h.config)
			},
		} {
			h := newHome(t)
			evil, trace := traced(t, mcptest.Server{Name: "evil", Mark: mark}, nil)
			h.set(entries{"evil": evil}, nil)
			goOn := filepath.Join(h.dir, "go on")
			time.Sleep(100 * time.Millisecond) // the clocks of files and processes are coarse
			c := h.launched(goOn, shell)
			if attack != nil {
				time.Sleep(100 * time.Millisecond)
				attack(h)
			}
			os.WriteFile(goOn, nil, 0o600)
			c.Initialize("", "")
			if attack != nil {
				asks(t, what, c, trace, 0, "after the client had started")
			} else {
				c.List("tools/list")
				answers(t, c, "evil")
			}
			c.Close()
		}
	}
}

// A configuration that others can write decides nothing; a state directory that others can use is repaired, and that is told.
func TestStateOfOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("access lists decide there")
	}
	mark := marked(t)
	for what, open := range map[string]func(h *home) error{
		"the configuration": func(h *home) error { return os.Chmod(h.config, 0o666) },
		"its directory":     func(h *home) error { return os.Chmod(filepath.Dir(h.config), 0o777) },
	} {
		h := newHome(t)
		h.config = file(t.TempDir(), "d/config.json", "")
		a, trace := traced(t, mcptest.Server{Name: "a", Mark: mark}, map[string]any{"start": "eager"})
		h.set(entries{"a": a}, nil).learned()
		began := starts(t, trace)
		if err := open(h); err != nil {
			t.Fatal(err)
		}
		c := h.initialized("")
		if names := toolNames(c); strings.Contains(names, " a__") || starts(t, trace) != began {
			t.Errorf("%s: %s", what, names)
		}
		if r := c.Tool("upstream_servers", map[string]any{"operation": "list"}); !strings.Contains(r.Text(), "chmod go-w") {
			t.Errorf("%s: the remedy is not told: %s", what, r.Text())
		}
		c.Close()
		if out, code := h.typed("check"); code == 0 || !strings.Contains(out, "chmod go-w") {
			t.Errorf("%s: check: %d %s", what, code, out)
		}
	}
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil).learned()
	os.Chmod(h.state(), 0o777)
	c := h.initialized("")
	answers(t, c, "a")
	c.Close()
	if info, err := os.Stat(h.state()); err != nil || info.Mode().Perm() != 0o700 || !strings.Contains(c.Stderr(), "0700") {
		t.Errorf("%v, %v: %s", info.Mode(), err, c.Stderr())
	}
	filepath.WalkDir(h.state(), func(path string, d os.DirEntry, err error) error {
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return err
	})
}

// TestStateApprovedByForm: a person whose client shows forms approves all of a doubted file there, in one step, and its tools can be called.
func TestStateApprovedByForm(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{
		"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark}),
	}, nil)
	c := h.initialized("")
	c.List("tools/list")
	c.Close()
	if err := os.RemoveAll(filepath.Join(h.state(), "baselines")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(h.state(), "records")); err != nil {
		t.Fatal(err)
	}
	c = h.initialized(forms)
	f := honest(c)
	var list []struct{ Name, Digest string }
	if text := c.Tool("quarantine_review", map[string]any{"operation": "list"}).Text(); json.Unmarshal([]byte(text), &list) != nil || len(list) != 3 || list[0].Name != "*" {
		t.Fatalf("waiting: %s", text)
	}
	out := approve(t, c, "*", map[string]any{"digest": list[0].Digest})
	if out.Status != "approved" || len(f.all()) != 1 || !strings.Contains(f.all()[0].Message, quarantine.RemovedBaseline) {
		t.Errorf("%+v after %+v", out, f.all())
	}
	soon(t, 20*time.Second, "both are listed", func() bool {
		names := toolNames(c)
		return strings.Contains(names, " a__echo ") && strings.Contains(names, " b__echo ")
	})
	answers(t, c, "a")
	answers(t, c, "b")
}
