//go:build unix

package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestTheImageIsRunThatWasAdmitted(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	id := withProbe(t, e, "probe-moving:1", "ENV WHICH=first")
	spec := r.spec()
	spec.Isolation.Image = "probe-moving:1"
	spec.Admit = func(image string) error {
		if image != id {
			return fmt.Errorf("it is %s", image)
		}
		withProbe(t, e, "probe-moving:1", "ENV WHICH=second") // the tag moves on meanwhile
		return nil
	}
	p := r.start(spec).running()
	if env := p.ask("env"); !strings.Contains(env, "WHICH=first") || p.Image() != id {
		t.Errorf("%s of %s", env, p.Image())
	}
	fails(t, r.start(spec).end(), "it is sha256:")
	none := r.New(spec)
	if none.Image() != "" {
		t.Error(none.Image())
	}
	if got := len(e.Containers(LabelOwner + "=" + r.Owner.id)); got != 1 {
		t.Errorf("%d containers", got)
	}
}

func TestAMissingImage(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.Image, spec.Isolation.Pull = "never-there:1", config.PullNever
	fails(t, r.start(spec).end(), "never-there:1", "is not on the Docker engine", "pull is never", "Pull or build it there")
	spec.Isolation.Image, spec.Isolation.Pull = "sha256:"+strings.Repeat("0", 64), ""
	fails(t, r.start(spec).end(), "can't be pulled by its id")
	spec.Isolation.Image, spec.Isolation.Platform, spec.Isolation.Pull = probeImage, "linux/s390x", config.PullNever
	fails(t, r.start(spec).end(), "probe:1 for linux/s390x is not on the Docker engine")
	spec.Isolation.Image, spec.Isolation.Platform = "127.0.0.1:1/nowhere:1", "" // a registry that is not there
	spec.Isolation.Pull = ""
	fails(t, r.start(spec).end(), "127.0.0.1:1/nowhere:1 could not be pulled", "connection refused")
}

// fakeImages is an engine that has the images that were pulled, and says no to the rest.
func fakeImages(t *testing.T, pull http.HandlerFunc) (*rig, *mcptest.FakeEngine) {
	var mu sync.Mutex
	pulled := ""
	f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{
		"POST /images/create": func(w http.ResponseWriter, q *http.Request) {
			mu.Lock()
			pulled = strings.TrimPrefix(q.URL.Query().Get("fromImage"), "docker.io/library/") + ":" + q.URL.Query().Get("tag")
			mu.Unlock()
			pull(w, q)
		},
		"GET /images/{name...}": func(w http.ResponseWriter, q *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if name := strings.TrimSuffix(q.PathValue("name"), "/json"); name != pulled {
				mcptest.FakeStatus(404, "No such image: "+name)(w, q)
				return
			}
			fmt.Fprintf(w, `{"Id":"sha256:%064d","Os":"linux","Architecture":"amd64"}`, 1)
		},
		"POST /containers/create": mcptest.FakeStatus(400, "enough"),
	})
	return newRig(t, f.Host), f
}

// seen are the requests that have a part, without the version of the API.
func seen(f *mcptest.FakeEngine, part string) (found []string) {
	for _, request := range f.Seen() {
		if strings.Contains(request, part) {
			found = append(found, request)
		}
	}
	return found
}

func TestWhenAnImageIsPulled(t *testing.T) {
	t.Parallel()
	r, f := fakeImages(t, mcptest.FakeStream(0, false, `{"status":"Pulling from library/node","id":"24"}`))
	for _, c := range []struct {
		pull  string
		pulls int // in all
	}{{config.PullMissing, 1}, {config.PullMissing, 1}, {config.PullAlways, 2}, {config.PullNever, 2}} {
		spec := r.spec()
		spec.Isolation.Image, spec.Isolation.Pull = "node:24", c.pull
		fails(t, r.start(spec).end(), "enough")
		if got := seen(f, "/images/create"); len(got) != c.pulls {
			t.Errorf("pull %s: %q", c.pull, got)
		}
	}
	spec := r.spec()
	spec.Isolation.Image, spec.Isolation.Platform, spec.Isolation.Pull = "node:24", "linux/arm64", ""
	fails(t, r.start(spec).end(), "node:24 for linux/arm64 was pulled but is not", "platform")
	if got := seen(f, "platform=linux%2Farm64"); len(got) != 1 {
		t.Errorf("%q", f.Seen())
	}
	spec.Isolation.Platform = "linux/amd64"
	fails(t, r.start(spec).end(), "enough")
	if got := seen(f, "/containers/create"); !strings.Contains(got[len(got)-1], "platform=linux%2Famd64") {
		t.Errorf("%q", got)
	}
}

