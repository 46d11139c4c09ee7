package upstream

import (
	"errors"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// Blocked says why a configured server must not be started, nil if it may.
func Blocked(server *config.Server) error {
	switch {
	case server.Refused != "":
		return errors.New(server.Refused)
	case !server.Enabled:
		return errors.New(`it is disabled; set "enabled": true in the configuration, or use upstream_servers with operation "enable"`)
	case server.Held != "":
		return errors.New(server.Held)
	}
	return nil
}

// Dial connects to a server as its resolved launch says. environ is the environment of the client's side, of which a
// child gets the short allow-list. login is that of a remote server, nil for none.
func Dial(name string, launch config.Launch, environ []string, login *oauth.Login, log zerolog.Logger) (Conn, error) {
	if launch.Protocol == "stdio" {
		redact := strings.NewReplacer(secrets(launch)...)
		conn, err := transport.StartStdio(transport.StdioSpec{
			Name: name, Command: launch.Command, Args: launch.Args, Env: config.ChildEnv(launch, environ), Dir: launch.Dir,
			Log: log, Redact: redact.Replace,
		})
		if err != nil {
			return nil, err
		}
		return &discreet{conn, redact}, nil
	}
	headers := make([]transport.Header, len(launch.Headers))
	for i, h := range launch.Headers {
		headers[i] = transport.Header{Name: h.Name, Value: h.Value}
	}
	return transport.DialHTTP(transport.HTTPSpec{Name: name, URL: launch.URL, Headers: headers, Login: login, SSE: launch.Protocol == "sse", Log: log})
}

// discreet is a child process whose stderr is shown without the values that its entry gave it: a server that refuses a
// key likes to quote it.
type discreet struct {
	*transport.Stdio
	redact *strings.Replacer
}

// Diagnostics is what the server wrote to stderr.
func (d *discreet) Diagnostics() string { return d.redact.Replace(d.Stdio.Diagnostics()) }

// secretSize is the shortest value that is taken for a secret, in bytes: shorter ones occur everywhere.
const secretSize = 8

// secrets are the values of an entry's variables that are no paths or addresses, each followed by what is shown instead.
func secrets(launch config.Launch) []string {
	env := slices.Clone(launch.Env)
	slices.SortFunc(env, func(a, b config.Var) int { return len(b.Value) - len(a.Value) }) // of two that begin alike the longer goes first
	var pairs []string
	for _, v := range env {
		place := strings.HasPrefix(v.Value, "/") || strings.HasPrefix(v.Value, `C:\`) || strings.Contains(v.Value, "://") && !strings.Contains(v.Value, "@")
		if len(v.Value) >= secretSize && !place {
			pairs = append(pairs, v.Value, config.Redacted)
		}
	}
	return pairs
}
