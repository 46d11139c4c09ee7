package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The tests TestAttackNN… are the groups of attacks and failures of the design notes, by their numbers. Not here are 24, what a browser prints
// (TestOpenBrowser, TestOpener and those of the whole program), and 25, questions to clients that did not declare them (package session).

// lockedBuffer takes what several processes log.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// sub runs one case on the same testbed, with these switches and nothing stored.
func (b *bed) sub(name string, o *config.OAuth, switches string, test func(b *bed)) {
	b.t.Helper()
	b.t.Run(name, func(t *testing.T) {
		b.Reset()
		next := bedOn(t, b.Testbed, o)
		next.switches(switches)
		test(next)
	})
}

// switches sets fault switches, written as JSON.
func (b *bed) switches(text string) {
	b.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		b.t.Fatalf("%s: %v", text, err)
	}
	b.Faults(m)
}

// says wants an error with all these words, and with nothing that a terminal would obey.
func says(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, instead of one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error lacks %q: %v", w, err)
		}
	}
	harmless(t, "error", err.Error())
}

// harmless wants a text to be printable ASCII, our own dashes and dots aside.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return (r < ' ' || r > '~') && !strings.ContainsRune("…–\n", r) }); i >= 0 {
		t.Errorf("the %s has a raw character: %q", what, text)
	}
}

// refuses wants a login to end before anybody is asked and anything is registered, for a reason with these words.
func (b *bed) refuses(words ...string) {
	b.t.Helper()
	f, err := b.login.Start(b.t.Context(), How{Open: true})
	if err == nil {
		f.Decline()
		b.t.Fatalf("a person was asked: %+v", f.Shown())
	}
	says(b.t, err, words...)
	if len(b.opened) > 0 {
		b.t.Errorf("opened: %s", <-b.opened)
	}
	for _, path := range []string{"/reg", "/auth", "/token"} {
		if n := b.count(path); n > 0 {
			b.t.Errorf("%d requests of %s", n, path)
		}
	}
}

// deliver goes through the login, and takes the answer back changed.
func (b *bed) deliver(f *Flow, change func(q url.Values)) (status int, body string) {
	b.t.Helper()
	browser := mcptest.Browser{HoldCallback: true}
	status, body, at := browser.Visit(b.t, f.Shown().URL)
	if !strings.HasSuffix(at.Path, "/callback") {
		b.t.Fatalf("the browser is at %s: %d %s", at, status, body)
	}
	q := at.Query()
	change(q)
	at.RawQuery = q.Encode()
	status, body, _ = browser.Visit(b.t, at.String())
	return status, body
}

// stored is the grant in the store, also one that has ended; nil if there is none.
func (b *bed) stored(l *Login) *grant {
	b.t.Helper()
	var p place
	var g grant
	if l.vault().read(l.target.place(), &p) != nil || l.vault().read(l.grantRecord(p), &g) != nil {
		return nil
	}
	return &g
}

// change writes the stored grant anew, as time or another process would, and has l forget what it knew.
func (b *bed) change(l *Login, change func(g *grant)) {
	b.t.Helper()
	p, g, why, err := l.read()
	if g == nil || err != nil {
		b.t.Fatalf("no login to change: %s %v", why, err)
	}
	change(g)
	if err := l.vault().write(l.grantRecord(p), g); err != nil {
		b.t.Fatal(err)
	}
	l.mu.Lock()
	l.grant = nil
	l.mu.Unlock()
	b.patience(l)
}

// expire has an hour go by for the access token.
func (b *bed) expire(l *Login) {
	b.t.Helper()
	b.change(l, func(g *grant) { g.Obtained, g.Lifetime = now().Add(-time.Hour), 300 })
}

// patience lets the time pass that a failed renewal is not tried again.
func (b *bed) patience(l *Login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retryAt = time.Time{}
}

// needs wants a call to say that a person has to log in.
func (b *bed) needs(l *Login, words ...string) *RequiredError {
	b.t.Helper()
	status, text, err := b.call(l, "whoami")
	var needed *RequiredError
	if !errors.As(err, &needed) {
		b.t.Fatalf("%d %s %v, instead of a login being needed", status, text, err)
	}
	says(b.t, err, append(words, "oauth_login", "mcpproxy-stdio login")...)
	return needed
}

// elsewhere is a server of our own, in place of one endpoint; it counts its requests.
func elsewhere(t *testing.T, serve http.HandlerFunc) (at string, seen func() []url.Values) {
	t.Helper()
	var mu sync.Mutex
	var all []url.Values
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		mu.Lock()
		all = append(all, r.Form)
		mu.Unlock()
		if serve != nil {
			serve(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() []url.Values { mu.Lock(); defer mu.Unlock(); return append([]url.Values(nil), all...) }
}

// visits opens in a browser whatever is to be opened, until the test ends; count tells how many there were.
func (b *bed) visits() (count func() int) {
	var mu sync.Mutex
	n := 0
	var done sync.WaitGroup
	ctx := b.t.Context()
	done.Go(func() {
		for {
			select {
			case u := <-b.opened:
				mu.Lock()
				n++
				mu.Unlock()
				_, _ = new(mcptest.Browser).Open(ctx, u)
			case <-ctx.Done():
				return
			}
		}
	})
	b.t.Cleanup(done.Wait)
	return func() int { mu.Lock(); defer mu.Unlock(); return n + len(b.opened) }
}

// files is all that is stored.
func (b *bed) files() string {
	b.t.Helper()
	var all strings.Builder
	_ = filepath.WalkDir(b.store.Dir(), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, err := os.ReadFile(path)
			all.WriteString(path + "\n" + string(data) + "\n")
			return err
		}
		return err
	})
	return all.String()
}

// private wants all that is stored to be its owner's alone.
func (b *bed) private() {
	b.t.Helper()
	names, err := b.store.List(dir)
	if err != nil || len(names) == 0 {
		b.t.Fatalf("%v %v", names, err)
	}
	for _, name := range names {
		if info, err := os.Stat(b.store.Path(name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			b.t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}
