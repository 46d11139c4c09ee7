package upstream

import (
	"strings"
	"testing"
)

type confinedConn struct {
	Conn
	how string
}

func (c confinedConn) Origin() Origin { return Origin{Confinement: c.how} }

func TestDenied(t *testing.T) {
	for words, want := range map[string]bool{
		"> Error: ENOENT: no such file or directory, open '/home/u/x'": true, "> [Error: EACCES: permission denied, mkdir '/x']": true, "> Error: EPERM: operation not permitted": true,
		"> FileNotFoundError: [Errno 2] No such file or directory: '/x'": true, "> PermissionError: [Errno 13] Permission denied: '/x'": true, "> open /x: no such file or directory": true,
		"> java.nio.file.NoSuchFileException: /x": true, "> Error: Cannot find module '/home/u/app/server.js'": true, "> cat: /x: Read-only file system": true,
		"> OSError: [Errno 97] Address family not supported by protocol": true, "> thread 'main' panicked: Os { code: 13, kind: PermissionDenied }": true,
		"": false, "> Invalid API key": false, "> TypeError: x is not a function": false, "> connect ECONNREFUSED 127.0.0.1:80": false,
	} {
		for how, place := range map[string]string{"sandbox (bubblewrap)": "in a sandbox", "docker node:24": "in a container", "": ""} {
			got := denied(confinedConn{how: how}, words)
			if told := strings.Contains(got, "isolation.mounts"); told != (want && how != "") || told && !strings.Contains(got, place) {
				t.Errorf("%q in %q: %q", words, how, got)
			}
		}
	}
	if got := denied(nil, "EACCES"); got != "" {
		t.Error(got)
	}
}
