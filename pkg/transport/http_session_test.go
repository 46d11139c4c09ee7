package transport

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSaysLost(t *testing.T) {
	for _, text := range []string{
		"Bad Request: No valid session ID provided", `{"error":"Invalid or missing session ID"}`, "Server not initialized", "Session not found",
		`{"error":"Session not found"}`, "Bad Request: Server not initialized", "Bad Request: Mcp-Session-Id header is required",
		"Unauthorized: Session not found", "Session terminated", "Invalid session ID", "No transport found for sessionId", "Unknown session",
		`{"code":"session_not_found"}`, `{"error":"SESSION_EXPIRED"}`, `{"type":"SessionNotFoundError: SessionNotFound"}`, "Missing sessionId parameter",
		"Session with id 0d1c2e7a-9c2b-4f6e-a0b3-7f2f6f0e8a11 was not found", "The session has expired", "the session does not exist",
		"Could not find session abc", "No active session found", "No such session", "Session ID required in mcp-session-id header",
		"<html><body><h1>400</h1><p>Session not found.</p></body></html>", `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"}}`,
		"Request is missing the Mcp-Session-Id header", "request without a session id", "Session 'a1' is no longer active", `Session \"a1\" not found`,
		"Not initialized", "The server is not yet initialized", "uninitialized", "Client has not been initialized", "Received request before initialization was complete",
		"Must call initialize first", "initialize request required", "Mcp-Session-Id: unknown session", "Invalid MCP session", "Session closed: a1", "session timed out",
		"A session id is required", "Session not initialized", "HTTP session invalid or expired", "Invalid Request: missing session", "The Mcp-Session-Id header is missing",
	} {
		if !saysLost(text) {
			t.Errorf("not lost: %s", text)
		}
	}
	for _, text := range []string{
		"", "Bad Request", "no such tool", "Browser session not found", "Unknown debug session 4", "terminal session abc was closed",
		"Server already initialized", "Session already exists", "Session created", "Session expired, please log in again", "Your session has expired. Sign in",
		`{"error":"Bad argument","session":"abc","detail":"file not found"}`, "Session abc: file not found", "Session 5 is busy. File not found",
		"Database not initialized", "Request timed out", "Resource not found", "no session recordings", "No sessions found", "Too many sessions",
		"The tool needs a session_name", "could not initialize the model", "variable x is not initialized", "Invalid session name for tmux", "Protocol version not supported",
		"Not found", "Missing required parameter: session", "no session here to speak of, and more",
	} {
		if saysLost(text) {
			t.Errorf("lost: %s", text)
		}
	}
}

// Each way in which servers say that they lost the session ends the connection, and says that the call did not run.
func TestHTTPSessionLostInOtherWords(t *testing.T) {
	own := func(code, message string) string {
		return `{"jsonrpc":"2.0","id":ID,"error":{"code":` + code + `,"message":"` + message + `"}}`
	}
	const streamed, plain = "text/event-stream", "text/plain"
	tests := []struct {
		name, kind string
		code       int
		body       string
	}{
		{"400, text", plain, 400, "Bad Request: No valid session ID provided"},
		{"400, other JSON", "", 400, `{"error":"Invalid or missing session ID"}`},
		{"400, not initialized", "", 400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`},
		{"410", plain, 410, "Gone"},
		{"410 without a body", plain, 410, ""},
		{"409", plain, 409, "Session terminated"},
		{"422", "", 422, `{"detail":"unknown session"}`},
		{"500", plain, 500, "Session not found"},
		{"401 without a challenge", plain, 401, "Unauthorized: Session not found"},
		{"403 without a challenge", "", 403, `{"error":{"message":"Invalid session ID"}}`},
		{"200, -32002", "", 200, own("-32002", "Server not initialized")},
		{"200, -32001", "", 200, own("-32001", "Session not found")},
		{"200, -32600", "", 200, own("-32600", "Invalid Request: session expired")},
		{"200, id null", "", 200, strings.ReplaceAll(own("-32600", "Session not found"), "ID", "null")},
		{"200, other JSON", "", 200, `{"error":"Session not found"}`},
		{"200, text", plain, 200, "Session not found"},
		{"event, other JSON", streamed, 200, "event: message\ndata: {\"error\":\"Session not found\"}\n\n"},
		{"event, own id", streamed, 200, "data: " + own("-32001", "Session not found") + "\n\n"},
		{"event named error", streamed, 200, "event: error\ndata: Session not found\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := []string{}
			if tt.kind != "" {
				header = []string{"Content-Type", tt.kind}
			}
			p := newHTTPPeer(t, httpScript{"m": refuse(tt.code, tt.body, header...)})
			c := dialTest(t, HTTPSpec{URL: p.URL}).open()
			c.request(2, "m")
			if err := c.wantFailed("2", "no longer knows this session (", true); !errors.Is(err, ErrSessionLost) {
				t.Error(err)
			}
			c.wantEnd(ErrSessionLost)
		})
	}
}

// A server without session ids loses what initialize told it as well. Before initialize there is nothing to lose.
func TestHTTPLostWithoutSessionID(t *testing.T) {
	p := newHTTPPeer(t, httpScript{
		"initialize": func(w http.ResponseWriter, _ *http.Request, m httpMsg) { reply(w, m, `{}`) },
		"m":          refuse(200, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32002,"message":"Server not initialized"}}`),
	})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	c.want(`{"jsonrpc":"2.0","id":2,"error":{"code":-32002,"message":"Server not initialized"}}`)
	c.open()
	c.request(3, "m")
	c.wantFailed("3", "Server not initialized", true)
	c.wantEnd(ErrSessionLost)
}

