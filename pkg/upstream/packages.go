package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// installing is a local server whose packages have to be installed before it can be started. It is there at once, so
// that a start can be watched and ended; what is sent waits.
type installing struct {
	what string
	config.Redactor
	cancel context.CancelFunc
	done   chan struct{} // closed when conn or err is set for good

	mu     sync.Mutex
	step   *transport.Stdio // of the installation, while it runs
	said   string           // what the last step said
	conn   Conn             // the server, once it runs
	err    error
	queue  []jsonrpc.Frame
	corked bool
	waits  func()
}

// ofPackages starts the program of the packages that a runner asks for. Where they have to be installed first, it
// returns at once.
func (p *program) ofPackages(q *launch.Request) (Conn, error) {
	in := p.installer(q.Closed)
	installed, install, err := p.Plan.Installation(in, q, p.Pin)
	if err != nil {
		return nil, err
	}
	if installed != nil {
		return p.installed(context.Background(), in, installed)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &installing{
		what: strings.Join(q.Runner.Packages, ", "), Redactor: p.redactor(),
		cancel: cancel, done: make(chan struct{}),
	}
	in.Run = p.runner(q.Closed, c.watch)
	go func() {
		defer close(c.done)
		installed, err := install(ctx)
		var conn Conn
		if errors.Is(err, launch.ErrWhole) {
			conn, err = p.apart()
		} else if err == nil {
			conn, err = p.installed(ctx, in, installed)
		} else if ctx.Err() == nil {
			err = &installError{what: c.what, cause: err}
		}
		c.began(ctx, conn, err)
	}()
	return c, nil
}

// installError says that the packages of a server could not be installed.
type installError struct {
	what  string
	cause error
}

func (e *installError) Error() string { return "installing " + e.what + " failed: " + e.cause.Error() }
func (e *installError) Unwrap() error { return e.cause }

// watch notes the step of the installation that runs.
func (c *installing) watch(step *transport.Stdio) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if step == nil && c.step != nil {
		c.said = c.step.Diagnostics()
	}
	c.step = step
}

// began takes the server that was started, or why there is none.
func (c *installing) began(ctx context.Context, conn Conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		err = ErrClosed
		if conn != nil {
			conn.Close(0)
		}
	}
	if err != nil {
		c.err = err
		return
	}
	c.conn = conn
	if k, ok := conn.(interface{ Cork(bool) }); ok && c.corked {
		k.Cork(true)
	}
	if w, ok := conn.(interface{ OnWait(func()) }); ok && c.waits != nil {
		w.OnWait(c.waits)
	}
	for _, f := range c.queue {
		conn.Send(f) // how it failed is told by Recv
	}
	c.queue = nil
}

// Send implements Conn.
func (c *installing) Send(f jsonrpc.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.conn != nil:
		return c.conn.Send(f)
	}
	c.queue = append(c.queue, f)
	return nil
}

// Recv implements Conn.
func (c *installing) Recv() (transport.Inbound, error) {
	<-c.done
	if c.err != nil {
		return transport.Inbound{}, c.err
	}
	return c.conn.Recv()
}

// Close implements Conn.
func (c *installing) Close(grace time.Duration) {
	c.cancel()
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil {
		<-c.done // the steps of an installation are killed
		conn = c.conn
	}
	if conn != nil {
		conn.Close(grace)
	}
}

// server is the server once it runs, and the step of the installation that runs.
func (c *installing) server() (Conn, *transport.Stdio) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn, c.step
}

// LastSign implements Conn.
func (c *installing) LastSign() time.Time {
	conn, step := c.server()
	switch {
	case conn != nil:
		return conn.LastSign()
	case step != nil:
		return step.LastSign()
	}
	return time.Now() // between two steps, or while another process installs the same
}

// Work is the processor time of the server, or of the step of its installation.
func (c *installing) Work() time.Duration {
	conn, step := c.server()
	of := any(conn)
	if conn == nil && step != nil {
		of = step
	}
	if w, ok := of.(interface{ Work() time.Duration }); ok { // where the system tells it
		return w.Work()
	}
	return 0
}

