package transport

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/mark3labs/mcp-go/server/servertest"
)

// goPeer is mcp-go's server: an independent reading of the specification.
func goPeer(opts ...server.StreamableHTTPOption) (*server.MCPServer, *server.StreamableHTTPServer) {
	s := server.NewMCPServer("peer", "1", server.WithToolCapabilities(true))
	s.AddTool(mcp.NewTool("echo"), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(req.GetString("text", "")), nil
	})
	s.AddTool(mcp.NewTool("count"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			_ = s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": "t", "progress": i})
			time.Sleep(10 * time.Millisecond)
		}
		return mcp.NewToolResultText("counted"), nil
	})
	return s, server.NewStreamableHTTPServer(s, opts...)
}

// openPeer goes through the opening with a server whose answers are not known to the byte.
func openPeer(c *httpConn) {
	c.t.Helper()
	c.send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	c.wantPart(`"serverInfo":{"name":"peer"`)
	c.SetVersion("2025-11-25")
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// wantPart skips messages until one has this in it.
func (c *httpConn) wantPart(part string) { c.t.Helper(); c.wantParts(part) }

// wantParts skips messages until each part was in one, in whatever order.
func (c *httpConn) wantParts(parts ...string) {
	c.t.Helper()
	for len(parts) > 0 {
		in := c.next()
		if in.Failed != nil {
			c.t.Fatalf("request %s failed: %v", in.Failed.ID, in.Failed.Err)
		}
		parts = slices.DeleteFunc(parts, func(part string) bool { return strings.Contains(string(in.Raw), part) })
	}
}

func TestHTTPPeer(t *testing.T) {
	s, handler := goPeer(server.WithStateful(true))
	p := httptest.NewServer(handler)
	t.Cleanup(p.Close)
	c := dialTest(t, HTTPSpec{URL: p.URL + "/mcp"})
	openPeer(c)
	c.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"grüß"}}}`)
	c.wantPart(`"text":"grüß"`)
	c.send(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"count","_meta":{"progressToken":"t"}}}`)
	c.wantParts(`"progress":0`, `counted`) // the peer sends progress on either stream, and may drop it at the end
	c.request(4, "no/such")
	c.wantPart(`-32601`)
	s.AddTool(mcp.NewTool("late"), nil)
	c.wantPart(`notifications/tools/list_changed`) // on the standing stream
	c.Close(time.Second)
	c.wantEnd(io.EOF)
}

// After a restart the peer knows no session: the connection says so, and the next one works.
func TestHTTPPeerRestart(t *testing.T) {
	_, before := goPeer(server.WithStateful(true))
	_, after := goPeer(server.WithStateful(true))
	var restarted atomic.Bool
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if restarted.Load() {
			after.ServeHTTP(w, r)
		} else {
			before.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.Close)
	c := dialTest(t, HTTPSpec{URL: p.URL + "/mcp"})
	openPeer(c)
	c.request(9, "ping")
	c.wantPart(`"id":9`) // the standing stream is open
	restarted.Store(true)
	c.request(2, "tools/list")
	if err := c.wantFailed("2", "session", true); !errors.Is(err, ErrSessionLost) {
		t.Error(err)
	}
	c.wantEnd(ErrSessionLost)
	openPeer(dialTest(t, HTTPSpec{URL: p.URL + "/mcp"}))
}

func TestHTTPPeerLegacy(t *testing.T) {
	s, _ := goPeer()
	legacy := servertest.NewTestServer(s)
	t.Cleanup(legacy.Close)
	for _, explicit := range []bool{true, false} {
		c := dialTest(t, HTTPSpec{URL: legacy.URL + "/sse", SSE: explicit})
		openPeer(c)
		c.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"old"}}}`)
		c.wantPart(`"text":"old"`)
		c.Close(time.Second)
		c.wantEnd(io.EOF)
	}
}

// Over HTTP/2, with a compressed stream: events arrive as they are sent.
func TestHTTP2(t *testing.T) {
	more := make(chan struct{})
	p := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := parseMsg(body)
		if r.ProtoMajor != 2 || r.Header.Get("Accept-Encoding") != "gzip" {
			reply(w, m, `"not HTTP/2, or no gzip"`)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		sse(w, "")
		for _, text := range []string{progress, answerOf(m, `{}`)} {
			_, _ = io.WriteString(z, "data: "+text+"\n\n")
			_ = z.Flush()
			_ = http.NewResponseController(w).Flush()
			<-more
		}
		_ = z.Close()
	}))
	p.EnableHTTP2 = true
	p.StartTLS()
	t.Cleanup(p.Close)
	c := dialTest(t, HTTPSpec{URL: p.URL}, func(h *HTTP) {
		h.base.TLSClientConfig = p.Client().Transport.(*http.Transport).TLSClientConfig
	})
	c.request(2, "m")
	c.want(progress)
	more <- struct{}{}
	c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
	close(more)
	c.Close(time.Second)
	noGoroutines(t)
}
