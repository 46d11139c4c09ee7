package upstream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// Blocked says why a configured server must not be started, nil if it may.
func Blocked(server *config.Server) error {
	switch {
	case server.Refused != "":
		return errors.New(server.Refused)
	case !server.Enabled && server.Held == "":
		return errors.New(`it is disabled; set "enabled": true in the configuration, or use upstream_servers with operation "enable"`)
	case server.Held != "":
		return errors.New(server.Held)
	}
	return nil
}

// Start is what a server is started with.
type Start struct {
	Plan       *launch.Plan
	Login      *oauth.Login // of a remote server; nil: none
	Containers *docker.Owner
	State      string      // directory for what sandboxed servers keep, and where those work that may not work in the workspace
	Pin        *launch.Pin // the installation that it is to be started from; nil: the newest
	Gate       Gate
	Log        zerolog.Logger
}

// Gate decides about what a start is made of beyond the launch that was approved. A nil function admits everything.
type Gate struct {
	Engine   func(docker.Identity) error        // of the engine that is to make a container
	Image    func(id string) error              // of the image that it is to be made of
	Programs func(found []launch.Program) error // of the files of the workspace that decide what is run
}

// Dial starts a server, or connects to it, as its resolved launch says. A confinement that it asks for and that cannot be given is an
// error: there is no other way from here to running it.
func (s *Start) Dial() (Conn, error) {
	conn, err := s.dial()
	return conn, s.redactor().Error(err)
}

// redactor knows the secrets of the launch.
func (s *Start) redactor() config.Redactor {
	return config.NewRedactor(s.Plan.Launch.Secrets(), config.Redacted)
}

func (s *Start) dial() (Conn, error) {
	l := s.Plan.Launch
	if s.Plan.Refusal != nil {
		return nil, s.Plan.Refusal
	}
	if l.Protocol == config.ProtocolStdio {
		return s.dialLocal()
	}
	headers := make([]transport.Header, len(l.Headers))
	for i, h := range l.Headers {
		headers[i] = transport.Header{Name: h.Name, Value: h.Value}
	}
	return transport.DialHTTP(transport.HTTPSpec{
		Name: s.Plan.Server.Name, URL: l.URL, Headers: headers, Login: s.Login, Secrets: l.Secrets(),
		SSE: l.Protocol == config.ProtocolSSE, Log: s.Log,
	})
}

// ran is what a server on this machine was started from.
type ran struct {
	path     string
	programs []launch.Program
	engine   []byte // identity of the one that a docker command leads to, as JSON
}

// Engine is nil for what is no docker command.
func (r ran) Engine() []byte { return r.engine }

// Ran gives the path of the program that was started, and the files of the workspace that decided what was run.
func (r ran) Ran() (path string, programs [][]byte) {
	for _, p := range r.programs {
		programs = append(programs, p.JSON())
	}
	return r.path, programs
}

// discreet is a local server whose stderr is shown without the values that its entry gave it: a server that refuses a
// key likes to quote it.
type discreet struct {
	*transport.Stdio
	config.Redactor
	confinement
	ran
	lack     *launch.Lack       // what its confinement does not give; nil: nothing
	resolved *launch.Resolution // what it was started from, nil if that was not installed for it
	stop     context.CancelFunc // of the work in the background; nil: there is none
	work     sync.WaitGroup
}

// Lacks is what its entry names and its confinement does not show.
func (d *discreet) Lacks() string { return d.lack.Words() }

// Resolved implements what Instance asks of a connection.
func (d *discreet) Resolved() *launch.Resolution { return d.resolved }

// refresh does work in the background, which ends with the server at the latest.
func (d *discreet) refresh(work func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	d.work.Go(func() { work(ctx) })
}

// Close ends the server.
func (d *discreet) Close(grace time.Duration) {
	if d.stop != nil {
		d.stop()
	}
	d.Stdio.Close(grace)
	d.work.Wait()
}

// Diagnostics is what the server wrote to stderr.
func (d *discreet) Diagnostics() string { return d.Redact(d.Stdio.Diagnostics()) }

// contained is discreet for a server in a container.
type contained struct {
	*transport.Docker
	config.Redactor
	confinement
	engine []byte       // identity of the one that makes the container, as JSON
	lack   *launch.Lack // what its confinement does not give; nil: nothing
}

// Lacks is what its entry names and its confinement does not show.
func (c *contained) Lacks() string { return c.lack.Words() }

// Diagnostics is what the server wrote to stderr.
func (c *contained) Diagnostics() string { return c.Redact(c.Docker.Diagnostics()) }

// Engine implements what Instance asks of a connection.
func (c *contained) Engine() []byte { return c.engine }

// confinement is how a local server is confined, in a few words; "" if it is not.
type confinement string

// Confinement implements what Instance asks of a connection.
func (c confinement) Confinement() string { return string(c) }
