package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// step is one thing that is shown. It returns what happened, in a line and perhaps more of them; an error says what was
// expected and what came.
type step struct {
	name string
	do   func(*trial) (said string, more []string, err error)
}

var steps = []step{
	{"start", (*trial).start},
	{"list", (*trial).list},
	{"call", (*trial).callClock},
	{"state", (*trial).callNotes},
	{"progress", (*trial).progress},
	{"failure", (*trial).failure},
	{"quarantine", (*trial).quarantine},
	{"again", (*trial).again},
	{"end", (*trial).finish},
}

// prepare writes the configuration.
func (t *trial) prepare() (err error) {
	if t.self == "" { // the tests have another
		if t.self, err = os.Executable(); err != nil {
			return err
		}
	}
	if t.log, err = os.OpenFile(filepath.Join(t.dir, "proxy.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	var servers []map[string]any
	for _, name := range []string{"clock", "notes", "broken"} {
		servers = append(servers, map[string]any{"name": name, "protocol": "stdio", "command": t.self, "args": []string{"demo-server", name}})
	}
	text, err := json.MarshalIndent(map[string]any{"mcpServers": servers}, "", "  ")
	if err != nil {
		return err
	}
	if err = errors.Join(os.Mkdir(t.work(), 0o700), os.WriteFile(t.config(), text, 0o600)); err != nil {
		return err
	}
	c, err := config.Load(t.config())
	if err != nil {
		return err
	}
	// The proxy will find the file younger than its client, which is this process.
	book := quarantine.NewBook(store.Open(filepath.Join(t.dir, "xdg_state_home", "mcpproxy-stdio")))
	key, err := book.Key()
	if err == nil {
		_, err = book.TakeBaseline(c.Keyed(key), "")
	}
	return err
}

// work is the folder that is open, with nothing in it.
func (t *trial) work() string { return filepath.Join(t.dir, "work") }

func (t *trial) config() string { return filepath.Join(t.dir, "mcp_config.json") }

// environ is ours, with all of the user's own places pointing into the temporary folder.
func (t *trial) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, config.PathVariable+"=") })
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"} {
		env = append(env, name+"="+filepath.Join(t.dir, strings.ToLower(name)))
	}
	return env
}

// start starts the proxy and initializes it.
func (t *trial) start() (string, []string, error) {
	var err error
	if t.client, err = connect(t.ctx, t.log, t.work(), t.environ(), t.self, "--config", t.config()); err != nil {
		return "", nil, err
	}
	var hello struct {
		ProtocolVersion string
		ServerInfo      struct{ Name string }
	}
	if err := t.client.call(t.ctx, "initialize", map[string]any{"protocolVersion": "2025-11-25", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "mcpproxy-stdio-try", "version": Version()}}, &hello, nil); err != nil {
		return "", nil, err
	}
	if hello.ServerInfo.Name != "mcpproxy-stdio" {
		return "", nil, unexpected("an answer of mcpproxy-stdio", hello.ServerInfo.Name)
	}
	if err := t.client.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"}); err != nil {
		return "", nil, err
	}
	return "the proxy answers at once, in MCP " + plain(hello.ProtocolVersion), nil, nil
}

func (t *trial) readTools() ([]string, error) {
	var list struct{ Tools []struct{ Name string } }
	if err := t.client.call(t.ctx, "tools/list", map[string]any{}, &list, nil); err != nil {
		return nil, err
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, plain(tool.Name))
	}
	return names, nil
}

func (t *trial) list() (string, []string, error) {
	var err error
	if t.tools, err = t.readTools(); err != nil {
		return "", nil, err
	}
	want := append([]string{"clock__now", "clock__countdown", "notes__add", "notes__all"}, builtin.Names...)
	for _, name := range want {
		if !slices.Contains(t.tools, name) {
			return "", nil, unexpected("the tools "+strings.Join(want, ", "), strings.Join(t.tools, ", "))
		}
	}
	theirs := slices.DeleteFunc(slices.Clone(t.tools), func(name string) bool { return slices.Contains(builtin.Names, name) })
	return fmt.Sprintf("%s of two servers, and %d of the proxy's own", plural(len(theirs), "tool", "tools"), len(builtin.Names)),
		[]string{strings.Join(theirs, ", "), strings.Join(builtin.Names, ", ")}, nil
}

func (t *trial) callClock() (string, []string, error) {
	text, err := t.client.tool(t.ctx, "clock__now", nil, nil)
	if err != nil {
		return "", nil, err
	}
	if err := t.notePID(text); err != nil {
		return "", nil, err
	}
	return "clock__now starts its server and says:", []string{plain(text)}, nil
}

func (t *trial) callNotes() (string, []string, error) {
	const note = "buy coffee"
	text, err := t.client.tool(t.ctx, "notes__add", map[string]any{"text": note}, nil)
	if err != nil {
		return "", nil, err
	}
	if err := t.notePID(text); err != nil {
		return "", nil, err
	}
	all, err := t.client.tool(t.ctx, "notes__all", nil, nil)
	if err == nil && all != note {
		err = unexpected("the note "+note, all)
	}
	return "notes__add keeps a note, notes__all has it:", []string{plain(all)}, err
}

// notePID takes the process id out of a demonstration server's answer, to see later that it is gone.
func (t *trial) notePID(text string) error {
	_, after, _ := strings.Cut(text, "(process ")
	var pid int
	if _, err := fmt.Sscanf(after, "%d)", &pid); err != nil {
		return unexpected("a text with a process id", text)
	}
	t.pids = append(t.pids, pid)
	return nil
}

