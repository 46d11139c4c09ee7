package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Spec is a server and the container it asks for.
type Spec struct {
	Config, Server string // the configuration file it is of, and its name there
	Digest         string // of its launch
	Endpoint       Endpoint
	Command        string // a program of the image, not of this machine
	Args           []string
	Env            []string // KEY=VALUE, all that the entry gives; it reaches the engine in the API's body alone
	Dir            string   // the working directory, for Isolation.Dir
	Isolation      config.Isolation

	Admit  func(image string) error // decides whether the image, by its id, may be run; nil: every one
	Sign   func()                   // told of each sign of life
	Stderr io.Writer                // what the server writes there
	Log    zerolog.Logger
}

// Container is a server in a container, from the moment it is asked for: its image may have to be pulled first. Stdout is read by one
// goroutine; what is written waits until the server runs.
type Container struct {
	Stdout *io.PipeReader

	owner  *Owner
	spec   Spec
	engine *engine
	out    *io.PipeWriter
	ctx    context.Context
	cancel context.CancelFunc

	id       string
	conn     types.HijackedResponse
	attached chan struct{} // closed once conn is set
	ended    chan struct{} // closed once err is set
	err      error
	gone     chan struct{} // closed once the container is removed, or left to be

	died      chan int      // gets the exit status
	destroyed chan struct{} // closed when the engine has removed it
	deaf      chan struct{} // closed when the engine tells nothing any more

	mu      sync.Mutex
	doing   string
	oom     bool
	imageID string
	work    time.Duration
	asked   time.Time // for work
}

// New makes a container that is not started yet.
func (o *Owner) New(spec Spec) *Container {
	r, w := io.Pipe()
	c := &Container{Stdout: r, out: w, owner: o, spec: spec, attached: make(chan struct{}), ended: make(chan struct{}), gone: make(chan struct{}),
		died: make(chan int, 1), destroyed: make(chan struct{}), deaf: make(chan struct{}), doing: "asking the Docker engine"}
	c.ctx, c.cancel = context.WithCancel(o.ctx)
	return c
}

// Start begins to run the server, and returns at once. It is called once.
func (c *Container) Start() { c.owner.work.Go(c.live) }

// live is the container's life; it owns the other goroutines.
func (c *Container) live() {
	defer close(c.gone)
	defer c.cancel()
	err := c.begin()
	if err == nil {
		err = c.attend()
	} else if c.engine != nil {
		c.owner.forget(c.engine)
	}
	if c.ctx.Err() != nil {
		err = context.Canceled
	}
	c.err = err
	close(c.ended)
	c.out.Close()
	if c.id != "" {
		c.tidy()
	}
}

// begin does all up to the start of the server.
func (c *Container) begin() (err error) {
	if c.engine, err = c.owner.engine(c.spec.Endpoint); err != nil {
		return err
	}
	info, err := c.engine.know(c.ctx)
	if err != nil {
		return err
	}
	if err := lacking(info, &c.spec.Isolation); err != nil {
		return err
	}
	image, err := c.image(c.ctx)
	if err != nil {
		return err
	}
	if c.spec.Admit != nil {
		if err := c.spec.Admit(image); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.imageID = image
	c.mu.Unlock()
	c.stage("starting the container")
	if err := c.create(image); err != nil {
		return err
	}
	c.follow()
	ctx, cancel := context.WithTimeout(c.ctx, apiTimeout)
	defer cancel()
	// Attached before it is started: nothing it says is lost.
	if err := c.attach(ctx); err != nil {
		return c.explain("to attach to the container", err)
	}
	if err := c.engine.api.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		c.conn.Close()
		return c.explain("to start the container", err)
	}
	close(c.attached)
	c.stage("")
	return nil
}

// attach opens the streams. The client does not stop waiting for the answer when ctx ends, so that is done here.
func (c *Container) attach(ctx context.Context) error {
	done := make(chan struct{})
	var conn types.HijackedResponse
	var failed error
	go func() {
		defer close(done)
		conn, failed = c.engine.api.ContainerAttach(ctx, c.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	}()
	select {
	case <-done:
		c.conn = conn
		return failed
	case <-ctx.Done():
		go func() {
			if <-done; conn.Conn != nil {
				conn.Close()
			}
		}()
		return ctx.Err()
	}
}

// follow hears from the engine how the container ends.
func (c *Container) follow() {
	ctx, cancel := context.WithCancel(c.owner.ctx)
	news, failed := c.engine.api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("container", c.id), filters.Arg("type", "container"))})
	c.owner.work.Go(func() {
		defer cancel()
		for {
			select {
			case e := <-news:
				switch e.Action {
				case events.ActionOOM:
					c.mu.Lock()
					c.oom = true
					c.mu.Unlock()
				case events.ActionDie:
					code, err := strconv.Atoi(e.Actor.Attributes["exitCode"])
					if err != nil {
						code = -1
					}
					select {
					case c.died <- code:
					default:
					}
				case events.ActionDestroy:
					close(c.destroyed)
					return
				}
			case <-failed:
				close(c.deaf)
				return
			case <-c.gone:
				return
			}
		}
	})
}

