package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// loginStart is how long a request that needs a login waits for the address to show.
const loginStart = 20 * time.Second

// Remote tells whether the client runs where somebody came by SSH: its browser is likely on another machine.
func (s *Session) Remote() bool {
	_, there := s.getenv("SSH_CONNECTION")
	return there
}

// CanAskURL tells whether the client shows people addresses to open.
func (s *Session) CanAskURL() bool { return s.client().CanAskURL() }

// offerLogin answers a request that needs a login with its address, to a client that can show it, once for each server: people who are
// asked too often stop reading. It tells whether it answers.
func (s *Session) offerLogin(c *upstream.Call, err error) bool {
	var needed *oauth.RequiredError
	if !errors.As(err, &needed) || !c.Request.Client.CanAskURL() {
		return false
	}
	s.mu.Lock()
	again := s.asked[needed.Server]
	s.asked[needed.Server] = true
	s.mu.Unlock()
	if again {
		return false
	}
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(s.ctx, loginStart)
		defer cancel()
		f, failed := s.startLogin(ctx, needed)
		if failed != nil {
			s.unserved(c, errors.Join(err, failed))
			return
		}
		if f.Shown().URL == "" { // no person was needed, or somebody was quicker
			s.unserved(c, fmt.Errorf("server %q: it was logged in to meanwhile; the call was not run, call again", needed.Server))
			return
		}
		id := rand.Text()
		data, _ := json.Marshal(map[string]any{"elicitations": []any{LoginQuestion(needed.Server, id, f.Shown())}})
		s.fail(c, mcp.URLElicitationRequired, err.Error(), data)
		if f.Wait(s.ctx) == nil {
			s.LoginDone(id)
		}
	})
	return true
}

func (s *Session) startLogin(ctx context.Context, needed *oauth.RequiredError) (*oauth.Flow, error) {
	server := s.host.Config(s).Server(needed.Server)
	if server == nil {
		return nil, errors.New("it is not configured any more")
	}
	login, err := s.Login(server)
	if err != nil {
		return nil, err
	}
	return login.Start(ctx, oauth.How{Scopes: needed.Scopes})
}

// LoginQuestion are the params of an elicitation that shows the address of a login.
func LoginQuestion(server, id string, show oauth.Shown) map[string]any {
	return map[string]any{"mode": "url", "elicitationId": id, "url": show.URL, "message": LoginText(server, show)}
}

// LoginText says to a person what a login is for. What it names is escaped: it comes from servers.
func LoginText(server string, show oauth.Shown) string {
	text := "Log in to the server " + string(jsonrpc.Quote(server)) + " at " + confusables.Quote(show.Issuer)
	if show.Wider {
		text += ". The login is good for all of " + confusables.Quote(show.Resource)
	}
	return text
}

// LoginDone tells the client that what it was asked to open is done (MCP 2025-11-25, elicitation, completion notification).
func (s *Session) LoginDone(id string) {
	params := append(append([]byte(`{"elicitationId":`), jsonrpc.Quote(id)...), '}')
	s.write(jsonrpc.Whole(jsonrpc.NewNotification(mcp.ElicitationComplete, params)))
}

// LoggedIn takes note that there is a token for a server: what waited for that goes on. If it is news, the client reads its lists again.
func (s *Session) LoggedIn(server string, news bool) {
	s.mu.Lock()
	in := s.instances[server]
	s.mu.Unlock()
	if in != nil && in.Status().State == upstream.NeedsLogin {
		news = true
		in.Start()
	}
	if news && s.Greeted() {
		s.announce(true, catalog.Tools)
	}
}
