package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// This file decides whether an answer means that the server no longer knows our session. The specification has one
// sign, a 404 (MCP 2025-11-25, transports, session management). Servers have many: a 400 with a text, a 401 without a
// challenge, a 200 with a JSON-RPC error, an event that is no message. A wrong yes costs the server's session and runs a
// call twice, so a text counts only where the session itself is its subject.

// lostText is the longest body that says so, in bytes.
const lostText = 2 << 10

// sessionErrors are the JSON-RPC codes under which servers report a lost session: SDKs use -32001, servers made after the
// examples of the TypeScript SDK use -32000, those that follow the language server protocol use -32002.
var sessionErrors = map[int]bool{-32000: true, -32001: true, -32002: true, -32600: true}

// sessionLost tells whether a refusal (300 or above) means that the server no longer knows our session. named is the
// session that the request named, ours says that the body answers the request under its id.
func (h *HTTP) sessionLost(c *call, failure *StatusError, named string, ours bool) bool {
	gone := failure.Code == http.StatusNotFound || failure.Code == http.StatusGone
	switch {
	case c.method == "initialize" || failure.rpc && failure.rpcCode == mcp.MethodNotFound:
		return false
	case !h.streamable():
		return gone || failure.noSession // the session is part of the endpoint
	case named == "":
		return failure.noSession && h.begun()
	}
	return failure.noSession || gone && !ours
}

// errorSaysLost tells the same for a JSON-RPC error that answers c, whatever the HTTP status.
func (h *HTTP) errorSaysLost(c *call, e rpcError) bool {
	return c.method != "initialize" && h.streamable() && h.begun() && sessionErrors[e.Code] && saysLost(e.Message)
}

// bodySaysLost tells the same for an answer that is no JSON-RPC message. c is nil on the standing stream.
func (h *HTTP) bodySaysLost(c *call, body []byte) bool {
	return (c == nil || c.method != "initialize") && h.streamable() && h.begun() && len(body) <= lostText && saysLost(string(body))
}

// begun says that initialize was answered: before that there is no session to lose.
func (h *HTTP) begun() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.session != "" || h.greeted
}

// loseSession ends the connection, because the server said in these words that it no longer knows the session. c, which
// may be nil, was not processed, unless the server has sent something for it before.
func (h *HTTP) loseSession(c *call, words string) {
	err := fmt.Errorf("%w (%s)", ErrSessionLost, words)
	if c != nil {
		h.note(c.title(), err)
		h.fail(c, err, !c.heard.Load())
	}
	h.end(ErrSessionLost)
}

// saysLost recognises a text, or a small JSON or HTML body, that says that the session is unknown or that the server was
// not initialized.
func saysLost(text string) bool {
	s := camelCase().ReplaceAllString(text, "$1 $2")
	s = strings.ToLower(s)
	s = joined().ReplaceAllString(joined().ReplaceAllString(s, "$1 $2"), "$1 $2")
	s = barrier().ReplaceAllString(quotes.Replace(s), " | ")
	s = "| " + strings.Join(strings.Fields(s), " ") + " |"
	return lostWords().MatchString(s) && !aboutPeople().MatchString(s)
}

