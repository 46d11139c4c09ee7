//go:build !windows

package main

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// From one end to the other: the browser opens, all proxies have the login, and nobody has it after the logout.
func TestLoginByHand(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, nil, entries{"off": withOptions(remote("https://example.com/mcp"), map[string]any{"enabled": false})})
	running := d.proxy()
	running.List("tools/list")
	w := d.open(nil, "login", "bed")
	page := w.await(startPage, "")
	w.end(0, "Server  ", "Authorization server  ", d.bed.Issuer, "mcp:read", "Opening your browser", `Logged in to "bed" (scopes mcp:read`, "stored unencrypted")
	if got := d.browser.Opened(); len(got) != 1 || got[0] != page {
		t.Errorf("opened %q, not %s", got, page)
	}
	out, errs := d.says(0, nil, "auth", "status")
	shows(t, out, "SERVER  ACCOUNT  STATE ", "logged in  in 4 min, renewed automatically  mcp:read", d.bed.Issuer, "off: it is disabled")
	if errs != "" {
		t.Errorf("status has nothing to do: %s", errs)
	}
	worksFor(t, running)
	worksFor(t, d.proxy())
	if out, errs := d.says(0, nil, "login", "bed"); !strings.Contains(out, `Already logged in to "bed" (scopes mcp:read`) || errs != "" {
		t.Errorf("a second login: %s%s", out, errs)
	}
	if n := len(d.bed.Seen("POST", "/token")); n != 1 {
		t.Errorf("%d token requests", n)
	}
	if out, errs = d.says(0, nil, "login", "bed", "--again"); !strings.HasPrefix(out, `Logged in to "bed"`) || strings.Count(out, "\n") != 1 || len(d.bed.Seen("POST", "/token")) != 2 {
		t.Errorf("--again: %s%s", out, errs)
	}

	out, _ = d.says(0, nil, "logout", "bed")
	shows(t, out, `Logged out of server "bed"`, "revoked its tokens")
	out, _ = d.says(0, nil, "logout", "bed")
	shows(t, out, `Server "bed" had no login`)
	if st := d.status(); st.State != oauth.StateLoggedOut || st.Expires != nil {
		t.Errorf("after the logout: %+v", st)
	}
	soon(t, 10*time.Second, "the running proxy has no login", func() bool { return running.Tool("bed__whoami", nil).IsError() })
	tells(t, running.Tool("bed__whoami", nil), "mcpproxy-stdio login bed")
}

func TestLoginByPaste(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, nil, nil)
	w := d.open([]string{"SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22"}, "login", "bed", "--paste")
	page := w.await(loginPage, "")
	w.await("> ", "what is this?\r")
	w.await("Not that one: .*that is not the final URL", "")
	answer, err := url.Parse(d.answer(page))
	if err != nil {
		t.Fatal(err)
	}
	q := answer.Query()
	q.Set("state", "of-another-login")
	other := *answer
	other.RawQuery = q.Encode()
	w.await("> ", other.String()+"\r")
	w.await("Not that one: .*that is not the answer to this login", "")
	w.await("> ", answer.String()+"\r")
	lacks(t, "the terminal", w.end(0, `Logged in to "bed"`), q.Get("code"), "of-another-login", "what is this", "ssh -L")
	if got := d.browser.Opened(); len(got) > 0 {
		t.Errorf("opened %q", got)
	}
	worksFor(t, d.proxy())

	for typed, want := range map[string]string{"\x03": "not logged in", "\x04": "not logged in", "a\rb\rc\r": "not logged in: that is not the final URL"} {
		w := d.open(nil, "login", "bed", "--again", "--paste")
		w.await("> ", typed)
		w.end(1, `mcpproxy-stdio: server "bed": `+want)
	}
	// In a pipe, too.
	cmd := d.command("login", "bed", "--again", "--paste")
	cmd.Env = append(cmd.Env, d.env...)
	in, _ := cmd.StdinPipe()
	errs, _ := cmd.StderrPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipe := &window{t: t, done: make(chan struct{})}
	go func() {
		defer close(pipe.done)
		io.Copy(pipe, errs)
	}()
	io.WriteString(in, d.answer(pipe.wait(loginPage))+"\n")
	<-pipe.done
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, pipe)
	}
}

