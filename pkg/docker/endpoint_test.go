package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFiles makes files below dir; names have slashes.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// contextFile is where the docker command keeps a context.
func contextFile(name, rest string) string {
	sum := sha256.Sum256([]byte(name))
	return "contexts/" + rest[:strings.IndexByte(rest, '/')+1] + hex.EncodeToString(sum[:]) + rest[strings.IndexByte(rest, '/'):]
}

func TestFindEndpoint(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"used/config.json": `{"currentContext": "build"}`,
		"used/" + contextFile("build", "meta/meta.json"):  `{"Name":"build","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@build","SkipTLSVerify":false}}}`,
		"used/" + contextFile("bare", "meta/meta.json"):   `{"Name":"bare","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://10.0.0.1:2375","SkipTLSVerify":false}}}`,
		"used/" + contextFile("secret", "meta/meta.json"): `{"Name":"secret","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://me:hunter2@10.0.0.1:2375","SkipTLSVerify":false}}}`,
		"used/" + contextFile("none", "meta/meta.json"):   `{"Name":"none","Metadata":{},"Endpoints":{}}`,
		"broken/config.json":                              `{`,
		"certs/ca.pem":                                    "x", "certs/cert.pem": "x", "certs/key.pem": "x",
		"gone/config.json": `{"currentContext": "lost"}`,
	})
	in := func(name string) string { return "DOCKER_CONFIG=" + filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		host    string
		environ []string
		want    string // the address and where it is from, or "!" and a part of the error
	}{
		"nothing said":                {"", []string{in("empty")}, "unix:///var/run/docker.sock the default"},
		"the entry's own":             {"unix:///x.sock", []string{"DOCKER_HOST=unix:///y.sock", in("used")}, "unix:///x.sock docker_host"},
		"the variable":                {"", []string{"DOCKER_HOST=unix:///y.sock", in("used")}, "unix:///y.sock DOCKER_HOST"},
		"an empty variable":           {"", []string{"DOCKER_HOST=", in("used")}, `ssh://me@build the docker context "build"`},
		"the context in use":          {"", []string{in("used")}, `ssh://me@build the docker context "build"`},
		"a named context":             {"", []string{in("used"), "DOCKER_CONTEXT=default"}, "unix:///var/run/docker.sock the default"},
		"a context that is not there": {"", []string{in("gone")}, `!the docker context "lost" cannot be read`},
		"a context without an engine": {"", []string{in("used"), "DOCKER_CONTEXT=none"}, `!the docker context "none" cannot be used`},
		"a context without TLS":       {"", []string{in("used"), "DOCKER_CONTEXT=bare"}, "!without TLS"},
		"an unreadable configuration": {"", []string{in("broken")}, "!configuration in " + filepath.Join(dir, "broken") + " cannot be read"},
		"tcp with certificates":       {"tcp://build:2376", []string{in("empty"), "DOCKER_CERT_PATH=" + filepath.Join(dir, "certs")}, "tcp://build:2376 docker_host"},
		"tcp without":                 {"tcp://build:2376", []string{in("empty")}, "!ca.pem"},
		"tcp on this machine":         {"tcp://127.0.0.1:2375", []string{in("empty")}, "tcp://127.0.0.1:2375 docker_host"},
		"tcp here that wants TLS":     {"tcp://localhost:2375", []string{in("empty"), "DOCKER_TLS_VERIFY=1"}, "!ca.pem"},
		"tcp here at the port of TLS": {"tcp://localhost:2376", []string{in("empty")}, "!ca.pem"},
		"ssh":                         {"ssh://me@build:22", []string{in("empty")}, "ssh://me@build:22 docker_host"},
		"ssh with a password":         {"ssh://me:hunter2@build", []string{in("empty")}, "!contains a password"},
		"tcp with a password":         {"tcp://me:hunter2@127.0.0.1:2375", []string{in("empty")}, "!contains a password"},
		"tcp elsewhere with one":      {"tcp://me:hunter2@build:2375", []string{in("empty"), "DOCKER_CERT_PATH=" + filepath.Join(dir, "certs")}, "!contains a password"},
		"tcp with a user":             {"tcp://me@127.0.0.1:2375", []string{in("empty")}, "!names a user"},
		"a context with a password":   {"", []string{in("used"), "DOCKER_CONTEXT=secret"}, "!contains a password"},
		"what cannot be read":         {"tcp://me:hunter2@[", []string{in("empty")}, "!cannot be read"},
		"another scheme":              {"http://build", []string{in("empty")}, `!begins with "http://"`},
		"no address":                  {"build:2376", []string{in("empty")}, `!begins with "build://"`},
		"what is no URL":              {"tcp://[", []string{in("empty")}, "!cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := FindEndpoint(c.host, c.environ)
			got := e.Host + " " + e.Source
			if err != nil {
				got = "!" + err.Error()
			}
			if want, isError := strings.CutPrefix(c.want, "!"); isError != (err != nil) || isError && !strings.Contains(got, want) || !isError && got != want {
				t.Errorf("%s", got)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(e.Host, "hunter2") {
				t.Errorf("the password is shown: %s %s", got, e.Host)
			}
			if err != nil && e.way.Host != c.host {
				t.Errorf("found by %v", e.way)
			}
		})
	}
}

// A later life finds the engine again, also if another context is in use by then.
func TestFindEndpointAgain(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"config.json":                          `{"currentContext": "build"}`,
		contextFile("build", "meta/meta.json"): `{"Name":"build","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///build.sock"}}}`,
		contextFile("other", "meta/meta.json"): `{"Name":"other","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///other.sock"}}}`,
	})
	e, err := FindEndpoint("", []string{"DOCKER_CONFIG=" + dir, "SECRET=x"})
	if err != nil || e.Host != "unix:///build.sock" {
		t.Fatal(e.Host, err)
	}
	writeFiles(t, dir, map[string]string{"config.json": `{"currentContext": "other"}`})
	if again, err := e.way.find(); err != nil || again.Host != e.Host {
		t.Error(again.Host, err)
	}
	if e.way.Env["SECRET"] != "" {
		t.Error("what leads to no engine is kept")
	}
}
