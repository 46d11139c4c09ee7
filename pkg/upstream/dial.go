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
		return errors.New(`it is disabled; set "enabled": true in the config file, or use upstream_servers with operation "enable"`)
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

// Dial starts a server, or connects to it, as its resolved launch says. A confinement that it asks for and that cannot
// be given is an error: there is no other way from here to running it.
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

// Origin is what a local server was started from, and how it is confined.
type Origin struct {
	Confinement string             // in a few words, such as "docker node:24"; "" if it is not confined
	Lack        string             // what its entry names and its confinement does not show
	Path        string             // of the program; "" in a container, and where Installed tells more
	Programs    [][]byte           // the files of the workspace that decided what was run, as launch.Program.JSON
	Engine      []byte             // identity of the engine that makes its container, as JSON; nil for none
	Installed   *launch.Resolution // nil if it was not installed for the server
}

// originOf is the zero Origin for what is no local server, and for one that is still being installed.
func originOf(conn Conn) (o Origin) {
	if c, ok := conn.(interface{ Origin() Origin }); ok {
		o = c.Origin()
	}
	return o
}

// discreet is a local server whose stderr is shown without the values that its entry gave it: a server that refuses a
// key likes to quote it.
type discreet struct {
	*transport.Stdio
	config.Redactor
	origin Origin
	stop   context.CancelFunc // of the work in the background; nil: there is none
	work   sync.WaitGroup
}

// Origin implements what Instance asks of a connection.
func (d *discreet) Origin() Origin { return d.origin }

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
	origin Origin
}

// Origin implements what Instance asks of a connection.
func (c *contained) Origin() Origin { return c.origin }

// Diagnostics is what the server wrote to stderr.
func (c *contained) Diagnostics() string { return c.Redact(c.Docker.Diagnostics()) }
