package mcptest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// stopTimeout bounds how long [Client.Close] waits before it kills.
const stopTimeout = 5 * time.Second

// process is what stands behind a client that started one.
type process struct {
	cmd    *exec.Cmd
	stdout *os.File
	stderr *os.File
	exited chan struct{}
	done   sync.WaitGroup // the readers of stderr and of the exit

	mu  sync.Mutex
	log []byte // stderr so far
}

// Exit tells how a process ended.
type Exit struct {
	State  *os.ProcessState // nil over streams, or if it did not end at all
	Took   time.Duration    // from the request to end
	Killed bool             // it had not ended in time and was killed
}

// Start runs a command whose stdin and stdout speak MCP. At the end of the test
// it is closed as by [Client.Close]. The command's Stdin, Stdout and Stderr must
// not be set.
func Start(t testing.TB, cmd *exec.Cmd, options ...ClientOption) *Client {
	t.Helper()
	// Own pipes: those of os/exec end reading when the process exits, and lose what
	// it wrote last, or never end while a grandchild holds them.
	var pipes [6]*os.File
	for i := 0; i < 6; i += 2 {
		var err error
		if pipes[i], pipes[i+1], err = os.Pipe(); err != nil {
			t.Fatalf("mcptest: pipe: %v", err)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipes[0], pipes[3], pipes[5]
	if err := cmd.Start(); err != nil {
		t.Fatalf("mcptest: start: %v", err)
	}
	for _, f := range []*os.File{pipes[0], pipes[3], pipes[5]} {
		f.Close()
	}
	p := &process{cmd: cmd, stdout: pipes[2], stderr: pipes[4], exited: make(chan struct{})}
	c := newClient(t, pipes[1], options)
	c.proc = p
	go c.readLoop(p.stdout) // ends with stdout; Close waits for it
	p.done.Go(p.readStderr)
	p.done.Go(func() {
		_ = cmd.Wait() // told by ProcessState
		close(p.exited)
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// StartCommand starts a command by name, with env added to our environment.
func StartCommand(t testing.TB, env []string, name string, args ...string) *Client {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	return Start(t, cmd)
}

// StartServer starts a scripted upstream; its program must call [Main].
func StartServer(t testing.TB, opts Server, options ...ClientOption) *Client {
	t.Helper()
	name, args, env := Command(opts)
	cmd := exec.Command(name, args...)
	cmd.Env = os.Environ()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return Start(t, cmd, options...)
}

// Pipe runs a scripted upstream in this process and gives a client to it.
func Pipe(t testing.TB, opts Server, options ...ClientOption) *Client {
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		err := Serve(ctx, fromClient, toClient, opts)
		fromClient.CloseWithError(io.ErrClosedPipe)
		toClient.CloseWithError(err) // nil reads as the end
	})
	t.Cleanup(func() { // after the client's own
		cancel()
		fromServer.Close()
		toServer.Close()
		served.Wait()
	})
	return NewClient(t, fromServer, toServer, options...)
}

func (p *process) readStderr() {
	buf := make([]byte, 32<<10)
	for {
		n, err := p.stderr.Read(buf)
		p.mu.Lock()
		p.log = append(p.log, buf[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Stderr gives what the process has written to stderr so far.
func (c *Client) Stderr() string {
	if c.proc == nil {
		return ""
	}
	c.proc.mu.Lock()
	defer c.proc.mu.Unlock()
	return string(c.proc.log)
}

func (c *Client) stderrTail() string {
	s := c.Stderr()
	if s == "" {
		return ""
	}
	return "; stderr: …" + s[max(0, len(s)-2000):]
}

// Pid gives the id of the process, 0 over streams.
func (c *Client) Pid() int {
	if c.proc == nil {
		return 0
	}
	return c.proc.cmd.Process.Pid
}

// Signal sends a signal to the process.
func (c *Client) Signal(sig os.Signal) {
	c.t.Helper()
	if err := c.proc.cmd.Process.Signal(sig); err != nil {
		c.t.Errorf("mcptest: signal: %v", err)
	}
}

// CloseStdin ends the peer's input and leaves everything else as it is.
func (c *Client) CloseStdin() { c.in.Close() }

// Close ends the peer's input, waits for the process, kills it after 5 s, and
// tells how it went. What the process wrote can still be read afterwards.
func (c *Client) Close() Exit {
	c.CloseStdin()
	return c.WaitExit(stopTimeout)
}

// Kill ends the process by SIGKILL.
func (c *Client) Kill() Exit {
	if c.proc != nil {
		_ = c.proc.cmd.Process.Kill() // gone already is as good
	}
	return c.WaitExit(stopTimeout)
}

// WaitExit waits for the process to end by itself, kills it after the timeout,
// and then lets go of its streams, which a grandchild may still hold. Over
// streams it waits for the end of the peer's output.
func (c *Client) WaitExit(timeout time.Duration) Exit {
	start := time.Now()
	var exit Exit
	if c.proc == nil {
		select {
		case <-c.readDone:
		case <-time.After(timeout):
			exit.Killed = true // nothing to kill, but it did not end
			return exit
		}
		exit.Took = time.Since(start)
		c.waitHandlers()
		return exit
	}
	p := c.proc
	select {
	case <-p.exited:
	case <-time.After(timeout):
		exit.Killed = true
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	exit.Took, exit.State = time.Since(start), p.cmd.ProcessState
	select {
	case <-c.readDone:
	case <-time.After(200 * time.Millisecond): // somebody else holds stdout
	}
	_ = p.stderr.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	c.in.Close()
	p.stdout.Close()
	p.done.Wait()
	p.stderr.Close()
	<-c.readDone
	c.waitHandlers()
	return exit
}

// waitHandlers waits for the answers being made, which are the test's own code.
func (c *Client) waitHandlers() {
	done := make(chan struct{})
	go func() { c.handlers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopTimeout):
		c.t.Errorf("mcptest: a handler has not come back %v after the peer's end", stopTimeout)
	}
}
