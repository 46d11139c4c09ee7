package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// step is one thing that is shown: something that try does itself, then tool calls. What the last of them returned is
// shown below what the step says.
type step struct {
	name, said string
	do         func(*trial) (more []string, err error)
	calls      []toolCall
}

// toolCall is a call with what has to come of it.
type toolCall struct {
	name, arguments string // JSON; SELF stands for this program
	want            string // pattern of the text, with the progress in front; of a group, which is a JSON string, only that is shown
	not             string // pattern of a text after which it is called again
}

// report asks for the state of all servers; the pattern is looked for in the answer.
func report(want, not string) toolCall {
	return toolCall{catalog.ServersTool, `{"operation":"list"}`, want, not}
}

// script is what try does. The server that fails is taken out before the second start, while all goes on.
var script = []step{
	{"start", "the proxy answers at once, in MCP " + mcp.Latest, (*trial).start, nil},
	{"list", fmt.Sprintf("4 tools of two servers, and %d of the proxy's own", len(catalog.OwnTools)), (*trial).list, nil},
	{"call", "clock__now starts its server and says:", nil, []toolCall{
		{name: "clock__now", want: `^\S+ \(process \d+\)$`}}},
	{"state", "notes__add keeps a note, notes__all has it:", nil, []toolCall{
		{name: "notes__add", arguments: `{"text":"buy coffee"}`, want: `^kept \(process \d+\)$`},
		{name: "notes__all", want: `^buy coffee$`}}},
	{"progress", "a slow tool tells how far it is, then its result:", nil, []toolCall{{name: "clock__countdown",
		arguments: `{"from":4}`, want: `^1/4 after \d+ ms, 2/4 after \d+ ms, 3/4 after \d+ ms, 4/4 after \d+ ms: lift-off$`}}},
	{"failure", "the third server can't start; the proxy says why:", nil, []toolCall{
		report(`"broken",[^}]*"state": ?"failed",[^}]*"why": ?("([^"\\]|\\.)*`+brokenSays+`([^"\\]|\\.)*")`,
			`"broken",[^}]*"state": ?"Starting"`)}},
	{"quarantine", "a model adds a server: written down, but not run:", nil, []toolCall{
		{name: catalog.ServersTool, want: `held`,
			arguments: `{"operation":"add","name":"added","protocol":"stdio","command":SELF,"args":["demo-server","clock"]}`},
		report(`"added",[^}]*"state": ?"`+string(quarantine.HeldLaunch)+`"`, ""),
		{name: "added__now", want: `quarantine`}}},
	{"again", "a second start: the same list with no server running,", (*trial).again, []toolCall{
		report(`"clock",[^}]*"state": ?"idle"[^}]*}(?s:.*)"notes",[^}]*"state": ?"idle"`, ""),
		{name: "clock__now", want: `process \d+`}}},
	{"end", "stdin is closed: the proxy ends, and no process is left", (*trial).end, nil},
}

