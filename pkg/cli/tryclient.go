package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// client is an MCP client as an editor is one: it starts the proxy as a child and exchanges lines of JSON with it. It is not
// safe for concurrent use.
type client struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan message // closed at the end of stdout
	reader sync.WaitGroup
	next   int
}

// message is a JSON-RPC 2.0 message.
type message struct {
	ID     *int            `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

// rpcError is the error of a JSON-RPC answer (JSON-RPC 2.0, section 5.1).
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Message) }

// connect starts the program in a directory. When ctx ends it is ended too.
func connect(ctx context.Context, stderr *os.File, dir string, env []string, program string, args ...string) (*client, error) {
	c := &client{cmd: exec.CommandContext(ctx, program, args...), lines: make(chan message, 64)}
	c.cmd.Dir, c.cmd.Env, c.cmd.Stderr = dir, env, stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// As clients end servers: stdin is closed, and what is still there a second later is killed.
	c.cmd.Cancel, c.cmd.WaitDelay = c.stdin.Close, time.Second
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.reader.Go(func() { c.read(stdout) })
	return c, nil
}

func (c *client) read(stdout io.Reader) {
	defer close(c.lines)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			m = message{Method: "not JSON", Params: json.RawMessage(fmt.Sprintf("%.200q", lines.Bytes()))}
		}
		c.lines <- m
	}
}

// call sends a request and waits for its answer. Notifications that come before it go to notice, which may be nil.
func (c *client) call(ctx context.Context, method string, params, result any, notice func(message)) error {
	c.next++
	if err := c.send(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params}); err != nil {
		return fmt.Errorf("%s: the proxy ended before it answered", method) // its end can come before or after the request is written
	}
	for {
		var m message
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: no answer: %w", method, context.Cause(ctx))
		case next, open := <-c.lines:
			if !open {
				return fmt.Errorf("%s: the proxy ended before it answered", method)
			}
			m = next
		}
		switch {
		case m.Method == "not JSON":
			return fmt.Errorf("%s: a line on stdout is not JSON: %s", method, m.Params)
		case m.Method != "" && m.ID == nil && notice != nil:
			notice(m)
		case m.Method != "" || m.ID == nil || *m.ID != c.next:
		case m.Error != nil:
			return m.Error
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

func (c *client) send(m any) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = c.stdin.Write(append(line, '\n'))
	return err
}

// toolResult is the answer to tools/call.
type toolResult struct {
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
	IsError bool `json:"isError"`
}

func (r toolResult) text() string {
	if len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

// tool calls a tool and returns the text of its result. An isError result is an error.
func (c *client) tool(ctx context.Context, name string, arguments map[string]any, notice func(message)) (string, error) {
	params := map[string]any{"name": name, "arguments": arguments}
	if notice != nil {
		params["_meta"] = map[string]any{"progressToken": "try-" + name}
	}
	var r toolResult
	if err := c.call(ctx, "tools/call", params, &r, notice); err != nil {
		return "", err
	}
	if r.IsError {
		return "", fmt.Errorf("%s: %s", name, r.text())
	}
	return r.text(), nil
}

// close ends the proxy as an editor does, by closing its stdin, and waits for it.
func (c *client) close() error {
	c.stdin.Close()
	kill := time.AfterFunc(3*time.Second, func() { c.cmd.Process.Kill() })
	defer kill.Stop()
	for range c.lines { // what nobody waited for
	}
	c.reader.Wait()
	err := c.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("the proxy ended with %w", exit)
	}
	return err
}