// What a call itself is answered with is no lost session, whatever the words.
func TestHTTPSessionNotLost(t *testing.T) {
	tests := []struct {
		name, body, answer, failed string
		code                       int
	}{
		{"404, -32601 and id null", `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"method not found"}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"method not found"}}`, "", 404},
		{"404, -32601 without an id", `{"jsonrpc":"2.0","error":{"code":-32601,"message":"no","data":[1.0]}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no","data":[1.0]}}`, "", 404},
		{"404, -32601 and another id", `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32601,"message":"Session not found"}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"Session not found"}}`, "", 404},
		{"405, -32601", `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no"}}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no"}}`, "", 405},
		{"410, -32601", `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no"}}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no"}}`, "", 410},
		{"200, -32601 and id null", `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no"}}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no"}}`, "", 200},
		{"200, another code", `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"Session not found"}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"Session not found"}}`, "", 200},
		{"200, another session", `{"jsonrpc":"2.0","id":ID,"error":{"code":-32001,"message":"Browser session not found"}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32001,"message":"Browser session not found"}}`, "", 200},
		{"200, a resource", `{"jsonrpc":"2.0","id":ID,"error":{"code":-32002,"message":"Resource not found"}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32002,"message":"Resource not found"}}`, "", 200},
		{"200, a result", `{"jsonrpc":"2.0","id":ID,"result":{"isError":true,"content":[{"type":"text","text":"Session not found"}]}}`,
			`{"jsonrpc":"2.0","id":2,"result":{"isError":true,"content":[{"type":"text","text":"Session not found"}]}}`, "", 200},
		{"400, another session", "Bad Request: browser session not found", "", "HTTP 400", 400},
		{"400, a long page", strings.Repeat("x ", lostText) + ": session not found", "", "HTTP 400", 400},
		{"401 of a login", "Session expired, please log in", "", "HTTP 401", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": refuse(tt.code, tt.body)})
			c := dialTest(t, HTTPSpec{URL: p.URL}).open()
			c.request(2, "m")
			if tt.answer != "" {
				c.want(tt.answer)
			} else if err := c.wantFailed("2", tt.failed, tt.code == 401); errors.Is(err, ErrSessionLost) {
				t.Error(err)
			}
			c.nothing()
		})
	}
}

// A call of which the server has reported progress may have run: it is not said to be unprocessed.
func TestHTTPSessionLostDuringACall(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		sse(w, "data: "+progress+"\n\n")
		_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","id":`+m.id+`,"error":{"code":-32001,"message":"Session not found"}}`+"\n\n")
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL}).open()
	c.request(2, "m")
	c.want(progress)
	c.wantFailed("2", "no longer knows this session", false)
	c.wantEnd(ErrSessionLost)
}

// The endpoint of HTTP+SSE is the session, so the server refuses it in the same words.
func TestHTTPLegacySessionLost(t *testing.T) {
	for _, tt := range []struct {
		code int
		body string
	}{{404, "no"}, {410, ""}, {400, "No transport found for sessionId"}, {400, `{"error":"Invalid session"}`}} {
		p := newLegacyPeer(t)
		p.post = func(w http.ResponseWriter, m httpMsg) bool {
			if m.method == "gone" {
				http.Error(w, tt.body, tt.code)
			}
			return m.method == "gone"
		}
		c := dialTest(t, HTTPSpec{URL: p.URL + "/sse", SSE: true}).open()
		c.request(2, "gone")
		c.wantFailed("2", "no longer knows this session", true)
		c.wantEnd(ErrSessionLost)
		c.Close(time.Second)
	}
}
