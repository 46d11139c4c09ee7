package oauth

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// secrets collects all values that must not show, and all texts that are shown.
type secrets struct {
	b     *bed
	known map[string]string // what by value
	texts map[string]string // by where
}

func (b *bed) secrets() *secrets {
	return &secrets{b, map[string]string{}, map[string]string{}}
}

func (s *secrets) is(what, value string) {
	if len(value) >= 8 {
		s.known[value], s.known[url.QueryEscape(value)] = what, what
	}
}

// look takes down the secrets that there are now, and what is shown of the login.
func (s *secrets) look(l *Login, err error) {
	s.b.t.Helper()
	for _, r := range s.b.Log() {
		for _, name := range []string{"code", "code_verifier", "refresh_token", "client_secret", "state", "token", "device_code"} {
			s.is(name, r.Param(name))
		}
	}
	if g := s.b.stored(l); g != nil {
		s.is("access token", g.Access)
		s.is("refresh token", g.Refresh)
		s.is("client secret", g.Client.Secret)
	}
	l.mu.Lock()
	f := l.flow
	l.mu.Unlock()
	if f != nil {
		show := f.Shown()
		s.is("verifier", f.verifier)
		s.is("cookie", f.cookie)
		s.is("state", f.state)
		if strings.Contains(show.URL+show.Direct, f.verifier) || strings.Contains(show.URL+show.Direct, f.cookie) {
			s.b.t.Error("the verifier or the cookie is in a URL")
		}
		show.URL, show.Direct = "", "" // for the person
		text, _ := json.Marshal(show)
		s.texts["Shown"] += string(text)
	}
	text, _ := json.Marshal(l.Status())
	s.texts["Status"] += string(text)
	if err != nil {
		s.texts["errors"] += err.Error() + "\n"
	}
	s.texts["files"] += s.b.files()
}

// absent wants no text to have a secret in it.
func (s *secrets) absent(least int) {
	s.b.t.Helper()
	s.texts["log"] = s.b.said.String()
	if len(s.known) < least {
		s.b.t.Errorf("only %d secrets were seen", len(s.known))
	}
	for where, text := range s.texts {
		for value, what := range s.known {
			if strings.Contains(text, value) {
				i := strings.Index(text, value)
				s.b.t.Errorf("%s: the %s shows: …%s…", where, what, text[max(0, i-60):min(len(text), i+20)])
			}
		}
	}
}

// TestAttack22Secrets: no token, code, verifier, state, cookie or client secret is in any error, status, log or file, whatever happens.
func TestAttack22Secrets(t *testing.T) {
	b := newBed(t, nil)
	for name, o := range map[string]*config.OAuth{
		"registered": {},
		"basic":      {ClientID: "static-basic", ClientSecret: "basic secret/1"},
		"post":       {ClientID: "static-post", ClientSecret: "post secret/2"},
	} {
		b.sub(name, o, `{}`, func(b *bed) {
			s, l := b.secrets(), b.login
			s.is("client secret", o.ClientSecret.Reveal())
			call := func(tool string) { _, _, err := b.call(l, tool); s.look(l, err) }
			call("whoami")
			f := b.start(l, How{})
			s.look(l, nil)
			b.deliver(f, func(q url.Values) { q.Set("state", "x") })
			b.deliver(f, func(url.Values) {})
			s.look(l, b.wait(f))
			call("whoami")
			call("write_note")
			for _, trouble := range []string{
				`{"mode":"drop"}`, `{"mode":"error","status":500,"body":"<p>down"}`, `{"mode":"error","status":400,"body":{"error":"invalid_request"}}`,
				`{"mode":"error","status":400,"body":{"error":"invalid_client"}}`, `{"mode":"error","status":400}`,
			} {
				b.switches(`{"as":{"token":null}}`)
				f := b.start(l, How{Again: true})
				b.switches(`{"as":{"token":` + trouble + `}}`)
				_, _ = b.deliver(f, func(url.Values) {})
				s.look(l, b.wait(f))
				b.switches(`{"as":{"token":null}}`)
				b.logInAgain(l)
				s.look(l, nil)
				b.switches(`{"as":{"token":` + trouble + `}}`)
				b.expire(l)
				call("whoami")
			}
			b.switches(`{"as":{"token":null},"rs":{"reject":2}}`)
			b.logInAgain(l)
			call("whoami")
			for _, answer := range []string{`{"iss":"https://evil.example"}`, `{"error":"server_error"}`, `{"code":null}`, `{"iss":null}`} {
				b.switches(`{"as":{"callback":` + answer + `}}`)
				f := b.start(l, How{Again: true})
				s.look(l, nil)
				b.deliver(f, func(url.Values) {})
				s.look(l, b.wait(f))
			}
			b.switches(`{"as":{"callback":null}}`)
			b.logInAgain(l)
			s.look(l, nil)
			_, _, err := l.Logout(t.Context())
			s.look(l, err)
			call("whoami")
			s.absent(40)
			b.private()
		})
	}
}