// The login that a tool has begun in a running proxy is finished on a terminal: there is one login and no second one.
func TestLoginByPasteForARunningProxy(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, nil, nil)
	c := d.proxy()
	c.List("tools/list")
	var begun struct{ URL, Status string }
	if err := json.Unmarshal([]byte(c.Tool("oauth_login", map[string]any{"server": "bed"}).Text()), &begun); err != nil || begun.Status != "waiting" {
		t.Fatalf("%v: %+v", err, begun)
	}
	w := d.open(nil, "login", "bed", "--paste")
	answer := d.answer(w.await(loginPage, ""))
	w.await("> ", strings.Replace(answer, "state=", "state=x", 1)+"\r")
	w.await("Not that one: .*the window that is waiting for this login did not accept it", "")
	w.await("> ", answer+"\r")
	w.end(0, "Another window is already waiting for this login", `Logged in to "bed"`)
	worksFor(t, c)
	if n, opened := len(d.bed.Seen("POST", "/token")), d.browser.Opened(); n != 1 || len(opened) > 0 {
		t.Errorf("%d token requests, opened %q", n, opened)
	}

	// One that is given up there begins here.
	d.says(0, nil, "logout", "bed")
	soon(t, 10*time.Second, "the proxy has no login", func() bool { return c.Tool("bed__whoami", nil).IsError() })
	c.Tool("oauth_login", map[string]any{"server": "bed"})
	w = d.open(nil, "login", "bed", "--no-browser")
	theirs := w.await(startPage, "")
	c.Close()
	ours := w.await(startPage, "")
	if theirs == ours {
		t.Errorf("the same page: %s", ours)
	}
	new(mcptest.Browser).Visit(t, ours)
	w.end(0, "The other window gave up", `Logged in to "bed"`)
}

func TestLoginByDevice(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, map[string]any{"oauth": map[string]any{"client_id": "device", "account": "work"}}, nil)
	w := d.open(nil, "login", "bed", "--device")
	page := w.await(`\n(http://127\.0\.0\.1:\d+/device)\n`, "")
	code := w.await("and enter this code: \\S*?([A-Z]{4}-[A-Z]{4})", "")
	person := &mcptest.Browser{Fields: url.Values{"user_code": {code}, "confirm": {"yes"}}}
	if status, body, at := person.Visit(t, page); status != 200 {
		t.Errorf("the browser is at %s: %d %s", at, status, body)
	}
	w.end(0, `Logged in to "bed" (account work, scopes mcp:read`)
	worksFor(t, d.proxy())
	if st := d.status(); st.Account != "work" || st.State != oauth.StateIn {
		t.Errorf("status: %+v", st)
	}

	d.bed.Faults(map[string]any{"as": map[string]any{"metadata": map[string]any{"device_authorization_endpoint": nil}}})
	_, errs := d.says(1, nil, "login", "bed", "--device", "--again")
	shows(t, errs, `server "bed": logging in by device`, "does not offer it", "Leave out --device")
}

// Without a browser here the address is shown, with why, and how the browser of another machine gets here.
func TestLoginWithoutABrowser(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, nil, nil)
	for name, c := range map[string]struct {
		env  []string
		args []string
		want []string
	}{
		"ssh": {[]string{"SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22", "BROWSER="}, nil,
			[]string{"Could not open a browser: in an SSH session", "THIS_HOST", "mcpproxy-stdio login bed --paste", "mcpproxy-stdio login bed --device"}},
		"fails":   {[]string{"BROWSER=" + filepath.Join(d.dir, "no-such-browser")}, nil, []string{"Could not open a browser: ", "no-such-browser"}},
		"unasked": {nil, []string{"--no-browser"}, []string{"Open this address in a browser on this machine:"}},
	} {
		w := d.open(c.env, append([]string{"login", "bed", "--again"}, c.args...)...)
		page := w.await(startPage, "")
		w.await(`Waiting for you in the browser … \d+ s`, "")
		_, body, at := new(mcptest.Browser).Visit(t, page)
		shows(t, body, "You are logged in to the server bed.")
		text := w.end(0, c.want...)
		if forward := "ssh -L " + at.Port() + ":127.0.0.1:" + at.Port(); strings.Contains(text, forward) != (name == "ssh") {
			t.Errorf("%s: forwarding\n%s", name, text)
		}
	}
	if got := d.browser.Opened(); len(got) > 0 {
		t.Errorf("opened %q", got)
	}
}