// attend passes the streams on until they end, and tells how the server ended.
func (c *Container) attend() error {
	stop := context.AfterFunc(c.ctx, func() {
		c.conn.Close()
		c.Stdout.Close() // nobody may be reading
	})
	defer stop()
	defer c.conn.Close()
	_, lost := stdcopy.StdCopy(signed{c.out, c.spec.Sign}, signed{c.spec.Stderr, c.spec.Sign}, c.conn.Reader)
	code, err := c.status()
	switch {
	case err == nil:
	case c.ctx.Err() != nil:
		return context.Canceled
	case lost != nil && !errors.Is(lost, io.ErrClosedPipe) || unreachable(err):
		c.owner.forget(c.engine)
		return refuse(fmt.Errorf("the connection to the Docker engine at %s was lost", c.spec.Endpoint.Host), "")
	default:
		return err
	}
	e := &Exit{Code: code, Memory: c.spec.Isolation.Memory}
	e.OOM = c.outOfMemory(code)
	if code == 127 || code == 126 {
		e.Note = fmt.Sprintf(": the image %s has no program %q, or none that its user may run", c.spec.Isolation.Image, c.spec.Command)
	}
	return e
}

// Write sends to the server's stdin. It waits until the server runs.
func (c *Container) Write(b []byte) (int, error) {
	select {
	case <-c.attached:
		return c.conn.Conn.Write(b)
	case <-c.ended:
		return 0, io.ErrClosedPipe
	}
}

// CloseStdin ends the server's stdin.
func (c *Container) CloseStdin() {
	select {
	case <-c.attached:
		c.conn.CloseWrite()
	default:
	}
}

// Terminate asks the server to end (SIGTERM); one that does not run yet is killed.
func (c *Container) Terminate() {
	select {
	case <-c.attached:
		ctx, cancel := context.WithTimeout(c.ctx, pingTimeout)
		defer cancel()
		c.engine.api.ContainerKill(ctx, c.id, "SIGTERM")
	default:
		c.cancel()
	}
}

// Kill ends the container and removes it.
func (c *Container) Kill() { c.cancel() }

// Ended is closed when the server has ended; Err then tells how.
func (c *Container) Ended() <-chan struct{} { return c.ended }

// Gone is closed when the container has been removed.
func (c *Container) Gone() <-chan struct{} { return c.gone }

// Err is an *Exit, context.Canceled after Kill, or an *Error of what went wrong.
func (c *Container) Err() error { return c.err }

// Stage is what is being done before the server runs, such as "pulling the image node:24, 12MB of 80MB"; "" once it does.
func (c *Container) Stage() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doing
}

// Work is the processor time that the server has used: one that says nothing while it downloads works, one that hangs does not. It asks the
// engine, at most once a second.
func (c *Container) Work() time.Duration {
	select {
	case <-c.attached:
	default:
		return 0
	}
	c.mu.Lock()
	work, recent := c.work, time.Since(c.asked) < time.Second
	if !recent {
		c.asked = time.Now()
	}
	c.mu.Unlock()
	if recent {
		return work
	}
	ctx, cancel := context.WithTimeout(c.ctx, statsTimeout)
	defer cancel()
	answer, err := c.engine.api.ContainerStatsOneShot(ctx, c.id)
	if err != nil {
		return work
	}
	defer answer.Body.Close()
	var stats container.StatsResponse
	if json.NewDecoder(answer.Body).Decode(&stats) != nil {
		return work
	}
	work = time.Duration(stats.CPUStats.CPUUsage.TotalUsage)
	c.mu.Lock()
	c.work = work
	c.mu.Unlock()
	return work
}

const statsTimeout = 2 * time.Second

// Image is the id of the image that the container is made of, "" while that is not known.
func (c *Container) Image() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.imageID
}

func (c *Container) stage(doing string) {
	c.mu.Lock()
	changed := c.doing != doing
	c.doing = doing
	c.mu.Unlock()
	if changed {
		c.spec.Sign()
	}
}

// signed tells of a sign of life with each write.
type signed struct {
	io.Writer
	sign func()
}

func (s signed) Write(b []byte) (int, error) {
	s.sign()
	return s.Writer.Write(b)
}
