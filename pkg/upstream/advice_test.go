package upstream

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// What a failure advises fits the transport, and for a remote server what its answer is about.
func TestToCheck(t *testing.T) {
	status := func(code int) error {
		return fmt.Errorf("at the start: %w", &transport.StatusError{Code: code, Status: fmt.Sprint(code)})
	}
	for _, tt := range []struct {
		remote bool
		cause  error
		want   string
	}{
		{false, errors.New("exited with status 1"), "command, args and env"},
		{true, errors.New("mcp.example.com:443: no such host"), "url"}, {true, errors.New("connection refused"), "reached from here"},
		{true, status(401), "key in its headers"}, {true, status(403), "key in its headers"}, {true, status(404), "check its url"}, {true, status(410), "check its url"},
		{true, status(400), "url and headers"}, {true, status(429), "busy"}, {true, status(503), "wait"}, {true, status(500), "busy or failing"},
	} {
		got := ToCheck(tt.remote, tt.cause)
		if !strings.Contains(got, tt.want) || tt.remote && (strings.Contains(got, "command") || strings.Contains(got, "env")) {
			t.Errorf("%v, %v: %s", tt.remote, tt.cause, got)
		}
	}
}

// The line of isolation that a confined server lacks is all there is to do: nothing else is advised beside it.
func TestLackNamesItsRemedy(t *testing.T) {
	if !namesRemedy(fmt.Errorf("at the start: %w", &launch.Lack{})) || namesRemedy(errors.New("exited with status 1")) {
		t.Error("the advice beside a lack is not its own alone")
	}
}
