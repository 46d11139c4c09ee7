package mcptest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// pages is a client's start page, which sets a cookie, an authorization server that answers at once, and the callback.
func pages(t *testing.T) (start string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/start", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "flow", Value: "1", HttpOnly: true})
		http.Redirect(w, r, "/authorize?state=s", http.StatusFound)
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/callback?code=c&state=s", http.StatusFound)
	})
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("flow"); err != nil {
			http.Error(w, "another browser", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, "logged in")
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/form", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<FORM method="post" action="/done?a&amp;b"><input name="user" value="al&quot;ice"><input name="x" value="1"><button>Go</button></FORM>`)
	})
	mux.HandleFunc("/done", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.FormValue("user"), " ", r.FormValue("x"))
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestBrowser(t *testing.T) {
	site := pages(t)
	own := new(Browser)
	if status, body, final := own.Visit(t, site+"/start"); status != 200 || body != "logged in" || final.Path != "/callback" {
		t.Errorf("whole way: %d %q %s", status, body, final)
	}
	if status, _, _ := (&Browser{NoCookies: true}).Visit(t, site+"/start"); status != 400 {
		t.Errorf("without cookies: %d", status)
	}
	held := &Browser{HoldCallback: true}
	status, _, final := held.Visit(t, site+"/start")
	if status != 302 || final.String() != site+"/callback?code=c&state=s" {
		t.Errorf("held: %d %s", status, final)
	}
	if status, _, _ := new(Browser).Visit(t, final.String()); status != 400 {
		t.Errorf("in another browser: %d", status)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(final, []*http.Cookie{{Name: "flow", Value: "foreign"}})
	if status, _, _ := (&Browser{Jar: jar}).Visit(t, final.String()); status != 200 {
		t.Errorf("with a foreign cookie: %d", status)
	}
	if _, err := new(Browser).Open(t.Context(), site+"/away"); !errors.Is(err, errNotLoopback) {
		t.Errorf("away from loopback: %v", err)
	}
	if _, err := new(Browser).Open(t.Context(), site+"/loop"); err == nil {
		t.Error("redirected for ever")
	}
	if _, body, _ := (&Browser{Fields: url.Values{"x": {"2"}}}).Visit(t, site+"/form"); body != `al"ice 2` {
		t.Errorf("form: %q", body)
	}
	if _, body, _ := new(Browser).Visit(t, site+"/form"); !strings.Contains(body, "<FORM") {
		t.Errorf("a form nobody wanted sent: %q", body)
	}
}

func TestBrowserForms(t *testing.T) {
	b := NewTestbed(t)
	b.Faults(map[string]any{"as": map[string]any{"login": "form"}})
	address, _ := authorizeURL(b, "static-native", nil)
	person := &Browser{HoldCallback: true, Fields: url.Values{"user": {"bob"}}}
	if status, body, final := person.Visit(t, address); final.Query().Get("code") == "" {
		t.Errorf("%d %s %s", status, final, body)
	}
}

func TestBrowserProgram(t *testing.T) {
	p := NewBrowserProgram(t)
	visited := make(chan string, 10)
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visited <- r.URL.String()
		<-release
	}))
	t.Cleanup(srv.Close)
	var want []string
	for i, name := range []string{p.Path, p.Dir + "/xdg-open"} {
		u := fmt.Sprintf("%s/?n=%d&x='$(id)'", srv.URL, i)
		want = append(want, u)
		cmd := exec.Command(name, u)
		cmd.Env = append(os.Environ(), p.Env()...)
		out, err := os.Create(t.TempDir() + "/out") // a file: nobody waits for the process that it left behind
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = out, out
		start := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out.Name())
		if err != nil || !strings.Contains(string(text), "stdout") || !strings.Contains(string(text), "stderr") {
			t.Errorf("printed %q, %v", text, err)
		}
		t.Logf("launcher took %v", time.Since(start))
		select {
		case got := <-visited: // while the page is not there yet, so the launcher did not wait for it
			if !strings.Contains(got, fmt.Sprintf("n=%d", i)) {
				t.Errorf("visited %s", got)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("not visited")
		}
		out.Close()
	}
	close(release)
	if got := p.Opened(); !slices.Equal(got, want) {
		t.Errorf("opened %q, want %q", got, want)
	}
}