// prepare writes the configuration.
func (t *trial) prepare() (err error) {
	if t.self == "" { // the tests have another
		if t.self, err = os.Executable(); err != nil {
			return err
		}
	}
	log := filepath.Join(t.dir, "proxy.log")
	if t.log, err = os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	servers := map[string]any{}
	for _, name := range []string{"clock", "notes", "broken"} {
		servers[name] = map[string]any{"command": t.self, "args": []string{demoServer, name}}
	}
	text, err := json.Marshal(map[string]any{"mcpServers": servers})
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
func (t *trial) start() (_ []string, err error) {
	if t.client, err = connect(t.ctx, t.log, t.work(), t.environ(), t.self, "--config", t.config()); err != nil {
		return nil, err
	}
	var hello struct {
		ProtocolVersion string
		ServerInfo      struct{ Name string }
	}
	if err := t.client.call(t.ctx, mcp.Initialize, map[string]any{
		"protocolVersion": mcp.Latest, "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "mcpproxy-stdio-try", "version": Version()},
	}, &hello, nil); err != nil {
		return nil, err
	}
	if hello.ServerInfo.Name != program || hello.ProtocolVersion != mcp.Latest {
		return nil, unexpected("an answer of mcpproxy-stdio in MCP "+mcp.Latest, fmt.Sprint(hello))
	}
	return nil, t.client.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"})
}

// list reads the tools, which are the same each time.
func (t *trial) list() ([]string, error) {
	var list struct{ Tools []struct{ Name string } }
	if err := t.client.call(t.ctx, mcp.ToolsList, map[string]any{}, &list, nil); err != nil {
		return nil, err
	}
	var theirs, own []string
	for _, tool := range list.Tools {
		if slices.Contains(catalog.OwnTools, tool.Name) {
			own = append(own, tool.Name)
		} else {
			theirs = append(theirs, plain(tool.Name))
		}
	}
	got := []string{strings.Join(theirs, ", "), strings.Join(own, ", ")}
	want := []string{"clock__countdown, clock__now, notes__add, notes__all", strings.Join(catalog.OwnTools, ", ")}
	if !slices.Equal(got, want) {
		return nil, unexpected("the tools "+strings.Join(want, ", "), strings.Join(got, ", "))
	}
	return got, nil
}

// processID is in what the demonstration servers say.
var processID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\(process (\d+)\)`) })

// call calls a tool, compares what comes of it, and returns what is shown of it.
func (t *trial) call(c toolCall) ([]string, error) {
	var shown []string
	begin := time.Now()
	text, err := t.tool(c, func(params json.RawMessage) {
		var p struct{ Progress, Total int }
		if json.Unmarshal(params, &p) == nil && p.Progress > 0 { // the proxy's own are below
			shown = append(shown, fmt.Sprintf("%d/%d after %d ms", p.Progress, p.Total, time.Since(begin).Milliseconds()))
			t.out.passing("  progress    " + strings.Join(shown, ", "))
		}
	})
	if err != nil {
		return nil, err
	}
	if shown != nil {
		text = strings.Join(shown, ", ") + ": " + text
	}
	if c.not != "" && regexp.MustCompile(c.not).MatchString(text) {
		select {
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		case <-time.After(20 * time.Millisecond):
			return t.call(c)
		}
	}
	found := regexp.MustCompile(c.want).FindStringSubmatch(text)
	if found == nil {
		return nil, unexpected(c.name+" with an answer like "+c.want, text)
	}
	if m := processID().FindStringSubmatch(text); m != nil { // to see later that it is gone
		pid, _ := strconv.Atoi(m[1])
		t.pids = append(t.pids, pid)
	}
	if len(found) > 1 && json.Unmarshal([]byte(found[1]), &text) != nil {
		return nil, unexpected("a JSON string", found[1])
	}
	return strings.Split(plainLines(text), "\n"), nil
}

// tool calls a tool and returns the text of its result.
func (t *trial) tool(c toolCall, progress func(json.RawMessage)) (string, error) {
	arguments := strings.ReplaceAll(cmp.Or(c.arguments, "{}"), "SELF", string(jsonrpc.Quote(t.self)))
	token := map[string]any{"progressToken": "try"}
	params := map[string]any{"name": c.name, "arguments": json.RawMessage(arguments), "_meta": token}
	var r struct{ Content []struct{ Text string } }
	if err := t.client.call(t.ctx, mcp.ToolsCall, params, &r, progress); err != nil || len(r.Content) == 0 {
		return "", cmp.Or(err, unexpected("a text from "+c.name, ""))
	}
	return r.Content[0].Text, nil
}

// again starts the proxy a second time, without the server that fails.
func (t *trial) again() ([]string, error) {
	remove := toolCall{name: catalog.ServersTool, arguments: `{"operation":"remove","name":"broken"}`, want: "removed"}
	if _, err := t.call(remove); err != nil {
		return nil, err
	}
	if _, err := t.end(); err != nil {
		return nil, err
	}
	from := time.Now()
	if _, err := t.start(); err != nil {
		return nil, err
	}
	_, err := t.list()
	took := time.Since(from).Milliseconds()
	return []string{fmt.Sprintf("%d ms after the process was started; the first call starts one", took)}, err
}

// end closes the connection and sees that the demonstration servers are gone.
func (t *trial) end() ([]string, error) {
	c := t.client
	t.client = nil
	if err := c.close(); err != nil {
		return nil, err
	}
	for _, pid := range t.pids {
		for from := time.Now(); alive(pid); time.Sleep(5 * time.Millisecond) {
			if time.Since(from) > time.Second {
				return nil, unexpected("no process left", fmt.Sprintf("process %d is still there", pid))
			}
		}
	}
	return nil, nil
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
