package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// allAbilities are the client capabilities that the proxy can relay. The first snapshot is taken with all of them, because some
// servers offer less to clients that can do less.
const allAbilities = `{"roots":{"listChanged":true},"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},` +
	`"tasks":{"list":{},"cancel":{},"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}}}`

// nobody is the part of an upstream.Client that a look needs: no client stands behind it.
type nobody struct{}

// FromServer implements upstream.Client: nobody is there to answer; only the list of roots has an honest answer.
func (nobody) FromServer(in *upstream.Attachment, m *jsonrpc.Message) {
	if m.Kind != jsonrpc.Request {
		return
	}
	if m.MethodName() == mcp.RootsList {
		in.Send(jsonrpc.Whole(jsonrpc.NewResult(m.Bytes(m.ID), []byte(`{"roots":[]}`))))
		return
	}
	in.Send(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), mcp.InternalError, "No user can answer: the server is only being listed", nil)))
}

// Answered implements upstream.Client: nobody calls.
func (nobody) Answered(*upstream.Call, *jsonrpc.Message, error) {}

// InspectOptions say where a server is inspected: as a session there would start it.
type InspectOptions struct {
	Workspace  string   // what ${workspaceFolder} is; "" for none
	Dir        string   // where a server runs that names no directory and has no workspace; "" for the working directory
	Environ    []string // as os.Environ
	Version    string   // of the proxy
	Logins     *oauth.Logins
	Containers *docker.Owner      // for a server that is isolated in one
	State      string             // the state directory
	Progress   func(stage string) // is told, several times a second, what is done before the server runs; nil: nobody is
	Log        zerolog.Logger
}

// HowInspected says what a confined server can reach while it is only looked at; "" for one that runs with the person's rights.
func HowInspected(server *config.Server) string {
	if !server.Isolation.Confined() {
		return ""
	}
	how := "isolated, without files, with placeholders for the values of its variables, "
	if fetches(server) {
		return how + "but with network, to fetch its package"
	}
	return how + "and without network"
}

func fetches(server *config.Server) bool {
	return launch.Fetches(server.Command, server.Args) && server.Isolation.Network != config.NetworkNone
}

// AskBeforeInspection tells whether a person has to agree before a server is looked at, as they have to before it is used: not where it is
// confined without network, by an engine that the entry does not choose, and nothing has to be asked of a registry that it chooses.
func AskBeforeInspection(server *config.Server) bool {
	iso := server.Isolation
	return !iso.Confined() || fetches(server) || iso.Type != config.IsolationSandbox && (iso.DockerHost != "" || iso.Image != "" && iso.Pull != config.PullNever)
}

// inspectGrace is how long an inspected server has to end by itself.
const inspectGrace = time.Second

// Inspect starts one server, reads what it offers, and ends it: when it returns no process of it is left. A person must have approved that
// it is started. One that is confined gets no files, no secrets, and no network unless its package has to be fetched. The error has the last words of the server, with what does not print replaced; it is for that person only.
func Inspect(ctx context.Context, server *config.Server, o InspectOptions) (*catalog.Snapshot, error) {
	plan := launch.New(server, launch.Context{Environ: o.Environ, Keyring: secret.Get, Workspace: o.Workspace, Dir: o.Dir, Inspect: true})
	if plan.Refusal != nil {
		return nil, plan.Refusal
	}
	login, err := loginOf(o.Logins, server, plan.Launch)
	if err != nil {
		return nil, err
	}
	in := &inspected{done: make(chan struct{})}
	instance := upstream.New(upstream.Spec{
		Name:         server.Name,
		Dial:         (&upstream.Start{Plan: plan, Login: login, Containers: o.Containers, State: o.State, Log: o.Log}).Dial,
		Capabilities: []byte(allAbilities), Version: mcp.Latest,
		ClientInfo:   append(append([]byte(`{"name":"mcpproxy-stdio","version":`), jsonrpc.Quote(o.Version)...), '}'),
		StartTimeout: server.StartTimeout, StartWait: server.StartWait, Launch: server.LaunchKey(), Remote: server.Protocol != config.ProtocolStdio, Log: o.Log,
	}, in)
	defer instance.Close(inspectGrace)
	instance.Start()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-in.done:
			return in.snapshot, in.err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
			st := instance.Status()
			if st.Unlisted != nil && !st.Usable && !errors.Is(st.Unlisted, upstream.ErrNoList) {
				in.end(nil, st.Unlisted)
			}
			if o.Progress != nil {
				o.Progress(st.Stage)
			}
		}
	}
}

// inspected is a server that a person looks at.
type inspected struct {
	nobody
	done     chan struct{}
	once     sync.Once
	snapshot *catalog.Snapshot // set before done is closed, as is err
	err      error
}

func (i *inspected) end(s *catalog.Snapshot, err error) {
	i.once.Do(func() {
		i.snapshot, i.err = s, err
		close(i.done)
	})
}

// Listed implements upstream.Client.
func (i *inspected) Listed(_ *upstream.Attachment, live *catalog.Snapshot, known upstream.Known) {
	if known != upstream.Partial && !(known == upstream.Late && upstream.Unread(live)) { // what can't be read is not nothing
		i.end(live, nil)
	}
}

// Changed implements upstream.Client.
func (i *inspected) Changed(in *upstream.Attachment) {
	if st := in.Status(); st.State == upstream.Failed || st.State == upstream.NeedsLogin || st.State == upstream.Idle && st.Why != "" {
		i.end(nil, errors.New(st.Why))
	}
}