func (b *bed) logInAgain(l *Login) {
	b.t.Helper()
	f := b.start(l, How{Again: true})
	b.deliver(f, func(url.Values) {})
	if err := b.wait(f); err != nil {
		b.t.Fatal(err)
	}
}

// TestAttack22Echo: an authorization server that quotes what it refuses does not get secrets into errors, states or the log.
func TestAttack22Echo(t *testing.T) {
	b := newBed(t, nil)
	o := &config.OAuth{ClientID: "static-post", ClientSecret: "post secret/2"}
	at, seen := elsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		var all []string
		for name, values := range r.Form {
			if name != "resource" && name != "redirect_uri" {
				all = append(all, name+"="+strings.Join(values, " "))
			}
		}
		text, _ := json.Marshal(map[string]string{"error": "invalid_grant", "error_description": strings.Join(all, "; ")})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		w.Write(text)
	})
	look := func(b *bed, s *secrets) {
		for _, form := range seen() {
			for _, name := range []string{"code", "code_verifier", "refresh_token", "client_secret"} {
				s.is(name, form.Get(name))
			}
		}
		s.absent(2)
	}
	b.sub("the code", o, `{"as":{"metadata":{"token_endpoint":"`+at+`"}}}`, func(b *bed) {
		s := b.secrets()
		f := b.start(b.login, How{})
		b.deliver(f, func(url.Values) {})
		s.look(b.login, b.wait(f))
		look(b, s)
	})
	b.sub("the refresh token", o, `{}`, func(b *bed) {
		s := b.secrets()
		b.logIn(b.login)
		s.look(b.login, nil)
		b.change(b.login, func(g *grant) { g.Obtained, g.Lifetime, g.TokenURL = g.Obtained.AddDate(0, 0, -1), 1, at })
		_, _, err := b.call(b.login, "whoami")
		s.look(b.login, err)
		_, _, err = b.call(b.again(), "whoami")
		s.look(b.login, err)
		look(b, s)
	})
	b.sub("the state", o, `{}`, func(b *bed) {
		s := b.secrets()
		f := b.start(b.login, How{})
		s.look(b.login, nil)
		b.deliver(f, func(q url.Values) {
			q.Set("error", "server_error")
			q.Set("error_description", "state "+q.Get("state")+" code "+q.Get("code"))
		})
		s.look(b.login, b.wait(f))
		s.absent(2)
	})
}

// TestAttack22Headers: the token goes to the server's own origin, in one header, and never into a URL; a caller's own header is replaced.
func TestAttack22Headers(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	token := b.stored(b.login).Access
	for to, want := range map[string]string{
		b.MCP: "Bearer " + token, b.MCP + "/below": "Bearer " + token,
		"http://127.0.0.1:1/mcp": "", "https://evil.example/mcp": "", strings.Replace(b.MCP, "127.0.0.1", "localhost", 1): "", strings.Replace(b.MCP, "http:", "https:", 1): "",
	} {
		req, _ := http.NewRequest(http.MethodPost, to, strings.NewReader("{}"))
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			if got := r.Header.Values("Authorization"); strings.Join(got, ",") != want || strings.Contains(r.URL.String(), token) {
				t.Errorf("%s: %.20q", to, got)
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
		})
		if resp, err := b.login.RoundTripper(base).RoundTrip(req); err != nil {
			t.Error(err)
		} else if resp.Body.Close(); req.Header.Get("Authorization") != "" {
			t.Error("the caller's request was changed")
		}
	}
	// A login of another server's, at the same place in another account, is not this one's.
	o := &config.OAuth{Account: "other"}
	_, l := b.process(o)
	b.needs(l)
	// After the logout nothing of it is left on this machine.
	if _, _, err := b.login.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	if g := b.stored(b.login); g != nil && (g.Access != "" || g.Refresh != "" || g.Client.Secret != "") {
		t.Errorf("%+v is still there", g)
	}
}

// TestAttack22URL: errors show of an endpoint host and port: its path and query can have secrets in them.
func TestAttack22URL(t *testing.T) {
	b := newBed(t, nil)
	for _, name := range []string{"token_endpoint", "registration_endpoint"} {
		b.sub(name, nil, `{"as":{"metadata":{"`+name+`":"http://127.0.0.1:1/planted/x?key=planted"}}}`, func(b *bed) {
			f, err := b.login.Start(b.t.Context(), How{})
			if err == nil {
				b.deliver(f, func(url.Values) {})
				err = b.wait(f)
			}
			says(b.t, err, "127.0.0.1:1: nothing listens there")
			if strings.Contains(err.Error(), "planted") || strings.Contains(b.said.String(), "planted") {
				b.t.Error(err)
			}
		})
	}
}
