package upstream

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

// Error says why a server could not serve a call, and what to do.
type Error struct {
	Server string
	Step   string // when it happened, as in "while it was starting"
	Cause  error
	Tail   string // the last lines it wrote to stderr
	Remedy string
}

// ErrClosed is the cause when a server was stopped on purpose; ErrStillStarting when a call waited too long for a start.
var (
	ErrClosed        = errors.New("it was stopped")
	ErrStillStarting = errors.New("still starting, not run")
	ErrWaitsForLogin = errors.New("a person is logging in to it, not run")
	ErrTimeout       = errors.New("no answer in time; the call was cancelled")
)

func (e *Error) Error() string {
	text := "server " + strconv.Quote(e.Server)
	if e.Step != "" {
		text += " " + e.Step
	}
	text += ": " + e.Cause.Error()
	if e.Remedy != "" {
		text += ". " + e.Remedy
	}
	if e.Tail != "" {
		text += "\nIts last output:\n" + e.Tail
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// namesRemedy tells whether a cause says itself what to do.
func namesRemedy(cause error) bool {
	var login *oauth.Error
	var container *docker.Error
	return errors.As(cause, &login) || errors.As(cause, &container)
}

// tail keeps the last lines of a server's stderr for an error message. Each is marked: they are the server's words, not ours.
func tail(s string) string {
	const lines, most = 12, 2000
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	all := strings.Split(strings.TrimRight(confusables.PlainLines(s), "\n"), "\n")
	if all = all[max(0, len(all)-lines):]; len(all) == 1 && all[0] == "" {
		return ""
	}
	return "> " + strings.Join(all, "\n> ")
}
