package docker

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

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
	RealDir        string   // where Dir leads, if that was checked, else ""
	RealMounts     []string // the same of each mount of Isolation; nil: of none
	Isolation      config.Isolation
	Guards         []Guard // what must stay as it is in what the container may write

	Admit  func(image string) error // decides whether the image, by its id, may be run; nil: every one
	Sign   func()                   // told of each sign of life
	Stderr io.Writer                // what the server writes there
	Redact func(string) string      // takes secrets out of what the engine says; nil: it knows the values of Env alone
	Log    zerolog.Logger
}

// Container is a server in a container, from the moment it is asked for: its image may have to be pulled first. Stdout is read by one
// goroutine; what is written waits until the server runs.
type Container struct {
	Stdout *io.PipeReader

	owner  *Owner
	spec   Spec
	engine *engine // nil: there is no way to one
	out    *io.PipeWriter
	ctx    context.Context
	cancel context.CancelFunc

	birth    *birth // nil: it was not asked for yet
	id       string
	conn     attachment
	attached chan struct{} // closed once conn is set and the server runs
	ended    chan struct{} // closed once err is set
	err      error
	gone     chan struct{} // closed once the container is removed, or left to be

	places []place // of this machine, that it mounts and that were checked

	died      chan int      // gets the exit status
	destroyed chan struct{} // closed when the engine has removed it
	deaf      chan struct{} // closed when the engine tells nothing any more
	spoke     atomic.Bool   // the server has written to stdout

	mu      sync.Mutex
	doing   string
	oom     time.Time // when the kernel last killed one of its processes for its memory
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
func (c *Container) Start() {
	if !c.owner.run(c.live) {
		c.end(context.Canceled)
		c.cancel()
		close(c.gone)
	}
}

// live is the container's life; it owns the other goroutines.
func (c *Container) live() {
	defer close(c.gone)
	defer c.cancel()
	err := c.begin()
	if err == nil {
		err = c.attend()
	}
	if c.ctx.Err() != nil {
		err = context.Canceled
	}
	c.end(err)
	if c.engine != nil {
		c.tidy()
		c.engine.close()
	}
}

func (c *Container) end(err error) {
	c.err = err
	close(c.ended)
	c.out.Close()
}

// begin does all up to the start of the server.
func (c *Container) begin() (err error) {
	if c.engine, err = c.spec.Endpoint.open(); err != nil {
		return err
	}
	info, err := c.engine.know(c.ctx)
	if err != nil {
		return err
	}
	if err := lacking(info, &c.spec.Isolation); err != nil {
		return err
	}
	filter, err := seccomp(info, c.engine.api.ClientVersion())
	if err != nil {
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
	if err := c.create(image, filter); err != nil {
		return err
	}
	if err := c.follow(); err != nil {
		return c.explain("watch the container", err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, apiTimeout)
	defer cancel()
	// Attached before it is started: nothing it says is lost.
	conn, err := c.engine.attach(ctx, c.id)
	if err != nil {
		return c.explain("attach to the container", err)
	}
	if err := c.startUnmoved(ctx); err != nil {
		conn.Close()
		return err
	}
	c.conn = conn
	close(c.attached)
	c.stage("")
	return nil
}

// Ended is closed when the server has ended; Err then tells how.
func (c *Container) Ended() <-chan struct{} { return c.ended }

// Gone is closed when the container has been removed, or is left to be removed later.
func (c *Container) Gone() <-chan struct{} { return c.gone }

// Err is an *Exit, context.Canceled after Kill, or an *Error of what went wrong.
func (c *Container) Err() error { return c.err }

// Stage is what is being done before the server runs, such as "pulling the image node:24, 12MB of 80MB"; "" once it does.
func (c *Container) Stage() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doing
}

// Image is the id of the image that the container is made of, "" while that is not known.
func (c *Container) Image() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.imageID
}

func (c *Container) stage(doing string) {
	c.mu.Lock()
	c.doing = doing
	c.mu.Unlock()
	c.spec.Sign()
}