func (t *trial) progress() (string, []string, error) {
	const from = 4
	var seen, shown []string
	begin := time.Now()
	text, err := t.client.tool(t.ctx, "clock__countdown", map[string]any{"from": from}, func(m message) {
		var p struct {
			ProgressToken   string
			Progress, Total int
		}
		if m.Method != "notifications/progress" || json.Unmarshal(m.Params, &p) != nil || p.ProgressToken != "try-clock__countdown" {
			return
		}
		seen = append(seen, fmt.Sprintf("%d/%d", p.Progress, p.Total))
		shown = append(shown, fmt.Sprintf("%s after %d ms", seen[len(seen)-1], time.Since(begin).Milliseconds()))
		t.out.passing("  progress    " + strings.Join(shown, ", "))
	})
	if err != nil {
		return "", nil, err
	}
	if got := strings.Join(seen, " "); got != "1/4 2/4 3/4 4/4" {
		return "", nil, unexpected("progress 1/4 2/4 3/4 4/4 before the result", got)
	}
	return "a slow tool tells how far it is, then its result:", []string{strings.Join(shown, ", ") + ": " + plain(text)}, nil
}

// report asks the proxy for the state of its servers.
func (t *trial) report() (map[string]builtin.ServerStatus, error) {
	text, err := t.client.tool(t.ctx, builtin.Name, map[string]any{"operation": "list"}, nil)
	if err != nil {
		return nil, err
	}
	var r builtin.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, unexpected("a report of all servers", text)
	}
	servers := map[string]builtin.ServerStatus{}
	for _, s := range r.Servers {
		servers[s.Name] = s
	}
	return servers, nil
}

func (t *trial) failure() (string, []string, error) {
	for {
		servers, err := t.report()
		if err != nil {
			return "", nil, err
		}
		broken := servers["broken"]
		if broken.State == "starting" { // it is tried again now and then
			select {
			case <-t.ctx.Done():
				return "", nil, context.Cause(t.ctx)
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		if broken.State != "failed" || !strings.Contains(broken.Why, brokenSays) {
			return "", nil, unexpected(`the server "broken" as failed, with what it wrote to stderr`, fmt.Sprintf("%s: %s", broken.State, broken.Why))
		}
		return "the third server can't start; the proxy says why:", strings.Split(plainLines(broken.Why), "\n"), nil
	}
}

// quarantine adds a server as a model would.
func (t *trial) quarantine() (string, []string, error) {
	said, err := t.client.tool(t.ctx, builtin.Name, map[string]any{"operation": "add", "name": "added",
		"protocol": "stdio", "command": t.self, "args": []string{"demo-server", "clock"}}, nil)
	if err != nil {
		return "", nil, err
	}
	servers, err := t.report()
	if err != nil {
		return "", nil, err
	}
	if state := servers["added"].State; state != string(quarantine.HeldLaunch) {
		return "", nil, unexpected(`the server "added" as held`, state+" after: "+said)
	}
	_, err = t.client.tool(t.ctx, "added__now", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "quarantine") {
		return "", nil, unexpected("a call of its tool refused because of the quarantine", fmt.Sprint(err))
	}
	return "a model adds a server: written down, but not run:", []string{plain(err.Error())}, nil
}

// again starts the proxy a second time. The server that fails is taken out before, while all goes on.
func (t *trial) again() (string, []string, error) {
	if _, err := t.client.tool(t.ctx, builtin.Name, map[string]any{"operation": "remove", "name": "broken"}, nil); err != nil {
		return "", nil, err
	}
	if err := t.end(); err != nil {
		return "", nil, err
	}
	from := time.Now()
	if _, _, err := t.start(); err != nil {
		return "", nil, err
	}
	tools, err := t.readTools()
	if err != nil {
		return "", nil, err
	}
	took := time.Since(from)
	if !slices.Equal(tools, t.tools) {
		return "", nil, unexpected("the same tools", strings.Join(tools, ", "))
	}
	servers, err := t.report()
	if err != nil {
		return "", nil, err
	}
	for _, name := range []string{"clock", "notes"} {
		if state := servers[name].State; state != "idle" {
			return "", nil, unexpected(fmt.Sprintf("the server %q as idle", name), state)
		}
	}
	text, err := t.client.tool(t.ctx, "clock__now", nil, nil)
	if err == nil {
		err = t.notePID(text)
	}
	return "a second start: the same list with no server running,",
		[]string{fmt.Sprintf("%d ms after the process was started; the first call starts one", took.Milliseconds())}, err
}

// end closes the connection and sees that the demonstration servers are gone.
func (t *trial) end() error {
	c := t.client
	t.client = nil
	if err := c.close(); err != nil {
		return err
	}
	for _, pid := range t.pids {
		for from := time.Now(); alive(pid); time.Sleep(5 * time.Millisecond) {
			if time.Since(from) > time.Second {
				return unexpected("no process left", fmt.Sprintf("process %d is still there", pid))
			}
		}
	}
	return nil
}

func (t *trial) finish() (string, []string, error) {
	return "stdin is closed: the proxy ends, and no process is left", nil, t.end()
}

// alive tells whether there is a process of that id.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil { // Windows says so
		return false
	}
	defer p.Release()
	return runtime.GOOS == "windows" || p.Signal(syscall.Signal(0)) == nil
}

func unexpected(wanted, got string) error {
	if got == "" {
		got = "nothing"
	}
	return fmt.Errorf("expected: %s\ngot:      %s", wanted, got)
}
