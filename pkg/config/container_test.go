package config

import (
	"strings"
	"testing"
)

func TestStartsContainer(t *testing.T) {
	for line, want := range map[string]bool{
		"docker run -i image":                       true,
		"docker run":                                true,
		"/usr/bin/docker run image":                 true,
		`C:\docker\Docker.EXE run image`:            false,
		"/proc/self/cwd/docker run image":           false,
		"/tmp/docker run image":                     false,
		"/usr/bin/../../tmp/docker run i":           false,
		"podman run image":                          true,
		"nerdctl run image":                         true,
		"docker container run image":                true,
		"docker --context far run image":            true,
		"docker --context=far --debug run image":    true,
		"docker -H ssh://h container --x run image": true,
		"nerdctl -n k8s.io run image":               true,
		"docker exec -i c run":                      false,
		"docker --context run exec c":               false,
		"docker compose run s":                      false,
		"docker mcp gateway run":                    false,
		"docker container exec run":                 false,
		"docker start run":                          false,
		"docker":                                    false,
		"docker container":                          false,
		"./docker run image":                        false,
		"bin/docker run image":                      false,
		`bin\docker run image`:                      false,
		"${workspaceFolder}/docker run image":       false,
		"npx docker run":                            false,
		"docker-mcp run":                            false,
		"sh -c docker run":                          false,
	} {
		words := strings.Fields(line)
		if got := StartsContainer(words[0], words[1:], false); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
	if !StartsContainer(`C:\Program Files\Docker\Docker\resources\bin\docker.exe`, []string{"run", "image"}, true) {
		t.Error("Docker Desktop's")
	}
	if StartsContainer("docker", []string{"run", "image"}, true) {
		t.Error("a docker of the entry's own PATH")
	}
	if (&Server{Protocol: ProtocolStdio, Command: "docker", Args: []string{"run"}, Env: []Var{{"Path", "/w"}}}).OwnContainer() {
		t.Error("an entry with a PATH of its own")
	}
	if (&Server{Protocol: ProtocolHTTP, Command: "docker", Args: []string{"run"}}).OwnContainer() {
		t.Error("a server elsewhere starts a container here")
	}
}
