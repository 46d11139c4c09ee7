package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// Error says why a server could not serve a call, and what to do.
type Error struct {
	Server string
	Step   string // when it happened, as in "while it was starting"
	Cause  error
	Tail   string // the first and the last lines that it wrote to stderr
	Remedy string
}

// ErrClosed is the cause when a server was stopped on purpose; ErrStillStarting when a call waited too long for a
// start.
var (
	ErrClosed        = errors.New("it was stopped")
	ErrStillStarting = errors.New("still starting, not run")
	ErrWaitsForLogin = errors.New("the user is logging in to it, not run")
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
		text += "\nIts output:\n" + e.Tail
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// ToCheck says what to look at when a server does not start: what its entry says of its transport, or what a remote
// server's answer is about.
func ToCheck(remote bool, cause error) string {
	if !remote {
		return "check its command, args and env"
	}
	var status *transport.StatusError
	if !errors.As(cause, &status) {
		return "check its url, and whether it can be reached from here"
	}
	switch code := status.Code; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "check the key in its headers"
	case code == http.StatusTooManyRequests, code >= 500:
		return "the service is busy or failing: wait"
	case code == http.StatusBadRequest:
		return "check its url and headers"
	}
	return "check its url"
}

// namesRemedy tells whether a cause says itself what to do.
func namesRemedy(cause error) bool {
	var login *oauth.Error
	var container *docker.Error
	var lack *launch.Lack
	return errors.As(cause, &login) || errors.As(cause, &container) || errors.As(cause, &lack)
}

// What is kept of a server's stderr for an error message. Programs tell why they end at either end of what they write:
// Node prints the message first and the stack after it, Python the stack first; others print a banner before, or what
// they clean up after.
const (
	headLines = 8
	tailLines = 12
	mostTail  = 200 // lines that are looked through for a reason between the two
	mostLine  = 300 // bytes of a line: a bundled program's source is one of many thousand
)

// tail keeps both ends of a server's stderr for an error message, and of what is between them the last line that names
// an error. Each is marked: they are the server's words, not ours.
func tail(s string) string {
	all := strings.Split(strings.TrimRight(confusables.PlainLines(s), "\n"), "\n")
	if len(all) == 1 && strings.TrimSpace(all[0]) == "" {
		return ""
	}
	for i, line := range all {
		all[i] = shortened(line)
	}
	if len(all) > headLines+tailLines+1 {
		all = withoutMiddle(all)
	}
	return "> " + strings.Join(all, "\n> ")
}

// withoutMiddle leaves out what is between the first and the last lines but for one that names an error.
func withoutMiddle(all []string) []string {
	middle := all[headLines : len(all)-tailLines]
	kept := slices.Clone(all[:headLines])
	at := -1
	for i := len(middle) - 1; i >= max(0, len(middle)-mostTail) && at < 0; i-- {
		if namesError(middle[i]) {
			at = i
		}
	}
	leave := func(n int) {
		if n > 0 {
			kept = append(kept, fmt.Sprintf("… (%d lines)", n))
		}
	}
	if at >= 0 {
		leave(at)
		kept = append(kept, middle[at])
		middle = middle[at+1:]
	}
	leave(len(middle))
	return append(kept, all[len(all)-tailLines:]...)
}

// namesError tells whether a line is how a runtime begins the report of an error: "TypeError: …", "panic: …", "Fatal
// error: …".
func namesError(line string) bool {
	if line == "" || line[0] == ' ' || line[0] == '\t' { // of a stack, or quoted source
		return false
	}
	word, _, found := strings.Cut(line, ":")
	if !found || len(word) > 80 {
		return false
	}
	word = strings.ToLower(word)
	return slices.ContainsFunc([]string{"error", "exception", "panic", "fatal"}, func(w string) bool { return strings.Contains(word, w) })
}

// shortened is a line of which no more than mostLine bytes are kept, those at both its ends.
func shortened(line string) string {
	if len(line) <= mostLine {
		return line
	}
	return strings.ToValidUTF8(line[:mostLine*2/3], "") + " … " + strings.ToValidUTF8(line[len(line)-mostLine/3:], "")
}
