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

// client is an MCP client as an editor is one: it starts the proxy as a child and exchanges lines of JSON with it. It
// is not safe for concurrent use.
type client struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan []byte // closed at the end of stdout
	reader sync.WaitGroup
	next   int
}

// connect starts the program in a directory. When ctx ends it is ended too.
func connect(ctx context.Context, stderr *os.File, dir string, env []string, program string, args ...string) (*client, error) {
	c := &client{cmd: exec.CommandContext(ctx, program, args...), lines: make(chan []byte, 64)}
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
	c.reader.Go(func() {
		defer close(c.lines)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			c.lines <- append([]byte(nil), lines.Bytes()...)
		}
	})
	return c, nil
}

// call sends a request and waits for its answer. The parameters of the notifications of progress that come before it
// go to progress, which may be nil.
func (c *client) call(ctx context.Context, method string, params, result any, progress func(json.RawMessage)) error {
	c.next++
	ended := fmt.Errorf("%s: the proxy ended before it answered", method) // before or after the request is written
	if c.send(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params}) != nil {
		return ended
	}
	for {
		var line []byte
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: no answer: %w", method, context.Cause(ctx))
		case next, open := <-c.lines:
			if !open {
				return ended
			}
			line = next
		}
		var m struct {
			ID             *int
			Method         string
			Params, Result json.RawMessage
			Error          *struct {
				Code    int
				Message string
			}
		}
		switch err := json.Unmarshal(line, &m); {
		case err != nil:
			return fmt.Errorf("%s: a line on stdout is not JSON: %.200q", method, line)
		case m.Method == "notifications/progress" && progress != nil:
			progress(m.Params)
		case m.Method != "" || m.ID == nil || *m.ID != c.next:
		case m.Error != nil:
			return fmt.Errorf("error %d: %s", m.Error.Code, m.Error.Message)
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

func (c *client) send(m any) error {
	line, err := json.Marshal(m)
	if err == nil {
		_, err = c.stdin.Write(append(line, '\n'))
	}
	return err
}

// close ends the proxy as an editor does, by closing its stdin, and waits for it.
func (c *client) close() error {
	c.stdin.Close()
	kill := time.AfterFunc(3*time.Second, func() { c.cmd.Process.Kill() })
	defer kill.Stop()
	for range c.lines { // lines that no step waited for
	}
	c.reader.Wait()
	err := c.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("the proxy ended with %w", exit)
	}
	return err
}
