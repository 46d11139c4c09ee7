package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

const (
	pingTimeout = 10 * time.Second // an engine far away, over ssh, needs some seconds
	apiTimeout  = 60 * time.Second // for what takes the engine a while, as making a container does
	idleTimeout = 30 * time.Second // after which a connection that nobody uses is closed, over ssh with its process
)

// oldestAPI is the version (Docker 19.03, Podman 3) from which on engines do all that confines a container; older ones leave out in
// silence what they do not know.
const oldestAPI = "1.40"

// engine is a client of one engine. It is of one use, such as one container: after an engine was away another one may be at its
// place, of another version.
type engine struct {
	Endpoint
	api  *client.Client
	http *http.Transport // of api
}

// open makes a client; nothing is contacted yet.
func (e Endpoint) open() (*engine, error) {
	config, err := e.tlsConfig()
	if err != nil {
		return nil, err
	}
	t := &http.Transport{TLSClientConfig: config, MaxIdleConns: 6, IdleConnTimeout: idleTimeout, TLSHandshakeTimeout: pingTimeout}
	host, dial := e.Host, t.DialContext
	if strings.HasPrefix(host, "ssh://") {
		if dial, host, err = sshDialer(host); err != nil {
			return nil, err
		}
	}
	through := &http.Client{Transport: t, CheckRedirect: client.CheckRedirect}
	api, err := client.NewClientWithOpts(client.WithHTTPClient(through),
		client.WithHost(host), client.WithVersionFromEnv(), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, refuse(fmt.Errorf("the engine's address %s cannot be used: %s", e.Host, quoted(err)), "Correct isolation.docker_host")
	}
	if dial != nil {
		t.DialContext, t.Proxy = dial, nil // WithHost has set both
	}
	through.Transport = bounded{t} // only now: the client wants the type of t for its settings
	return &engine{e, api, t}, nil
}

// answerLimit is the most bytes of an answer of an engine that is decoded whole; streams of news have limits of their own.
const answerLimit = 8 << 20

// bounded limits the answers of an engine, which another program may be at the place of: the client decodes whatever comes.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode == http.StatusSwitchingProtocols || resp.StatusCode == http.StatusOK && isStream(req.URL.Path) {
		return resp, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{&limitedAnswer{resp.Body, answerLimit}, resp.Body}
	return resp, nil
}

// isStream tells the requests whose answers go on as long as something goes on; their readers bound each piece.
func isStream(path string) bool {
	return strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/images/create") || strings.HasSuffix(path, "/stats")
}

// limitedAnswer fails where io.LimitReader would end: what is cut must not pass for whole.
type limitedAnswer struct {
	from io.Reader
	left int
}

func (l *limitedAnswer) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("its answer exceeds %d bytes", answerLimit)
	}
	n, err := l.from.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

// close closes the connections, once they are idle.
func (e *engine) close() { e.http.CloseIdleConnections() }

// know asks the engine what it is and can do.
func (e *engine) know(ctx context.Context) (*system.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	info, err := e.api.Info(ctx)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, context.Canceled
	case err != nil && ctx.Err() == nil && !unreachable(err):
		return nil, refuse(fmt.Errorf("the Docker engine at %s answers with an error: %s", e.Host, quoted(err)), "Look at its log, or restart it")
	case err != nil:
		return nil, e.there(err)
	case info.OSType != "linux":
		return nil, refuse(fmt.Errorf("the Docker engine at %s runs %s containers, but servers are isolated with Linux's means", e.Host, quoted(errors.New(info.OSType))), "Switch it to Linux containers")
	case versions.LessThan(e.api.ClientVersion(), oldestAPI):
		return nil, refuse(fmt.Errorf("the Docker engine at %s is too old: its API has version %s, and %s is needed", e.Host, e.api.ClientVersion(), oldestAPI), "Update it")
	}
	return &info, nil
}

// lacking refuses an engine that would silently leave out a limit that is asked for.
func lacking(info *system.Info, iso *config.Isolation) error {
	option, what := LackingLimit(info, iso)
	if option == "" {
		return nil
	}
	return refuse(fmt.Errorf("the Docker engine cannot limit %s (its kernel or its cgroups, version %s, do not let it)", what, info.CgroupVersion),
		"Enable that on the engine's machine (rootless engines need cgroup v2 with delegation), or remove isolation."+option)
}

// LackingLimit is the option of isolation, and what it limits, that is asked for and that an engine cannot enforce; "" if there is none.
func LackingLimit(info *system.Info, iso *config.Isolation) (option, what string) {
	switch {
	case iso.Memory > 0 && !info.MemoryLimit:
		return "memory_limit", "memory"
	case iso.CPUs > 0 && !(info.CPUCfsQuota && info.CPUCfsPeriod):
		return "cpu_limit", "processors"
	case iso.Pids > 0 && !info.PidsLimit:
		return "pids_limit", "processes"
	}
	return "", ""
}

// seccomp is the security option that makes the engine filter system calls by its default profile, "" if it does so anyway. An engine
// whose own default is to filter none, as Docker Desktop's was for a while, must be told.
func seccomp(info *system.Info, api string) (string, error) {
	for _, option := range info.SecurityOptions {
		name, rest, _ := strings.Cut(option, ",")
		switch {
		case name != "name=seccomp":
		case !strings.Contains(rest, "profile=unconfined"):
			return "", nil
		case versions.GreaterThanOrEqualTo(api, "1.42"):
			return "seccomp=builtin", nil
		default:
			return "", refuse(errors.New("the Docker engine is set not to filter system calls"), `Remove "seccomp-profile" from its daemon.json`)
		}
	}
	return "", refuse(errors.New("the Docker engine cannot filter system calls: its kernel has no seccomp"), "Enable that on the engine's machine")
}

// unreachable tells an engine that is away from one that answers with an error.
func unreachable(err error) bool {
	var network net.Error
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// Condition is what is found of an engine, for people.
type Condition struct {
	Endpoint Endpoint
	Info     *system.Info // nil: it does not answer
	Err      error
}

// Examine asks the engine of an endpoint how it is.
func Examine(ctx context.Context, endpoint Endpoint) Condition {
	c := Condition{Endpoint: endpoint}
	e, err := endpoint.open()
	if err != nil {
		c.Err = err
		return c
	}
	defer e.close()
	c.Info, c.Err = e.know(ctx)
	return c
}
