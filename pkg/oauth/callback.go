package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// errNotOurs is the answer to what no authorization server sent: the flow goes on waiting, or anybody could end it.
var errNotOurs = errors.New("that is not the answer to this login")

// cookieName is that of the cookie which ties the browser that comes back to the one that left. Cookies are those of all ports: two logins in
// one browser have one each.
func (f *Flow) cookieName() string { return "mcpproxy-stdio-login-" + strconv.Itoa(f.port) }

// pageTime is how long the browser's last page has.
const pageTime = time.Second

// listen serves the start page and the callback on the loopback (RFC 8252, section 7.3), until stop is called.
func (f *Flow) listen(listener net.Listener) (stop func()) {
	server := &http.Server{
		Handler: f, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 2 * renewTime, IdleTimeout: 5 * time.Second,
		MaxHeaderBytes: 32 << 10, ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	f.login.logins.work.Go(func() { _ = server.Serve(listener) })
	return func() {
		_ = listener.Close() // now: the next login wants the same port
		// A moment for the page that says how it ended, also when the process ends; a connection that hangs is not waited for.
		f.login.logins.work.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), pageTime)
			defer cancel()
			_ = server.Shutdown(ctx)
			_ = server.Close()
		})
	}
}

// ServeHTTP implements http.Handler for the start page and the callback.
func (f *Flow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil || r.Host != local.String() { // a name that somebody lets point here (DNS rebinding)
		f.page(w, http.StatusMisdirectedRequest, "Not here", "This address is valid for one login only.")
		return
	}
	if r.Method != http.MethodGet {
		h.Set("Allow", http.MethodGet)
		f.page(w, http.StatusMethodNotAllowed, "Not here", "This address is valid for one login only.")
		return
	}
	switch given, isStart := strings.CutPrefix(r.URL.Path, "/start/"); {
	case isStart && same(given, f.start):
		f.serveStart(w, r)
	case r.URL.Path == "/callback":
		f.serveCallback(w, r)
	default:
		f.page(w, http.StatusNotFound, "Not here", "This address is valid for one login only.")
	}
}

func same(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// holds tells whether the browser has the flow's cookie, and whether it has another one.
func (f *Flow) holds(r *http.Request) (ours, foreign bool) {
	for _, c := range r.CookiesNamed(f.cookieName()) {
		if same(c.Value, f.cookie) {
			ours = true
		} else {
			foreign = true
		}
	}
	return ours, foreign
}

// serveStart sends the browser to the login. If we opened the browser, the first visit is its own; who comes later must be the same one.
func (f *Flow) serveStart(w http.ResponseWriter, r *http.Request) {
	ours, _ := f.holds(r)
	f.mu.Lock()
	taken := f.how.Open && !f.visited.IsZero() && !ours
	if f.visited.IsZero() {
		f.visited = time.Now()
	}
	f.mu.Unlock()
	if taken {
		f.page(w, http.StatusGone, "Already used", "This address was opened in another browser. Start the login again to get a new one.")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: f.cookieName(), Value: f.cookie, Path: "/", MaxAge: int(flowTime.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, f.auth, http.StatusFound)
}

// serveCallback takes the answer from the browser that was sent out.
func (f *Flow) serveCallback(w http.ResponseWriter, r *http.Request) {
	ours, foreign := f.holds(r)
	if foreign && !ours || !ours && !f.how.Open {
		f.page(w, http.StatusBadRequest, "Not this browser", "The login was started in another browser. Open the address that you were given in this one.")
		return
	}
	told, problem := f.receive(r.URL.Query())
	if problem != nil {
		f.page(w, http.StatusBadRequest, "Not this login", "This is not the answer to the current login, or it was answered already.")
		return
	}
	select {
	case err := <-told:
		if err != nil {
			f.page(w, http.StatusBadRequest, "Not logged in", "The login failed. The window where you started it shows why.")
			return
		}
		f.page(w, http.StatusOK, "Logged in", "You are logged in to the server "+f.login.target.Name+". You can close this window.")
	case <-f.done:
		f.page(w, http.StatusBadRequest, "Too late", "The login was cancelled. Start it again.")
	case <-r.Context().Done():
	}
}

// receive checks an authorization response (RFC 6749, section 4.1.2; RFC 9207, section 2.4) in the order state, issuer, error, code. What does
// not have our state is not from the server and is refused with a problem; with it, the flow is over one way or the other.
func (f *Flow) receive(q url.Values) (told <-chan error, problem error) {
	one := func(name string) (string, bool) {
		values := q[name]
		return strings.Join(values, " "), len(values) == 1
	}
	if state, ok := one("state"); !ok || !same(state, f.state) {
		return nil, errNotOurs
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answered {
		return nil, errNotOurs
	}
	f.answered = true
	out := outcome{told: make(chan error, 1)}
	iss, ok := one("iss")
	failure, failed := one("error")
	switch {
	case q.Has("iss") && (!ok || iss != f.meta.Issuer): // its other words are not shown: they may be an attacker's
		out.err = fmt.Errorf("the answer is from another authorization server, not from %s: not used (RFC 9207)", confusables.Quote(f.meta.Issuer))
	case !q.Has("iss") && f.meta.AuthorizationResponseIssParameterSupported:
		out.err = errors.New("the answer does not say which authorization server it is from, though this one promises to: not used (RFC 9207)")
	case failed:
		description, _ := one("error_description")
		spent, _ := one("code")
		out.err = without(&responseError{Code: failure, Description: description}, f.state, spent)
		if failure == "access_denied" {
			out.err = fmt.Errorf("%w; %w", ErrDeclined, out.err)
		}
	default:
		if out.code, ok = one("code"); !ok || out.code == "" {
			out.err = errors.New("the answer has no code")
		}
	}
	f.outcome <- out // has room for the one answer
	return out.told, nil
}

var pageText = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}}</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em;color:#222;background:#fff}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}}</style><h1>{{.Title}}</h1><p>{{.Text}}</p>
`))

// page writes a page of our own words alone.
func (f *Flow) page(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pageText.Execute(w, struct{ Title, Text string }{title, text})
}