// Diagnostics implements Conn.
func (c *installing) Diagnostics() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.conn != nil:
		return c.conn.Diagnostics()
	case c.step != nil:
		return c.Redact(c.step.Diagnostics())
	}
	return c.Redact(c.said)
}

// Stage is what is done before the server runs.
func (c *installing) Stage() string {
	if conn, _ := c.server(); conn != nil {
		return ""
	}
	return "installing " + c.what
}

// Cork holds back what is sent.
func (c *installing) Cork(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = on
	if k, ok := c.conn.(interface{ Cork(bool) }); ok {
		k.Cork(on)
	}
}

// OnWait sets what is called before Recv waits.
func (c *installing) OnWait(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = f
	if w, ok := c.conn.(interface{ OnWait(func()) }); ok { // it runs already, and nobody has received from it
		w.OnWait(f)
	}
}

// Origin implements what Instance asks of a connection.
func (c *installing) Origin() Origin {
	conn, _ := c.server()
	return originOf(conn)
}

// installer installs packages below the state directory.
func (s *Start) installer(closed launch.Closed) *launch.Installer {
	return &launch.Installer{Store: store.Open(s.State), Run: s.runner(closed, func(*transport.Stdio) {})}
}

// runner runs the commands of installations to their end, under the supervision that servers have: they end with us,
// with all that they have started. watch is told of each while it runs, and of its end with nil.
func (s *Start) runner(closed launch.Closed, watch func(*transport.Stdio)) func(context.Context, launch.Command) error {
	return func(ctx context.Context, c launch.Command) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		path, err := launch.Lookup{Command: c.Name, Env: c.Env, Dir: c.Dir, Closed: closed}.Find()
		if err != nil {
			return err
		}
		step, err := transport.StartStdio(transport.StdioSpec{
			Name: s.Plan.Server.Name, Command: c.Name, Path: path, Args: c.Args, Env: c.Env, Dir: c.Dir, Log: zerolog.Nop(),
		})
		if err != nil {
			return err
		}
		watch(step)
		defer watch(nil)
		defer step.Close(stepGrace)
		stop := context.AfterFunc(ctx, func() { step.Close(0) })
		defer stop()
		for err == nil {
			_, err = step.Recv()
		}
		if err = step.Wait(ctx); err != nil { // it may take a while after its output has ended
			return cmp.Or(ctx.Err(), fmt.Errorf("%s %w", filepath.Base(path), err))
		}
		return nil
	}
}

// stepGrace is how long what a step has left behind may take to end.
const stepGrace = time.Second

// installed starts the program of an installation, and looks for newer versions meanwhile.
func (p *program) installed(ctx context.Context, in *launch.Installer, r *launch.Resolution) (Conn, error) {
	q := p.process.Runner
	found, err := in.Program(ctx, q, r)
	if err != nil {
		return nil, err
	}
	conn, err := p.start(found, p.process.Dir, r)
	if err != nil {
		return nil, err
	}
	if p.Pin == nil && r.Due(q.Runner, time.Now()) {
		conn.refresh(func(ctx context.Context) { p.refresh(ctx, q, r) })
	}
	return conn, nil
}

// refresh looks for newer versions of what a server was started from. What it finds is for the next start.
func (s *Start) refresh(ctx context.Context, q *launch.Request, r *launch.Resolution) {
	select {
	case <-time.After(refreshAfter):
	case <-ctx.Done():
		return
	}
	newer, err := s.installer(q.Closed).Refresh(ctx, q)
	switch log := s.Log.With().Str("server", s.Plan.Server.Name).Logger(); {
	case err != nil && ctx.Err() == nil:
		log.Warn().Err(err).Msg("no check for a newer version of its package")
	case newer != nil:
		log.Info().Str("was", r.Short()).Str("is", newer.Short()).Msg("a newer version of its package is installed for its next start")
	}
}

// refreshAfter is how long after a start newer versions are looked for: a start has the machine to itself.
const refreshAfter = 5 * time.Second

// apart starts a runner that can't be taken apart, in a directory of its own.
func (p *program) apart() (Conn, error) {
	dir, err := p.Plan.OwnDir(p.State)
	if err != nil {
		return nil, err
	}
	conn, err := p.start(p.process, dir, nil)
	if err != nil {
		return nil, err
	}
	return conn, nil
}
