package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// instance attaches the session to an instance of a server, when it is first needed; it is not started.
func (s *Session) instance(name string) (*upstream.Attachment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.instances[name]; in != nil {
		return in, nil
	}
	if s.closed {
		return nil, &upstream.Error{Server: name, Cause: upstream.ErrClosed}
	}
	spec := s.ownSpec
	if name != "" {
		server := s.host.Config(s).Server(name)
		if server == nil {
			return nil, fmt.Errorf("server %q is not configured", name)
		}
		if err := upstream.Blocked(server); err != nil {
			return nil, &upstream.Error{Server: name, Step: "is not available", Cause: err}
		}
		spec = func() upstream.Spec { return s.Spec(server, s.log) }
	}
	in := s.opts.Pool.Attach(upstream.Key{Server: name, Scope: s}, spec, s, s.conn.Out)
	if s.level != nil {
		in.SetLevel(s.level)
	}
	for uri, server := range s.subs {
		if server == name {
			_, original, _ := catalog.UnwrapURI(uri)
			in.Subscribe(original, true)
		}
	}
	s.instances[name] = in
	return in, nil
}

// subscriptions counts those at a server; mu is held.
func (s *Session) subscriptions(server string) (n int) {
	for _, name := range s.subs {
		if name == server {
			n++
		}
	}
	return n
}

func (s *Session) ownSpec() upstream.Spec {
	client := s.introduction()
	return upstream.Spec{
		Dial:         func() (upstream.Conn, error) { return s.host.OwnTools(s), nil },
		Capabilities: client.Capabilities, ClientInfo: client.Info, Version: mcp.Latest, Log: s.log,
		StartWait: config.DefaultStartWait,
	}
}

// Spec says how a server is started for this session: in its workspace, with its client's abilities.
func (s *Session) Spec(server *config.Server, log zerolog.Logger) upstream.Spec {
	client := s.introduction()
	return upstream.Spec{
		Name: server.Name,
		Dial: func() (upstream.Conn, error) {
			plan, login, err := s.plan(server, false)
			if err == nil {
				err = s.stillAllowed(server)
			}
			if err != nil {
				return nil, err
			}
			return s.host.Ready(&upstream.Start{Plan: plan, Login: login, Log: log}).Dial()
		},
		Capabilities: client.Capabilities, ClientInfo: client.Info, Version: client.Revision,
		StartTimeout: server.StartTimeout, StartWait: server.StartWait, CallTimeout: server.CallTimeout, IdleTimeout: server.IdleTimeout,
		Eager: server.Start == "eager", Remote: server.Protocol != config.ProtocolStdio, Turn: s.host.Turn(server), Launch: server.LaunchKey(), Admit: s.host.Admit(server), Log: log,
	}
}

// stillAllowed says why a server must not be started any more: the client's roots, which Resolve waited for, can have shown that the
// configuration is a workspace's.
func (s *Session) stillAllowed(server *config.Server) error {
	now := s.host.Config(s).Server(server.Name)
	if now == nil || now.Path != server.Path {
		return errors.New("it is not configured any more")
	}
	return upstream.Blocked(now)
}

// InspectionSpec is Spec for a server that nobody has approved yet: one that is confined gets no files, no secrets, and no network
// unless its package has to be fetched. What it is made of is part of what a person is shown next.
func (s *Session) InspectionSpec(server *config.Server, log zerolog.Logger) upstream.Spec {
	spec := s.Spec(server, log)
	spec.Dial = func() (upstream.Conn, error) {
		plan, login, err := s.plan(server, true)
		if err != nil {
			return nil, err
		}
		start := s.host.Ready(&upstream.Start{Plan: plan, Login: login, Log: log})
		start.Gate = upstream.Gate{}
		return start.Dial()
	}
	return spec
}

// plan is what would run of a server for this session, or to inspect it, and its login, nil for none.
func (s *Session) plan(server *config.Server, inspect bool) (*launch.Plan, *oauth.Login, error) {
	p := launch.New(server, launch.Context{Environ: s.opts.Environ, Keyring: secret.Get, Workspace: s.workspace(), Dir: s.opts.Dir, Inspect: inspect})
	if p.Refusal != nil {
		return nil, nil, p.Refusal
	}
	login, err := s.host.Login(server, p.Launch)
	return p, login, err
}

// Login is the login of a server for this session, nil for none.
func (s *Session) Login(server *config.Server) (*oauth.Login, error) {
	_, login, err := s.plan(server, false)
	return login, err
}

// Getenv looks up a variable of the client's environment.
func (s *Session) Getenv(name string) (string, bool) { return s.getenv(name) }

func (s *Session) getenv(name string) (string, bool) { return launch.LookupEnv(s.opts.Environ, name) }

// running are the session's instances that have completed their handshake, in config order.
func (s *Session) running() []*upstream.Attachment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*upstream.Attachment
	add := func(name string) {
		if in := s.instances[name]; in != nil && in.Hello() != nil {
			all = append(all, in)
		}
	}
	add("")
	for _, server := range s.host.Config(s).Servers {
		add(server.Name)
	}
	return all
}

// onlyServer is the instance of the one configured server, nil if there are several: where a method that
// the proxy does not know can only be meant for one.
func (s *Session) onlyServer() *upstream.Attachment {
	only := ""
	for _, server := range s.host.Config(s).Servers {
		if upstream.Blocked(server) != nil {
			continue
		}
		if only != "" {
			return nil
		}
		only = server.Name
	}
	if only == "" {
		return nil
	}
	in, err := s.instance(only)
	if err != nil {
		return nil
	}
	return in
}

