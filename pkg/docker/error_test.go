//go:build unix

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func TestExplain(t *testing.T) {
	c := &Container{spec: Spec{Command: "npx", Isolation: config.Isolation{Image: "node:24", Network: "backend", User: "me"}, Endpoint: Endpoint{Host: "ssh://me@build", Source: "docker_host"}}}
	daemon := func(text string) error { return fmt.Errorf("Error response from daemon: %s", text) }
	for name, e := range map[string]struct {
		err  error
		want []string
	}{
		"cancelled":     {fmt.Errorf("x: %w", context.Canceled), []string{"context canceled"}},
		"late":          {fmt.Errorf("x: %w", context.DeadlineExceeded), []string{"ssh://me@build took longer than 1m0s to start the container", "load"}},
		"away":          {&url.Error{Op: "Post", URL: "http://x", Err: io.ErrUnexpectedEOF}, []string{"ssh://me@build can't be reached over ssh"}},
		"no program":    {daemon(`OCI runtime create failed: exec: "npx": executable file not found in $PATH: unknown`), []string{`node:24 has no program "npx"`, "a program of this machine is not seen"}},
		"no path":       {daemon(`exec: "/x": stat /x: no such file or directory: unknown`), []string{`node:24 has no program "npx"`}},
		"may not":       {daemon(`exec: "/x": permission denied: unknown`), []string{`"npx" in the image node:24 cannot be executed`, "isolation.user"}},
		"no mount":      {daemon(`invalid mount config for type "bind": bind source path does not exist: /x`), []string{"a mount is not there", "/x", "directories of the engine's machine, ssh://me@build"}},
		"no network":    {fmt.Errorf("network backend not found: %w", errdefs.ErrNotFound), []string{`no network "backend"`, "docker network create"}},
		"no user":       {daemon("unable to find user me: no matching entries in passwd file"), []string{`node:24 has no user "me"`, "as numbers"}},
		"full":          {daemon("mkdir /var/lib/docker/x: no space left on device"), []string{"disk", "is full", "docker system df"}},
		"no init":       {daemon(`exec: "docker-init": executable file not found in $PATH`), []string{"cannot give the container an init process", "tini"}},
		"no init file":  {daemon(`stat /sbin/docker-init: no such file or directory: unknown`), []string{"cannot give the container an init process", "tini"}},
		"anything else": {daemon("it is\tMonday\x1b[31m"), []string{"the Docker engine at ssh://me@build refused to start the container: it is Monday\\u001b[31m"}},
	} {
		t.Run(name, func(t *testing.T) { fails(t, c.explain("start the container", e.err), e.want...) })
	}
	if err := c.explain("x", context.Canceled); err != context.Canceled {
		t.Error(err)
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"Error response from daemon: no": "no", "a\nb\r\n\tc": "a b c", "\x1b[2J\x00\x07": `\u001b[2J\u0000\u0007`, "a\u202eb\u200bc": `a\u202eb\u200bc`, "ü – 漢": "ü – 漢", "\xff\xfe": "\ufffd", "": "",
		strings.Repeat("x", 500): strings.Repeat("x", 399) + "…", strings.Repeat("漢", 500): strings.Repeat("漢", 399) + "…",
	} {
		if got := quoted(errors.New(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestContainerNames(t *testing.T) {
	valid := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`) // what engines take
	for server, want := range map[string]string{"github": "mcpproxy-github-", "a b/c:d": "mcpproxy-a-b-c-d-", "ä": "mcpproxy---", "": "mcpproxy--", "..": "mcpproxy----",
		strings.Repeat("x", 500): "mcpproxy-" + strings.Repeat("x", 60) + "-"} {
		got := containerName(server)
		if !strings.HasPrefix(got, want) || !valid.MatchString(got) || len(got) != len(want)+8 {
			t.Errorf("%q: %s", server, got)
		}
		if got == containerName(server) {
			t.Errorf("%q: twice %s", server, got)
		}
	}
}

func TestEnforced(t *testing.T) {
	for want, iso := range map[string]config.Isolation{
		"256 processes": {}, "9 processes, 1.5GiB of memory, 0.5 processors": {Pids: 9, Memory: 3 << 29, CPUs: 0.5},
	} {
		if got := strings.Join(Enforced(&iso), ", "); got != want {
			t.Error(got)
		}
	}
}

func TestUnreachable(t *testing.T) {
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, &net.OpError{Op: "dial", Err: errors.New("x")}, &url.Error{Err: errors.New("x")}} {
		if !unreachable(fmt.Errorf("x: %w", err)) {
			t.Errorf("%#v", err)
		}
	}
	for _, err := range []error{errors.New("x"), errdefs.ErrNotFound, errdefs.ErrInternal, context.Canceled} {
		if unreachable(err) {
			t.Errorf("%#v", err)
		}
	}
}
