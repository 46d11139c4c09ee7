//go:build unix

package cli

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// strangeFiles makes files that are no programs or scripts, or not to be trusted, and returns their paths by a word for each.
func strangeFiles(t *testing.T) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "c") // the test's own directory is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, mode os.FileMode) string {
		must(os.WriteFile(at(name), []byte("#!/bin/sh\n"), 0o700))
		must(os.Chmod(at(name), mode))
		return at(name)
	}
	all := map[string]string{"missing": at("nothing.js"), "open": write("open.js", 0o777), "device": "/dev/null", "directory": at("dir.js")}
	must(os.Mkdir(at("dir.js"), 0o700))
	must(unix.Mkfifo(at("fifo.js"), 0o777))
	all["pipe"] = at("fifo.js")
	socket, err := net.Listen("unix", at("s.js"))
	must(err)
	t.Cleanup(func() { socket.Close() })
	must(os.Chmod(at("s.js"), 0o777))
	all["socket"] = at("s.js")
	must(os.Symlink(at("fifo.js"), at("link.js")))
	all["link to a pipe"] = at("link.js")
	must(os.Symlink(at("open.js"), at("link2.js")))
	all["link to an open file"] = at("link2.js")
	large, err := os.Create(at("large.js"))
	must(err)
	must(large.Truncate(3 << 40)) // takes no room
	must(large.Close())
	must(os.Symlink(at("large.js"), at("link3.js")))
	all["link to a large file"] = at("link3.js")
	all["not executable"] = write("plain.js", 0o600)
	if os.Getuid() != 0 { // who may read everything
		all["unreadable"] = write("closed.js", 0o300)
	}
	return all
}

// What a start refuses is not "ok" to check, and neither waits for a named pipe or reads a file without end.
func TestCheckDecidesAsTheStart(t *testing.T) {
	files := strangeFiles(t)
	workspace := t.TempDir()
	asProgram := func(path string) *config.Server { return local("s", path) }
	asScript := func(path string) *config.Server {
		link := filepath.Join(workspace, filepath.Base(path))
		if err := os.Symlink(path, link); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		return local("s", "node", link)
	}
	node := filepath.Join(t.TempDir(), "node")
	if err := os.WriteFile(node, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(node))
	fine := []string{"open", "link to an open file", "not executable", "device", "directory"} // to a script: whoever reads it decides, or it is reviewed as it is
	for kind, path := range files {
		for what, server := range map[string]*config.Server{"program": asProgram(path), "script": asScript(path)} {
			if what == "script" && strings.Contains(strings.Join(fine, ","), kind) {
				continue
			}
			if what == "program" && kind == "unreadable" {
				continue // it can be run without being read
			}
			checked := inspectServer(hub.Server{Written: server, Effective: server, Recorded: hub.Recorded{Record: approvedRecord(server)}}, workspace)
			plan := launch.New(server, launch.Context{Environ: os.Environ(), Workspace: workspace})
			conn, err := (&upstream.Start{Plan: plan, State: t.TempDir(),
				Gate: upstream.Gate{Programs: func([]launch.Program) error { return errors.New("not approved") }}, Log: zerolog.Nop()}).Dial()
			if err == nil {
				conn.Close(0)
			}
			if err == nil || checked.State == stateOK || !checked.broken() && checked.State != stateProgram || len(checked.Why) != 1 {
				t.Errorf("%s as %s: check says %s %q, the start %v", kind, what, checked.State, checked.Why, err)
			}
		}
	}
}

func local(name, command string, args ...string) *config.Server {
	return &config.Server{Name: name, Path: "/c.json", Protocol: config.ProtocolStdio, Command: command, Args: args, Enabled: true, ToolChanges: config.ToolChangesReview}
}

func approvedRecord(s *config.Server) *quarantine.Record {
	r := &quarantine.Record{Config: s.Path, Server: s.Name}
	r.Baseline(s, "test")
	return r
}

// A workspace's file may be a pipe, a device or huge before it is trusted: check reads it with the same care as the start.
func TestCheckOfStrangeWorkspaceFiles(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	user := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(user, []byte(`{"mcpServers": {"mine": {"command": "sh"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, path := range strangeFiles(t) {
		if strings.Contains("missing,open,link to an open file,not executable", kind) {
			continue // an ordinary file, or none
		}
		workspace := t.TempDir()
		proposed := config.WorkspacePath(workspace)
		os.MkdirAll(filepath.Dir(proposed), 0o700)
		if err := os.Symlink(path, proposed); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(user)
		if err != nil {
			t.Fatal(err)
		}
		known := hub.Servers(c, workspace, store.Open(store.DefaultDir()), zerolog.Nop()) // as a start does
		report, err := (&app{workspace: workspace}).inspect(user)
		if err != nil || report.OK || len(report.Problems) != 1 || report.Problems[0].Path != proposed || report.Problems[0].Remedy == "" || len(report.Servers) != 1 || len(known) != 1 {
			t.Errorf("%s: %+v, %v; %d servers are known", kind, report, err, len(known))
		}
	}
}
