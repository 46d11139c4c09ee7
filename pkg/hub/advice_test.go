package hub

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// A remote server that can't be started is not said to have a command: not in its state, not in the errors of calls.
func TestAdviceFitsTheTransport(t *testing.T) {
	mcptest.CheckGoroutines(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(srv.Close)
	h := newHub(t, map[string]json.RawMessage{"web": json.RawMessage(`{"url":"` + srv.URL + `/mcp"}`), "away": json.RawMessage(`{"url":"http://127.0.0.1:1/mcp"}`)})
	c, done := h.client(session.Options{})
	list := func() string { return text(c, "upstream_servers", map[string]any{"operation": "list"}) }
	until(t, "both have failed", func() bool { return strings.Count(list(), `failed`) >= 2 })
	said := list()
	for _, name := range []string{"web", "away"} {
		for range 2 { // the second comes before the next try
			said += text(c, name+"__echo", map[string]any{"message": "x"})
		}
	}
	if strings.Contains(said, "command") || !strings.Contains(said, "headers") || !strings.Contains(said, "url") {
		t.Errorf("%s", said)
	}
	c.Close()
	<-done
	h.Close()
}
