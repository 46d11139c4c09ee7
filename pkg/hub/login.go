package hub

import (
	"context"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Login implements session.Host.
func (h *Hub) Login(server *config.Server, launch config.Launch) (*oauth.Login, error) {
	login, err := loginOf(h.logins, server, launch)
	if login != nil {
		h.seeLogins.Do(func() {
			h.spawn(func() { h.opts.Store.Watch(h.ctx, h.logins.Watched(), h.logins.Recheck) })
		})
	}
	return login, err
}

// loginOf is the login of a server, nil for a local one.
func loginOf(logins *oauth.Logins, server *config.Server, launch config.Launch) (*oauth.Login, error) {
	target, ok := oauth.TargetOf(server, launch)
	if !ok || logins == nil {
		return nil, nil
	}
	return logins.For(target)
}

// loggedIn is called when there is a token: what waited for it goes on.
func (h *Hub) loggedIn(l *oauth.Login, news bool) {
	st := h.State()
	for k, f := range st.inspections {
		if k.name == l.Name() && f.in.Status().State == upstream.NeedsLogin { // nobody waits for it any more; for the next one they do
			h.takeOff(f, 0)
			news = true
		}
	}
	repeat := again{} // the inspection that a person approved has not been
	for k, o := range st.begun {
		if k.name == l.Name() {
			repeat[k] = o
		}
	}
	h.note(repeat)
	all := h.State().all()
	h.inspectNew(all...)
	for _, s := range all {
		s.LoggedIn(l.Name(), news)
	}
}

// awaitLogin waits for the login to a server that a person is at, and tells whether it succeeded.
func (h *Hub) awaitLogin(ctx context.Context, s *session.Session, name string) bool {
	server := h.Config(s).Server(name)
	if server == nil {
		return false
	}
	login, err := s.Login(server)
	if err != nil || login == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, server.StartWait)
	defer cancel()
	return login.Await(ctx)
}
