package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

const (
	dialTimeout  = 15 * time.Second
	maxRedirects = 5
)

// parseURL checks the URL of an entry. Which hosts may be reached without TLS is the configuration's business.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) { // without the URL, which may hold a secret
			err = ue.Err
		}
		return nil, fmt.Errorf("the URL cannot be read: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the URL must start with https:// or http://, not %q", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// makeHeader checks what net/http would refuse later, with an error that names no value.
func makeHeader(list []Header) (http.Header, error) {
	header := http.Header{}
	for _, e := range list {
		if !config.IsToken(e.Name) {
			return nil, fmt.Errorf("%q is not a header name", e.Name)
		}
		value := strings.TrimSpace(e.Value)
		if strings.IndexFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) >= 0 {
			return nil, fmt.Errorf("the value of header %q contains a line break or another control character", e.Name)
		}
		header.Add(e.Name, value)
	}
	return header, nil
}

func (h *HTTP) newClient() *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	h.base = oauth.NewTransport()
	h.base.DialContext = dialer.DialContext
	h.base.TLSHandshakeTimeout = dialTimeout
	h.base.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: dialTimeout}
	h.base.MaxIdleConnsPerHost = 32 // and there is one host
	h.base.IdleConnTimeout = 90 * time.Second
	// No limit for the answer: a tool, or the person it asks, takes its time.
	var through http.RoundTripper = unchallenged{oauth.Decoded(h.base)}
	if h.spec.Login != nil {
		through = h.spec.Login.RoundTripper(through)
	}
	h.cookies = newCookies(h.header)
	return &http.Client{CheckRedirect: h.redirect, Transport: through, Jar: h.cookies}
}

// A redirectError says where a redirect pointed that was not followed.
type redirectError struct{ msg string }

func (e *redirectError) Error() string { return e.msg }

// redirect follows a redirect only within the origin, so that no header of the entry gets anywhere else, and only if
// a POST stays a POST.
func (h *HTTP) redirect(req *http.Request, via []*http.Request) error {
	target := *req.URL
	target.User, target.RawQuery = nil, ""
	to, code := h.redact(target.String()), req.Response.StatusCode
	switch first := via[0]; {
	case len(via) > maxRedirects:
		return &redirectError{fmt.Sprintf("the server redirects more than %d times, last to %s", maxRedirects, to)}
	case first.URL.Scheme == "https" && req.URL.Scheme == "http":
		return &redirectError{fmt.Sprintf("the server redirects (HTTP %d) from https to plain http, %s: not followed", code, to)}
	case !oauth.SameOrigin(first.URL, req.URL):
		return &redirectError{fmt.Sprintf("the server redirects (HTTP %d) to another origin, %s: not followed, because the headers are for %s; if it is right, put the new URL into the config", code, to, oauth.HostPort(first.URL))}
	case first.Method != req.Method:
		return &redirectError{fmt.Sprintf("the server redirects (HTTP %d) to %s, which would turn a POST into a GET; put that URL into the config", code, to)}
	}
	return nil
}

// newRequest makes a request with the headers that every one carries, and tells the session it names.
func (h *HTTP) newRequest(ctx context.Context, method string, to *url.URL, body []byte) (*http.Request, string, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body) // of a kind that net/http can repeat for a 307
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), r)
	if err != nil {
		return nil, "", err
	}
	req.Header = h.header.Clone()
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "mcpproxy-stdio")
	}
	switch method {
	case http.MethodPost:
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
	case http.MethodGet:
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Cache-Control", "no-store")
	}
	h.mu.Lock()
	session, version := h.session, h.version
	h.mu.Unlock()
	for name, value := range map[string]string{"Mcp-Session-Id": session, "Mcp-Protocol-Version": version} {
		if req.Header.Del(name); value != "" {
			req.Header.Set(name, value)
		}
	}
	return req, session, nil
}

// adopt takes over the session id from the answer to initialize, if it is one (visible ASCII).
func (h *HTTP) adopt(id string) {
	if id == "" {
		return
	}
	if strings.IndexFunc(id, func(c rune) bool { return c < 0x21 || c > 0x7e }) >= 0 {
		h.spec.Log.Warn().Str("server", h.spec.Name).Msg("session id ignored: not visible ascii")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session = id
}

// signReader notes each sign of life.
type signReader struct {
	r io.Reader
	h *HTTP
}

func (s signReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n > 0 {
		s.h.alive()
	}
	return n, err
}
