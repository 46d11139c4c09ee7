package hub

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// The page of an MCP App need not be listed: a tool's _meta names it, and reading it starts the tool's server. Where two
// servers name the same one, each tool leads to its own server's, under the scheme that hosts look for.
func TestPagesOfApps(t *testing.T) {
	mcptest.CheckGoroutines(t)
	metas := map[string]string{
		"a": `{"ui":{"resourceUri":"ui://app/page","x":1.0}}`,
		"b": `{"ui/resourceUri":"ui://app/page"}`,
		"c": `{"ui":{"resourceUri":"ui://app/page"},"ui/resourceUri":"ui://app/page"}`,
		"e": `{"openai/outputTemplate":"ui://app/page"}`,
		"d": `{"ui":{"resourceUri":"ui://d/only"}}`,
	}
	config, servers := map[string]json.RawMessage{}, map[string]*mcptest.HTTPServer{}
	for name, meta := range metas {
		servers[name] = mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: name, Resources: -1,
			ExtraTools: []json.RawMessage{json.RawMessage(`{"name":"show","inputSchema":{"type":"object"},"_meta":` + meta + `}`)}}})
		config[name] = json.RawMessage(`{"url":"` + servers[name].URL + `"}`)
	}
	h := newHub(t, config)
	tools := func(c *mcptest.Client) map[string][]byte {
		found := map[string][]byte{}
		for _, raw := range c.List("tools/list") {
			var tool struct{ Name string }
			_ = json.Unmarshal(raw, &tool)
			if server, ok := strings.CutSuffix(tool.Name, "__show"); ok {
				found[server] = raw
			}
		}
		return found
	}
	c, done := h.client(session.Options{})
	until(t, "all tools are known", func() bool { return len(tools(c)) == len(metas) })
	c.Close()
	<-done

	c, done = h.client(session.Options{}) // nothing runs now
	seen := map[string]bool{}
	for server, raw := range tools(c) {
		meta := mcp.Field(raw, "_meta")
		var uris []string
		for _, at := range [][]byte{mcp.Field(mcp.Field(meta, "ui"), "resourceUri"), mcp.Field(meta, "ui/resourceUri"), mcp.Field(meta, "openai/outputTemplate")} {
			if at != nil {
				uris = append(uris, string(jsonrpc.Unquote(at)))
			}
		}
		want := "ui://app/page"
		if server == "d" {
			want = "ui://d/only"
		}
		for _, uri := range uris {
			if uri != uris[0] || !strings.HasPrefix(uri, "ui://") {
				t.Errorf("%s names %q", server, uris)
			}
		}
		if seen[uris[0]] {
			t.Errorf("%s names the page of another: %q", server, uris)
		}
		seen[uris[0]] = true
		c.Call("resources/read", map[string]any{"uri": uris[0]})
		got := servers[server].RequestsFor("resources/read")
		if len(got) != 1 || !strings.Contains(got[0].Body, `"`+want+`"`) {
			t.Errorf("reading %s asked %s %d times", uris[0], server, len(got))
		}
	}
	if len(seen) != len(metas) {
		t.Errorf("pages: %v", seen)
	}
	c.Close()
	<-done
	h.Close()
}