var (
	quotes    = strings.NewReplacer(`\"`, " ", `'`, "", "’", "", "`", " ", `\n`, "|")
	camelCase = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([a-z])([A-Z])`) })
	joined    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([a-z])[-_]([a-z])`) })
	barrier   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`["{}\[\]<>(),;:!?/\r\n]|\.(?:\s|$)|\s[-–—]\s`) })

	// aboutPeople: a person's login has ended, not the session of the protocol.
	aboutPeople = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(?:log ?in|logged|sign ?in|signed|password|credentials?|(?:re)?authenticate|cookies?)\b`)
	})

	// lostWords is matched against text in lower case, in which "|" stands for what ends a clause.
	lostWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\| (?:` + strings.Join([]string{
			// session … not found, mcp session id header is required
			theSession + `(?: [^| ]+){0,12}? (?:` + lostVerdict + `)\b`,
			// invalid or missing session id, no active session, could not find the session, request without a session id
			`(?:(?:the |this |your )?(?:request|message|call|post) (?:has |had |is |was |contains |names |carries |with )?(?:an? )?)?` +
				`(?:` + notThere + `)(?: (?:or|and|an?|the|any|such|for|found|valid|active|existing|matching|known|unknown|open|expired|missing|invalid|` +
				`required|mcp|http|sse|streamable|transport|server|client|current|provided|given|with|this|that))* ` +
				`session (?:\||(?:id|identifier|header|key|token)s?\b|[^| ]*[0-9]|` + after + `)`,
			// could not find session abc, unknown session abc
			`(?:` + searched + `) (?:(?:the|an?|any|your|mcp|http) )*session [^| ]+ \|`,
			// server not initialized
			`(?:the |this |mcp |your )*(?:(?:server|session|connection|client|transport|protocol)(?: is| was| has| has been)? )?` +
				`(?:(?:has |is |was )?(?:not|never|isnt|hasnt|wasnt)(?: been| yet| properly| fully)* |un)initiali[sz]ed\b`,
			// received request before initialization was complete, initialize first, must call initialize first
			`(?:[^| ]+ ){0,4}before (?:the )?initiali[sz](?:e|ed|ation|ing)\b`,
			`(?:(?:please|you|client|must|should|call|send) )*initiali[sz](?:e|ation)(?: request| handshake)?(?: is| was| must be| has)? ` +
				`(?:required|needed|expected|first|incomplete|not (?:been )?completed?)\b`,
			`(?:expected|requires?|needs?|missing|no) (?:an? |the )?initiali[sz](?:e|ation)\b`,
		}, "|") + `)`)
	})
)

const (
	theSession = `(?:(?:the|this|your|that|an?|mcp|http|sse|streamable|transport|server|client|current|provided|given|` +
		`requested|specified|supplied|for) )*session(?: (?:id|identifier|header|key|token)s?)*`
	lostVerdict = `not found|unknown|invalid|missing|expired|required|terminated|closed|(?:does not|doesnt|did not|do not) exist|` +
		`no longer|not (?:yet |been |a |currently )*(?:initiali[sz]ed|valid|recogni[sz]ed|active|known|provided|available|established|` +
		`registered|present|set|specified|supplied|open)|un(?:recogni[sz]ed|initiali[sz]ed)|(?:has )?ended|timed out|gone|inactive|` +
		`lost|stale|destroyed|deleted|removed|evicted|nonexistent`
	searched = `unknown|no such|(?:can ?not|could not|couldnt|cant|unable to|failed to) (?:find|locate)`
	notThere = `unknown|invalid|missing|no|no such|not found|expired|terminated|unrecogni[sz]ed|bad|stale|closed|inactive|` +
		`nonexistent|non existent|wrong|without|lacks|not an?|unsupported|` + searched
	after = `found|exists?|existed|provided|given|available|for|with|supplied|present|specified|active|associated|` +
		`established|in|at|was|is|has|or|and|please`
)

// unchallenged changes a 401 or 403 that has no challenge, and says that it does not know the session it was sent, into
// the 404 that it should have been. It stands below the login, which would ask a person to log in again.
type unchallenged struct{ base http.RoundTripper }

func (u unchallenged) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden ||
		req.Header.Get("Mcp-Session-Id") == "" || resp.Header.Get("WWW-Authenticate") != "" {
		return resp, err
	}
	body, rerr := io.ReadAll(io.LimitReader(resp.Body, lostText+1))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), &rest{resp.Body, rerr}), resp.Body}
	if len(body) <= lostText && saysLost(string(body)) {
		resp.StatusCode = http.StatusNotFound
		resp.Status += ", taken for a lost session"
	}
	return resp, nil
}

func (u unchallenged) CloseIdleConnections() {
	if c, ok := u.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// A rest is what is left of a body whose beginning was read; err is how that reading ended.
type rest struct {
	io.Reader
	err error
}

func (r *rest) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.Reader.Read(p)
}

// answerAs delivers an error as the answer to c. Servers give the errors of their HTTP layer the id null, or none.
func (h *HTTP) answerAs(c *call, rpcErr []byte) {
	frame := append([]byte(`{"jsonrpc":"2.0","id":`), c.id...)
	frame = append(append(append(frame, `,"error":`...), rpcErr...), '}')
	if m, err := jsonrpc.Parse(bytes.ReplaceAll(frame, []byte("\n"), []byte(" "))); err == nil {
		_ = h.deliverOne(&m, nil, c)
		return
	}
	h.fail(c, fmt.Errorf("the server rejected the request: %s", h.excerpt("", readRPCError(rpcErr).Message)), false)
}
