package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// Error says why a server does not run in a container, and what to do.
type Error struct {
	Cause  error
	Remedy string // a sentence without its full stop
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Cause.Error()
	}
	return e.Cause.Error() + ". " + e.Remedy
}

func (e *Error) Unwrap() error { return e.Cause }

func refuse(cause error, remedy string) error { return &Error{cause, remedy} }

// quoted is an engine's or a registry's text in a message of ours, without the full stop.
func quoted(err error) string {
	return strings.TrimRight(confusables.Excerpt(strings.TrimPrefix(err.Error(), "Error response from daemon: "), 400), ".")
}

// said is quoted, without the secrets of the launch: an engine quotes what it does not like.
func (c *Container) said(err error) string {
	var values []string
	for _, kv := range c.spec.Env {
		_, value, _ := strings.Cut(kv, "=")
		values = append(values, value)
	}
	text := config.NewRedactor(config.SecretValues(values...), "…").Redact(err.Error())
	if c.spec.Redact != nil {
		text = c.spec.Redact(text)
	}
	return quoted(errors.New(text))
}

// explain words an error of the engine while a container was made or started, with the remedy where one is known.
func (c *Container) explain(doing string, err error) error {
	text := c.said(err)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(strings.ToLower(text), p) {
				return true
			}
		}
		return false
	}
	iso := &c.spec.Isolation
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(fmt.Errorf("the Docker engine at %s took longer than %s to %s", c.spec.Endpoint.Host, apiTimeout, doing), "Look at the load of its machine, or restart the engine")
	case unreachable(err):
		return c.spec.Endpoint.there(err)
	case has("docker-init", "exec /dev/init", "catatonit"):
		return refuse(fmt.Errorf("the engine cannot give the container an init process: %s", text), "Install docker-init (tini) on the engine's machine")
	case has("executable file not found", "no such file or directory: unknown", "stat "+strings.ToLower(c.spec.Command)+": no such file"):
		return refuse(fmt.Errorf("the image %s has no program %q", iso.Image, c.spec.Command), `Name a program of the image in "command", or another "image"; a program of this machine is not seen in the container`)
	case has("permission denied: unknown"):
		return refuse(fmt.Errorf("%q in the image %s cannot be executed by the container's user", c.spec.Command, iso.Image), `Set isolation.user, or another "command"`)
	case has("bind source path does not exist"):
		remedy := "Create it, or correct isolation.mounts"
		if c.spec.Endpoint.Remote() {
			remedy = "Mounts are directories of the engine's machine, " + c.spec.Endpoint.Host
		}
		return refuse(fmt.Errorf("a mount is not there: %s", text), remedy)
	case errdefs.IsNotFound(err) && has("network "):
		return refuse(fmt.Errorf("the engine has no network %q", iso.Network), "Create it with `docker network create`, or correct isolation.network")
	case has("unable to find user", "no matching entries in passwd"):
		return refuse(fmt.Errorf("the image %s has no user %q", iso.Image, iso.User), `Give isolation.user as numbers, such as "1000:1000"`)
	case has("no space left on device"):
		return refuse(fmt.Errorf("the disk of the Docker engine at %s is full", c.spec.Endpoint.Host), "Make room there (`docker system df` shows what takes it), then call again")
	}
	return refuse(fmt.Errorf("the Docker engine at %s refused to %s: %s", c.spec.Endpoint.Host, doing, text), "")
}
