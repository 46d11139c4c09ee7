package mcptest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

// FakeEngine answers like a Docker engine without containers and images, and
// misbehaves where it is told to.
type FakeEngine struct {
	Host string // unix://…

	t      testing.TB
	server *http.Server

	mu   sync.Mutex
	on   map[string]http.HandlerFunc
	mux  *http.ServeMux
	seen []string
}

// fakeAnswers are those of an engine that has nothing yet.
var fakeAnswers = map[string]string{
	"GET /_ping":           "OK",
	"HEAD /_ping":          "",
	"GET /version":         `{"Version":"28.5.2","ApiVersion":"1.51","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64","KernelVersion":"6.1.0"}`,
	"GET /info":            `{"ID":"FAKE","ServerVersion":"28.5.2","OSType":"linux","Architecture":"x86_64","CgroupVersion":"2","MemoryLimit":true,"SwapLimit":true,"CpuCfsPeriod":true,"CpuCfsQuota":true,"PidsLimit":true,"InitBinary":"docker-init","SecurityOptions":["name=seccomp,profile=builtin"],"NCPU":2,"MemTotal":8589934592}`,
	"GET /containers/json": "[]",
	"GET /images/json":     "[]",
	"GET /volumes":         `{"Volumes":[],"Warnings":null}`,
}

// NewFakeEngine starts one that ends with the test; on (may be nil) is as for [FakeEngine.On].
func NewFakeEngine(t testing.TB, on map[string]http.HandlerFunc) *FakeEngine {
	t.Helper()
	dir, err := engineDir()
	if err != nil {
		t.Fatalf("mcptest: fake engine: %v", err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		t.Fatalf("mcptest: fake engine: %v", err)
	}
	f := &FakeEngine{Host: "unix://" + l.Addr().String(), t: t, on: map[string]http.HandlerFunc{}}
	for pattern, body := range fakeAnswers {
		f.on[pattern] = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	f.on["/"] = FakeStatus(http.StatusNotFound, "page not found")
	f.on["POST /images/create"] = FakeStatus(http.StatusNotFound, "pull access denied, repository does not exist or may require 'docker login'")
	f.on["GET /images/{name...}"] = FakeStatus(http.StatusNotFound, "No such image")
	f.on["GET /events"] = FakeHang
	for pattern, handler := range on {
		f.on[pattern] = handler
	}
	f.rebuild()
	f.server = &http.Server{Handler: http.HandlerFunc(f.answer)}
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(l) }()
	t.Cleanup(func() {
		f.Close()
		<-served // says that it is closed
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("mcptest: fake engine: %v", err)
		}
	})
	return f
}

// Close ends the engine, connections included; the end of the test does it too.
func (f *FakeEngine) Close() { _ = f.server.Close() }

// On sets what answers a pattern as of [http.ServeMux], such as "POST
// /images/create" or "GET /containers/{id}/json"; the version's prefix is taken off the path.
func (f *FakeEngine) On(pattern string, handler http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on[pattern] = handler
	f.rebuild()
}

func (f *FakeEngine) rebuild() {
	mux := http.NewServeMux()
	for pattern, handler := range f.on {
		mux.HandleFunc(pattern, handler)
	}
	f.mux = mux
}

// Seen gives the requests so far, such as "POST /images/create?fromImage=x&tag=1".
func (f *FakeEngine) Seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

var apiVersion = regexp.MustCompile(`^/v1\.[0-9]+(/.*)$`)

func (f *FakeEngine) answer(w http.ResponseWriter, r *http.Request) {
	if m := apiVersion.FindStringSubmatch(r.URL.Path); m != nil {
		r.URL.Path, r.URL.RawPath = m[1], ""
	}
	f.mu.Lock()
	f.seen = append(f.seen, r.Method+" "+r.URL.RequestURI())
	mux := f.mux
	f.mu.Unlock()
	w.Header().Set("Api-Version", "1.51")
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Server", "Docker/28.5.2 (linux)")
	w.Header().Set("Content-Type", "application/json")
	mux.ServeHTTP(w, r)
}

// FakeStatus answers with an error as the engine writes it.
func FakeStatus(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // the client may be gone
	}
}

// FakeHang answers nothing until the client or the engine goes.
func FakeHang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// FakeDrop ends the connection without an answer.
func FakeDrop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// FakeStream answers 200 and sends each line after the pause; after the last one
// it ends, or with hang stays as it is. Lines are those of a pull:
// {"status":"Downloading","id":"1a2b3c","progressDetail":{"current":1,"total":2}}.
func FakeStream(pause time.Duration, hang bool, lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w)
		_ = flush.Flush() // the header
		for _, line := range lines {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(pause):
			}
			fmt.Fprint(w, line, "\r\n")
			_ = flush.Flush()
		}
		if hang {
			FakeHang(w, r)
		}
	}
}

// FakePullError is the line by which a pull fails in the middle, after its 200.
func FakePullError(message string) string {
	text, _ := json.Marshal(message) // strings do not fail
	return fmt.Sprintf(`{"errorDetail":{"message":%s},"error":%[1]s}`, text)
}