// unavailable says why the server that an unknown name belongs to can't serve, nil if there is none or it just lacks it.
func (s *Session) unavailable(name string) error {
	var owner *config.Server // the one with the longest name that fits
	for _, c := range s.host.Config(s).Servers {
		if strings.HasPrefix(name, catalog.Prefix(c.Name)) && (owner == nil || len(c.Name) > len(owner.Name)) {
			owner = c
		}
	}
	if owner == nil {
		return nil
	}
	if err := upstream.Blocked(owner); err != nil {
		return &upstream.Error{Server: owner.Name, Step: "is not available", Cause: err}
	}
	if err := s.host.NotListed(s, owner.Name); err != nil {
		return err
	}
	if in := s.Instances()[owner.Name]; in != nil { // it was listed before, or not yet
		if st := in.Status(); st.Unlisted != nil && !st.Usable {
			return st.Unlisted
		}
	}
	return s.host.Withheld(s, owner.Name, name)
}

// nameHint reminds of the form of names.
func nameHint(name string) string {
	if strings.Contains(name, catalog.Separator) {
		return ". Read the list again; upstream_servers with operation \"list\" tells the state of the servers"
	}
	return ". Names have the form server" + catalog.Separator + "name; read the list again"
}

// Instances tells the state of the session's instances by server.
func (s *Session) Instances() map[string]*upstream.Attachment {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]*upstream.Attachment, len(s.instances))
	for name, in := range s.instances {
		if name != "" {
			all[name] = in
		}
	}
	return all
}

// eagerWait is how long an eager start waits for the client to end its handshake.
const eagerWait = 2 * time.Second

// StartEager starts the servers that are not to wait for a first call, and those with subscriptions.
func (s *Session) StartEager() {
	select {
	case <-s.handshake.done: // a client may not be asked anything before
	case <-time.After(eagerWait):
	case <-s.ctx.Done():
		return
	}
	for _, server := range s.host.Config(s).Servers {
		s.mu.Lock()
		wanted := server.Start == "eager" || s.subscriptions(server.Name) > 0
		s.mu.Unlock()
		if wanted && upstream.Blocked(server) == nil {
			if in, err := s.instance(server.Name); err == nil {
				in.Start()
			}
		}
	}
}

// Drop ends the session's instances of the named servers: they were changed or removed, or are to be restarted.
func (s *Session) Drop(names ...string) {
	for _, name := range names {
		s.mu.Lock()
		in := s.instances[name]
		delete(s.instances, name)
		if in != nil {
			s.ending[in] = true
		}
		s.mu.Unlock()
		if in == nil {
			continue
		}
		s.setLive(name, nil, false)
		s.spawn(func() {
			in.Detach(dropGrace)
			s.mu.Lock()
			delete(s.ending, in)
			s.mu.Unlock()
		})
	}
}

// Listed implements upstream.Client.
func (s *Session) Listed(in *upstream.Attachment, live *catalog.Snapshot, _ upstream.Known) {
	if in.Name() == "" || !s.ours(in) {
		return
	}
	if items := live.Items[catalog.Resources]; items != nil {
		s.setLive(in.Name(), s.host.Screen(in.Name(), items), true)
	}
	s.host.Learned(s, in.Name(), live)
	s.host.Fared(s, in.Name(), in.Status())
	s.announce(false, catalog.Tools, catalog.Prompts)
}

// Changed implements upstream.Client.
func (s *Session) Changed(in *upstream.Attachment) {
	if in.Hello() != nil {
		if in.Status().Lives > 1 {
			s.Warn(fmt.Sprintf("Server %q was started again; what it kept in memory is gone", in.Name()))
		}
		return
	}
	if in.Name() != "" && s.ours(in) {
		s.host.Fared(s, in.Name(), in.Status())
	}
	s.back.abandon(s, in)
	s.forgetTasks(in)
	if s.ours(in) {
		s.setLive(in.Name(), nil, false)
		s.announce(false, catalog.Tools, catalog.Prompts)
	}
}

// ours tells whether the instance is the session's present one of its server, and none that was dropped.
func (s *Session) ours(in *upstream.Attachment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances[in.Name()] == in
}

// Restart ends the session's instance of a server and starts it again.
func (s *Session) Restart(name string) error {
	s.mu.Lock()
	old := s.instances[name]
	s.mu.Unlock()
	if s.Drop(name); old != nil {
		old.Detach(dropGrace) // what it holds (ports, locks, files) is free before the next one starts
	}
	in, err := s.instance(name)
	if err == nil {
		in.Start()
	}
	return err
}

// Warn tells the client something about the proxy itself, as a log message.
func (s *Session) Warn(text string) {
	s.mu.Lock()
	level := string(jsonrpc.Unquote(s.level))
	s.mu.Unlock()
	if !s.Greeted() || slices.Index(mcp.LogLevels, level) > slices.Index(mcp.LogLevels, "warning") {
		return
	}
	params := append([]byte(`{"level":"warning","logger":"`+ownName+`","data":`), jsonrpc.Quote(confusables.PlainLines(text))...)
	s.conn.Out.SendDroppable(jsonrpc.Whole(jsonrpc.NewNotification(mcp.LogMessage, append(params, '}'))), nil, 0)
}
