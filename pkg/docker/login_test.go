//go:build unix

package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The login of the image's registry goes to the engine, and no other.
func TestTheLoginOfARegistry(t *testing.T) {
	var mu sync.Mutex
	sent := map[string]string{}
	r, _ := fakeImages(t, func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		sent[q.URL.Query().Get("fromImage")] = q.Header.Get("X-Registry-Auth")
		mcptest.FakeStatus(404, "manifest unknown")(w, q)
	})
	auth := func(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":" + canary)) }
	bin := t.TempDir()
	writeFiles(t, bin, map[string]string{
		"docker-credential-fake":  "#!/bin/sh\nread host\necho '{\"ServerURL\":\"'$host'\",\"Username\":\"helped\",\"Secret\":\"" + canary + "\"}'\n",
		"docker-credential-token": "#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"" + canary + "\"}'\n",
		"docker-credential-none":  "#!/bin/sh\necho credentials not found in native keychain; exit 1\n",
		"docker-credential-odd":   "#!/bin/sh\necho " + canary + "\n",
	})
	for _, name := range []string{"fake", "token", "none", "odd"} {
		if err := os.Chmod(filepath.Join(bin, "docker-credential-"+name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	writeFiles(t, r.dir, map[string]string{"docker/config.json": `{"auths":{"https://index.docker.io/v1/":{"auth":"` + auth("hub") + `"},"ghcr.io":{"auth":"` + auth("gh") + `"}},
		"credHelpers":{"helped.example":"fake","token.example:5000":"token","none.example":"none","odd.example":"odd","gone.example":"gone"}}`})
	for image, want := range map[string]string{
		"node": "hub", "docker.io/owner/x": "hub", "ghcr.io/owner/x": "gh", "ghcr.io.evil.example/x": "", "quay.io/x": "",
		"helped.example/x": "helped", "token.example:5000/x": "", "none.example/x": "", "odd.example/x": "", "gone.example/x": "",
	} {
		spec := r.spec()
		spec.Isolation.Image = image
		fails(t, r.start(spec).end(), "there is no image")
		name, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		header, asked := sent[name.Name()]
		mu.Unlock()
		if !asked {
			t.Errorf("%s was not pulled: %v", image, sent)
		}
		text, _ := base64.URLEncoding.DecodeString(header)
		var got struct{ Username, Password, IdentityToken string }
		if len(text) > 0 && json.Unmarshal(text, &got) != nil {
			t.Errorf("%s: %q", image, text)
		}
		switch {
		case image == "token.example:5000/x":
			if got.IdentityToken != canary || got.Password != "" {
				t.Errorf("%s: %s", image, text)
			}
		case got.Username != want || (got.Password == canary) != (want != "") || got.IdentityToken != "":
			t.Errorf("%s: %s", image, text)
		}
	}
}

func TestACredentialHelperThatHangs(t *testing.T) {
	r, _ := fakeImages(t, mcptest.FakeStatus(404, "manifest unknown"))
	bin := t.TempDir()
	writeFiles(t, bin, map[string]string{"docker-credential-hang": "#!/bin/sh\ntouch " + bin + "/asked\nexec sleep 300\n"})
	if err := os.Chmod(filepath.Join(bin, "docker-credential-hang"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	mcptest.CheckProcesses(t, "")
	writeFiles(t, r.dir, map[string]string{"docker/config.json": `{"credsStore":"hang"}`})
	p := r.start(r.spec())
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(bin, "asked")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not asked")
		}
	}
	begin := time.Now()
	p.Kill()
	if err := p.end(); !errors.Is(err, context.Canceled) || mcptest.TooLong(time.Since(begin), 5*time.Second) {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}