func TestAHungPull(t *testing.T) {
	t.Parallel()
	r, _ := fakeImages(t, mcptest.FakeStream(0, true, `{"status":"Pulling from x","id":"24"}`, `{"status":"Downloading","id":"a","progressDetail":{"current":3000000,"total":60000000}}`,
		`{"status":"Downloading","id":"b","progressDetail":{"current":9000000,"total":20000000}}`))
	signs := make(chan struct{}, 100)
	spec := r.spec()
	spec.Isolation.Image, spec.Sign = "node:24", func() { signs <- struct{}{} }
	p := r.start(spec)
	deadline := time.Now().Add(patience)
	for p.Stage() != "pulling the image node:24, 12MB of 80MB" {
		if time.Now().After(deadline) {
			t.Fatal(p.Stage())
		}
		time.Sleep(time.Millisecond)
	}
	if n := len(signs); n < 4 {
		t.Errorf("%d signs of life", n)
	}
	begin := time.Now()
	p.Kill()
	if err := p.end(); !errors.Is(err, context.Canceled) || mcptest.TooLong(time.Since(begin), 5*time.Second) {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}

// News that change nothing that is shown are a sign of life all the same: layers are unpacked for minutes.
func TestAllNewsOfAPullAreSignsOfLife(t *testing.T) {
	t.Parallel()
	news := []string{`{"status":"Downloading","id":"a","progressDetail":{"current":9,"total":9}}`}
	for i := range 50 {
		news = append(news, fmt.Sprintf(`{"status":"Extracting","id":"a","progressDetail":{"current":%d,"total":9}}`, i))
	}
	news = append(news, `{"status":7}`, `{"progressDetail":"none"}`)
	r, _ := fakeImages(t, mcptest.FakeStream(0, false, news...))
	n := 0
	spec := r.spec()
	spec.Isolation.Image, spec.Sign = "node:24", func() { n++ }
	fails(t, r.start(spec).end(), "enough")
	if n < len(news) {
		t.Errorf("%d signs of life in %d pieces of news", n, len(news))
	}
}

func TestAPullThatFails(t *testing.T) {
	t.Parallel()
	half := `{"status":"Downloading","id":"a","progressDetail":{"current":3,"total":60}}`
	for name, c := range map[string]struct {
		pull http.HandlerFunc
		want []string
	}{
		"no repository": {mcptest.FakeStatus(404, "pull access denied for x, repository does not exist or may require 'docker login'"), []string{"may not be pulled", "docker login"}},
		"no tag":        {mcptest.FakeStatus(404, "manifest for node:24 not found: manifest unknown"), []string{"there is no image node:24", "built or loaded"}},
		"no such layer": {mcptest.FakeStream(0, false, half, mcptest.FakePullError("manifest unknown")), []string{"there is no image node:24"}},
		"another one's": {mcptest.FakeStatus(500, "denied: requested access to the resource is denied"), []string{"may not be pulled", "docker login"}},
		"a login":       {mcptest.FakeStatus(401, "unauthorized: authentication required"), []string{"may not be pulled"}},
		"too many":      {mcptest.FakeStatus(500, "toomanyrequests: You have reached your pull rate limit"), []string{"too many requests", "later"}},
		"full":          {mcptest.FakeStream(0, false, half, mcptest.FakePullError("write /var/lib/docker/tmp/x: no space left on device")), []string{"disk", "full", "docker system df"}},
		"no way":        {mcptest.FakeStatus(500, "Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host"), []string{"could not be pulled", "no such host", "connection to the registry"}},
		"lost": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, half)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, []string{"does not answer"}},
		"dropped":        {mcptest.FakeDrop, []string{"does not answer"}},
		"garbage":        {mcptest.FakeStream(0, false, "<html>"), []string{"could not be pulled", "invalid character"}},
		"without end":    {mcptest.FakeStream(0, false, half, `{"status":"`+strings.Repeat("x", 3<<20)+`"}`), []string{"could not be pulled", "does not report its progress as JSON"}},
		"hostile":        {mcptest.FakeStream(0, false, mcptest.FakePullError("\x1b[2Jyou\nare \u202eowned"+strings.Repeat("x", 1000))), []string{"could not be pulled: \\u001b[2Jyou are \\u202eowned", "…"}},
		"nothing pulled": {mcptest.FakeStatus(500, ""), []string{"could not be pulled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f := fakeImages(t, c.pull)
			spec := r.spec()
			spec.Isolation.Image, spec.Isolation.Pull = "node:24", config.PullAlways
			err := r.start(spec).end()
			fails(t, err, c.want...)
			if strings.ContainsAny(err.Error(), "\n\x1b\u202e") || len(err.Error()) > 800 {
				t.Errorf("%q", err)
			}
			if got := seen(f, "/containers/create"); got != nil {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestTheEnginesDiskIsFull(t *testing.T) {
	t.Parallel()
	e := newEngine(t, mcptest.WithDisk(16<<20))
	r := newRig(t, e.Host)
	spec := r.spec()
	spec.Isolation.Cache = true
	p := r.start(spec).running()
	if got := p.ask("fill /var/tmp/all"); !strings.Contains(got, "no space left on device") {
		t.Fatal(got)
	}
	fails(t, r.start(r.spec()).end(), "the disk of the Docker engine at "+e.Host+" is full", "docker system df")
	p.Kill()
	p.await(p.Gone(), "its removal")
	none(t, e, r)
}

func TestLayers(t *testing.T) {
	l := layers{}
	for _, step := range []struct{ news, want string }{
		{`{"status":"Pulling fs layer","id":"a","progressDetail":{}}`, ""},
		{`{"status":"Downloading","id":"a","progressDetail":{"current":500,"total":2000}}`, ", 500B of 2kB"},
		{`{"status":"Downloading","id":"b","progressDetail":{"current":0,"total":1000000}}`, ", 500B of 1.002MB"},
		{`{"status":"Extracting","id":"b","progressDetail":{"current":1,"total":5}}`, ", 500B of 1.002MB"},
		{`{"status":"Download complete","id":"a"}`, ", 2kB of 1.002MB"},
		{`{"status":"Pull complete","id":"b"}`, ", 1.002MB of 1.002MB"},
		{`{"status":"Pull complete","id":"never seen"}`, ", 1.002MB of 1.002MB"},
		{`{"status":"Downloading","id":"c","progressDetail":{"current":-5,"total":7}}`, ", 1.002MB of 1.002MB"},
	} {
		var n pullNews
		if err := json.Unmarshal([]byte(step.news), &n); err != nil {
			t.Fatal(err)
		}
		l.note(n)
		if got := l.String(); got != step.want {
			t.Errorf("%s: %q", step.news, got)
		}
	}
	for i := range 3 * layersMost {
		l.note(pullNews{ID: fmt.Sprint(i), Status: "Downloading", Progress: struct{ Current, Total int64 }{1 << 62, 1 << 62}})
	}
	if len(l) > layersMost || strings.Contains(l.String(), "-") {
		t.Errorf("%d layers, %s", len(l), l)
	}
}

func TestPlatforms(t *testing.T) {
	for _, c := range []struct {
		wanted, got string
		want        bool
	}{
		{"linux/amd64", "linux/amd64", true}, {"linux/amd64", "linux/arm64", false}, {"linux/arm64", "linux/arm64/v8", true}, {"linux/arm64/v8", "linux/arm64", true},
		{"linux/arm/v7", "linux/arm/v6", false}, {"linux/arm/v7", "linux/arm/v7", true}, {"linux/arm", "linux/arm/v7", true}, {"Linux/AMD64", "linux/amd64", true}, {"windows/amd64", "linux/amd64", false},
	} {
		if got := samePlatform(*platformOf(c.wanted), *platformOf(c.got)); got != c.want {
			t.Errorf("%s for %s: %v", c.got, c.wanted, got)
		}
	}
	if platformOf("") != nil {
		t.Error("a platform of nothing")
	}
}