func TestLoginThatFails(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, nil, nil)
	w := d.open(nil, "login", "bed", "--no-browser")
	w.await("Waiting for you", "\x03")
	begun := time.Now()
	w.end(1, `mcpproxy-stdio: server "bed": not logged in`)
	if took := time.Since(begun); mcptest.TooLong(took, 2*time.Second) {
		t.Errorf("it took %v to end", took)
	}

	d.bed.Faults(map[string]any{"as": map[string]any{"register": map[string]any{"status": 403, "type": "text/plain", "body": "\x1b[2JForbidden"}}})
	text := d.open(nil, "login", "bed").end(1, `server "bed": registering the client: `, `"client_id"`)
	lacks(t, "the terminal", text, "\x1b[2J")
	d.bed.Reset()
	d.bed.Faults(map[string]any{"as": map[string]any{"login": "deny"}})
	text = d.open(nil, "login", "bed").end(1, `mcpproxy-stdio: server "bed": logging in: the login was declined`, "access_denied", "Log in again and consent")
	if strings.Count(text, "declined") != 1 {
		t.Errorf("told twice:\n%s", text)
	}
	d.bed.Stop()
	_, errs := d.says(1, nil, "login", "bed")
	shows(t, errs, `server "bed": `, "connection refused")
	if st := d.status(); st.State == oauth.StateIn {
		t.Errorf("status: %+v", st)
	}
}

func TestLoginRefuses(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, map[string]any{"quarantined": true}, entries{
		"local": calm(mcptest.Server{Name: "x"}),
		"off":   withOptions(remote("https://example.com/mcp"), map[string]any{"enabled": false}),
		"own":   withOptions(remote("https://example.com/mcp"), map[string]any{"headers": map[string]string{"Authorization": "Bearer planted"}}),
		"unset": withOptions(remote("https://example.com/${NOT_SET_ANYWHERE}"), nil),
		"keyed": withOptions(remote("https://example.com/mcp"), map[string]any{"headers": map[string]string{"X-Key": "${NOT_SET_ANYWHERE}"}, "oauth": map[string]any{"client_id": "x", "client_secret": "${NOT_SET_ANYWHERE}"}}),
		"bad":   withOptions(remote("http://example.com/mcp"), nil),
	})
	for name, want := range map[string][]string{
		"nothing": {`no server "nothing" is configured; there are: `, "bed", "off"},
		"local":   {`server "local" is local`, "env"},
		"off":     {`server "off": it is disabled`, "mcpproxy-stdio enable off"},
		"own":     {`server "own" sends its own header Authorization`, "remove it"},
		"unset":   {`server "unset": `, "NOT_SET_ANYWHERE"},
		"bad":     {`server "bad": `, "plain http"},
		"bed":     {`server "bed": it is held: it will not run until you approve it`, "mcpproxy-stdio review bed", "mcpproxy-stdio approve bed"},
	} {
		out, errs := d.says(1, nil, "login", name)
		shows(t, errs, want...)
		lacks(t, name, out+errs, "planted")
	}
	_, errs := d.says(1, nil, "login", "own", "--account", "a/b")
	shows(t, errs, `server "own": account`)
	d.says(2, nil, "login")
	d.says(2, nil, "login", "bed", "--paste", "--device")
	d.says(1, nil, "auth", "status", "local")
	if log := d.bed.Log(); len(log) != 0 {
		t.Errorf("a server that is held was asked: %+v", log)
	}
	// Trust can be taken away without any, and without the credentials.
	for _, name := range []string{"bed", "off", "own", "keyed"} {
		out, _ := d.says(0, nil, "logout", name)
		shows(t, out, `Server "`+name+`" had no login`)
	}
	if out, _ := d.says(0, nil, "auth"); !strings.Contains(out, "status") {
		t.Errorf("auth alone: %s", out)
	}
}

// A person who has approved that a server is contacted can log in to it; who approves it on a terminal does both at once.
func TestLoginToAHeldServer(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, map[string]any{"quarantined": true}, nil)
	w := d.open([]string{"PAGER=cat", "CLAUDECODE=", "AI_AGENT=", "AGENT="}, "approve", "bed")
	w.answer("to start it once", "bed #\n")
	w.answer("to approve everything it offers", "no\n")
	w.end(1, "It needs a login before it lists its tools.", "Authorization server", "whoami")
	if s := d.record("", "bed").State(d.entry("", "bed")); s != quarantine.HeldDefinitions {
		t.Fatalf("bed is %s", s)
	}
	d.says(0, nil, "logout", "bed")
	if out, _ := d.says(0, nil, "login", "bed"); !strings.HasPrefix(out, `Logged in to "bed"`) {
		t.Errorf("login: %s", out)
	}
	if st := d.status(); st.State != oauth.StateIn || !strings.Contains(st.Why, "mcpproxy-stdio approve bed") {
		t.Errorf("status: %+v", st)
	}
}
