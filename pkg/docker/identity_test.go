package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// useContext writes a context of the docker command, and makes it the current one.
func useContext(t *testing.T, home, name, host string) {
	t.Helper()
	writeFiles(t, filepath.Join(home, ".docker"), map[string]string{
		contextFile(name, "meta/meta.json"): fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host),
		"config.json":                       fmt.Sprintf(`{"currentContext":%q}`, name),
	})
}

// An engine is the same one however it is found, and another one when it is elsewhere or something else vouches for it.
func TestIdentity(t *testing.T) {
	home := t.TempDir()
	socket, link := filepath.Join(home, "docker.sock"), filepath.Join(home, "link.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(socket, link); err != nil {
		t.Fatal(err)
	}
	find := func(host string, env ...string) Identity {
		t.Helper()
		e, err := FindEndpoint(host, append(env, "HOME="+home))
		if err != nil {
			t.Fatal(err)
		}
		return e.Identity()
	}
	if id := find(""); !id.Default() {
		t.Errorf("the default is %+v", id)
	}
	one := find("unix://" + socket)
	useContext(t, home, "mine", "unix://"+socket)
	for how, id := range map[string]Identity{"a link": find("unix://" + link), "DOCKER_HOST": find("", "DOCKER_HOST=unix://"+socket), "the context": find(""), "DOCKER_CONTEXT": find("", "DOCKER_CONTEXT=mine")} {
		if id != one || id.Default() {
			t.Errorf("%s: %+v, want %+v", how, id, one)
		}
	}
	useContext(t, home, "mine", "ssh://evil@example.com")
	if id := find(""); id == one || id.Host != "ssh://evil@example.com" {
		t.Errorf("the context leads elsewhere: %+v", id)
	}
	certs := func(text string) string {
		dir := t.TempDir()
		for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
			os.WriteFile(filepath.Join(dir, name), []byte(text+name), 0o600)
		}
		return "DOCKER_CERT_PATH=" + dir
	}
	a, b := find("tcp://h.example:2376", certs("a")), find("tcp://h.example:2376", certs("b"))
	if a == b || a.CA == "" || a != find("tcp://h.example:2376", certs("a")) {
		t.Errorf("what vouches for it: %+v and %+v", a, b)
	}
}

func TestOfCommand(t *testing.T) {
	home := t.TempDir()
	useContext(t, home, "mine", "ssh://me@example.com")
	for line, want := range map[string]string{
		"run -i x": "ssh://me@example.com", "-H unix:///a run x": "unix:///a", "--host=unix:///a run": "unix:///a", "-Hunix:///a run": "unix:///a", "--context default run": "", "--context=mine run": "ssh://me@example.com",
		"-D run -H unix:///no x": "ssh://me@example.com", "-l debug --tlscacert f -H unix:///a run": "unix:///a", "--config /nowhere run": "", "compose run x": "ssh://me@example.com", "-H tcp://plain.example:2375 run": "tcp://plain.example:2375",
	} {
		e, err := OfCommand(strings.Fields(line), []string{"HOME=" + home})
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if got := e.Identity(); got.Host != want && !(want == "" && got.Default()) {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if e, err := OfCommand([]string{"run"}, []string{"HOME=" + home, "DOCKER_HOST=unix:///b"}); err != nil || e.Host != "unix:///b" {
		t.Errorf("DOCKER_HOST: %+v %v", e, err)
	}
	if e, err := OfCommand([]string{"-c", "mine", "run"}, []string{"HOME=" + home, "DOCKER_HOST=unix:///b"}); err != nil || e.Host != "ssh://me@example.com" {
		t.Errorf("-c: %+v %v", e, err)
	}
}
