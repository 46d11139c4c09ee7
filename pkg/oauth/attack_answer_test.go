package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestAttack01State: an answer without the flow's own state is not from the authorization server. It is refused, and ends nothing.
func TestAttack01State(t *testing.T) {
	b := newBed(t, nil)
	f := b.start(b.login, How{})
	var old string
	for what, change := range map[string]func(url.Values){
		"wrong":      func(q url.Values) { q.Set("state", "x") },
		"cut":        func(q url.Values) { old = q.Get("state"); q.Set("state", old[1:]) },
		"empty":      func(q url.Values) { q.Set("state", "") },
		"missing":    func(q url.Values) { q.Del("state") },
		"twice":      func(q url.Values) { q.Add("state", q.Get("state")) },
		"an error":   func(q url.Values) { q.Set("error", "access_denied"); q.Set("state", "x") },
		"the cookie": func(q url.Values) { q.Set("state", f.cookie) },
	} {
		if status, body := b.deliver(f, change); status != 400 || !strings.Contains(body, "not the answer") {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	if n := b.count("/token"); n > 0 || !b.login.Waits() {
		t.Errorf("%d codes were used; waiting: %v", n, b.login.Waits())
	}
	if status, body := b.deliver(f, func(url.Values) {}); status != 200 {
		t.Errorf("the right one: %d %s", status, body)
	}
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	f = b.start(b.login, How{Again: true})
	if status, _ := b.deliver(f, func(q url.Values) { q.Set("state", old) }); status != 400 {
		t.Errorf("the state of the login before: %d", status)
	}
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d codes were used", n)
	}
}

// TestAttack02Issuer: the answer's iss is compared as it is (RFC 9207), in errors too, and words of an answer from elsewhere are not shown.
func TestAttack02Issuer(t *testing.T) {
	b := newBed(t, nil)
	const elsewhere = "another authorization server"
	for name, c := range map[string]struct{ callback, metadata, want string }{
		"wrong":                       {`{"iss":"https://evil.example"}`, `{}`, elsewhere},
		"a slash more":                {`{"iss":"` + b.Issuer + `/"}`, `{}`, elsewhere},
		"in capitals":                 {`{"iss":"` + strings.ToUpper(b.Issuer[:4]) + b.Issuer[4:] + `"}`, `{}`, elsewhere},
		"empty":                       {`{"iss":""}`, `{}`, elsewhere},
		"missing":                     {`{"iss":null}`, `{}`, "does not say which"},
		"missing, not promised":       {`{"iss":null}`, `{"authorization_response_iss_parameter_supported":null}`, ""},
		"wrong, not promised":         {`{"iss":"https://evil.example"}`, `{"authorization_response_iss_parameter_supported":null}`, elsewhere},
		"right, not promised":         {`{}`, `{"authorization_response_iss_parameter_supported":null}`, ""},
		"an error from elsewhere":     {`{"error":"planted_code","error_description":"planted words","iss":"https://evil.example"}`, `{}`, elsewhere},
		"an error without iss":        {`{"error":"planted_code","error_description":"planted words","iss":null}`, `{}`, "does not say which"},
		"an error of its own":         {`{"error":"server_error","error_description":"its own words"}`, `{}`, `refused with "server_error": "its own words"`},
		"an error, iss not promised":  {`{"error":"access_denied","iss":null}`, `{"authorization_response_iss_parameter_supported":null}`, "declined"},
		"an error with a code beside": {`{"error":"access_denied"}`, `{}`, "declined"},
	} {
		b.sub(name, nil, `{"as":{"callback":`+c.callback+`,"metadata":`+c.metadata+`}}`, func(b *bed) {
			f := b.start(b.login, How{})
			status, body := b.deliver(f, func(url.Values) {})
			err := b.wait(f)
			if c.want == "" {
				if err != nil || status != 200 {
					b.t.Fatalf("%d %v", status, err)
				}
				return
			}
			says(b.t, err, c.want)
			if strings.Contains(err.Error()+body, "planted") || strings.Contains(err.Error(), "evil") || status != 400 {
				b.t.Errorf("it shows %d %s %v", status, body, err)
			}
			if n := b.count("/token"); n > 0 {
				b.t.Errorf("the code was sent %d times", n)
			}
		})
	}
	b.sub("twice", nil, `{}`, func(b *bed) {
		f := b.start(b.login, How{})
		b.deliver(f, func(q url.Values) { q.Add("iss", q.Get("iss")) })
		says(b.t, b.wait(f), elsewhere)
	})
}

// TestAttack04MixUp: the answers of two logins that run at once don't pass for each other, whoever mixes them.
func TestAttack04MixUp(t *testing.T) {
	a, b := newBed(t, nil), newBed(t, nil)
	fa, fb := a.start(a.login, How{}), b.start(b.login, How{})
	jar, _ := cookiejar.New(nil)
	answer := func(f *Flow) *url.URL {
		browser := mcptest.Browser{Jar: jar, HoldCallback: true}
		_, _, at := browser.Visit(t, f.Shown().URL)
		return at
	}
	atA, atB := answer(fa), answer(fb)
	browser := mcptest.Browser{Jar: jar}
	to := *atB
	to.RawQuery = atA.RawQuery
	if status, _, _ := browser.Visit(t, to.String()); status != 400 {
		t.Errorf("one's answer at the other: %d", status)
	}
	// The code of one with the state of the other, which its server could have read in the address.
	q := atA.Query()
	q.Set("state", atB.Query().Get("state"))
	to.RawQuery = q.Encode()
	if status, _, _ := browser.Visit(t, to.String()); status != 400 {
		t.Errorf("one's code at the other: %d", status)
	}
	says(t, b.wait(fb), "another authorization server")
	if n := b.count("/token") + a.count("/token"); n > 0 {
		t.Errorf("%d codes were sent", n)
	}
}

// TestAttack04SameBrowser: two logins can be finished in one browser, whose cookies are those of all ports of 127.0.0.1.
func TestAttack04SameBrowser(t *testing.T) {
	a, b := newBed(t, nil), newBed(t, nil)
	fa, fb := a.start(a.login, How{}), b.start(b.login, How{})
	jar, _ := cookiejar.New(nil)
	var answers []*url.URL
	for _, f := range []*Flow{fa, fb} {
		browser := mcptest.Browser{Jar: jar, HoldCallback: true}
		_, _, at := browser.Visit(t, f.Shown().URL)
		answers = append(answers, at)
	}
	for i, at := range answers {
		browser := mcptest.Browser{Jar: jar}
		if status, body, _ := browser.Visit(t, at.String()); status != 200 {
			t.Errorf("login %d of two in one browser: %d %s", i+1, status, body)
		}
	}
}

// TestAttack20Callback: the callback takes one answer, from the browser that was sent out, for its own address, with GET, at its own path.
func TestAttack20Callback(t *testing.T) {
	b := newBed(t, nil)
	f := b.start(b.login, How{})
	sent := mcptest.Browser{HoldCallback: true}
	_, _, right := sent.Visit(t, f.Shown().URL)
	base := "http://" + right.Host
	ask := func(method, at, host string, cookies ...*http.Cookie) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		for _, c := range cookies {
			req.AddCookie(c)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		h := resp.Header
		if h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %v", method, at, h)
		}
		return resp.StatusCode
	}
	ours := &http.Cookie{Name: f.cookieName(), Value: f.cookie}
	for _, c := range sent.Jar.Cookies(right) { // whatever the cookie is called
		if c.Value == f.cookie {
			ours.Name = c.Name
		}
	}
	foreign := &http.Cookie{Name: ours.Name, Value: "another"}
	for what, got := range map[string]int{
		"another host 421":     ask("GET", right.String(), "rebound.example:"+right.Port(), ours),
		"localhost 421":        ask("GET", right.String(), "localhost:"+right.Port(), ours),
		"another port 421":     ask("GET", right.String(), "127.0.0.1:1", ours),
		"POST 405":             ask("POST", right.String(), "", ours),
		"HEAD 405":             ask("HEAD", right.String(), "", ours),
		"PUT 405":              ask("PUT", right.String(), "", ours),
		"no cookie 400":        ask("GET", right.String(), ""),
		"a foreign cookie 400": ask("GET", right.String(), "", foreign),
		"another path 404":     ask("GET", base+"/callback/?"+right.RawQuery, "", ours),
		"the root 404":         ask("GET", base+"/", "", ours),
		"a guessed start 404":  ask("GET", base+"/start/AAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
		"an empty start 404":   ask("GET", base+"/start/", ""),
		"the start page, of another browser, 302": ask("GET", f.Shown().URL, ""),
	} {
		if !strings.HasSuffix(what, " "+strconv.Itoa(got)) {
			t.Errorf("%s: %d", what, got)
		}
	}
	for i := range 300 {
		if got := ask("GET", base+"/callback?code=x&state=guess"+strconv.Itoa(i), "", ours); got != 400 {
			t.Fatalf("guess %d: %d", i, got)
		}
	}
	if !b.login.Waits() || b.count("/token") > 0 {
		t.Fatal("something of that ended the login")
	}
	// The right answer comes twice at once: one of them is taken.
	codes := make(chan int, 2)
	for range 2 {
		go func() { codes <- ask("GET", right.String(), "", ours) }()
	}
	if first, second := <-codes, <-codes; first+second != 600 {
		t.Errorf("%d and %d", first, second)
	}
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	if n := b.count("/token"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if _, err := new(mcptest.Browser).Open(context.Background(), right.String()); err == nil {
		if _, err = new(mcptest.Browser).Open(context.Background(), right.String()); err == nil {
			t.Error("the callback is still there")
		}
	}
}

// TestAttack20Opened: a start page that we have opened in a browser is for that browser alone.
func TestAttack20Opened(t *testing.T) {
	b := newBed(t, nil)
	f := b.start(b.login, How{Open: true})
	first := mcptest.Browser{HoldCallback: true}
	_, _, at := first.Visit(t, <-b.opened)
	if status, body, _ := new(mcptest.Browser).Visit(t, f.Shown().URL); status != http.StatusGone || strings.Contains(body, "state") {
		t.Errorf("a second browser at the start page: %d %s", status, body)
	}
	if status, _, _ := first.Visit(t, at.String()); status != 200 {
		t.Errorf("the first: %d", status)
	}
	if err := b.wait(f); err != nil {
		t.Error(err)
	}
	// A person who says no ends it, and is told nothing wrong.
	b.switches(`{"as":{"login":"deny"}}`)
	f = b.start(b.login, How{Again: true})
	var browser mcptest.Browser
	browser.Visit(t, f.Shown().URL)
	if err := b.wait(f); !errors.Is(err, ErrDeclined) {
		t.Error(err)
	}
	b.works(b.login, "whoami") // the login before is still good
}
