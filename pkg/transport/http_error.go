package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

const (
	errorBody   = 64 << 10 // how much of an error's body is read
	excerptSize = 200      // characters
	secretSize  = 6        // shorter values are not taken for secrets: they'd blot out words
	longSegment = 16       // a path segment this long may be a key
)

// secretsOf lists what must not be quoted back from a server's answer.
func secretsOf(spec HTTPSpec, u *url.URL) []string {
	list := slices.Clone(spec.Secrets)
	add := func(s string) {
		if s = strings.TrimSpace(s); len(s) >= secretSize {
			list = append(list, s)
		}
	}
	for _, e := range spec.Headers {
		if _, credentials, found := strings.Cut(e.Value, " "); found { // Bearer …
			add(credentials)
		}
		add(e.Value)
	}
	if password, ok := u.User.Password(); ok {
		add(password)
	}
	add(u.RawQuery)
	for _, values := range u.Query() {
		for _, v := range values {
			add(v)
		}
	}
	for s := range strings.SplitSeq(u.Path, "/") {
		if len(s) >= longSegment {
			add(s)
		}
	}
	return list
}

func (h *HTTP) redact(s string) string {
	s = h.secrets.Redact(s)
	if h.spec.Login != nil {
		s = h.spec.Login.Redact(s)
	}
	h.mu.Lock()
	session := h.session
	h.mu.Unlock()
	given := []string{session} // by the server, and ours to keep
	for _, c := range h.cookies.Cookies(h.url) {
		given = append(given, c.Value)
	}
	for _, secret := range given {
		if len(secret) >= secretSize {
			s = strings.ReplaceAll(s, secret, "…")
		}
	}
	return s
}

// A causeError is a network error in plain words.
type causeError struct {
	msg   string
	cause error
}

func (e *causeError) Error() string { return e.msg }
func (e *causeError) Unwrap() error { return e.cause }

// plain says in plain words, with host and port instead of the URL, why there is no answer.
func (h *HTTP) plain(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var re *redirectError
	if errors.As(err, &re) {
		return re
	}
	if aboutLogin(err) {
		return err // in plain words already
	}
	return &causeError{h.redact(hostPort(h.url) + ": " + inWords(err)), err}
}

// aboutLogin tells whether a request was not served for want of a login: then it did nothing.
func aboutLogin(err error) bool {
	var needed *oauth.RequiredError
	var failed *oauth.Error
	return errors.As(err, &needed) || errors.As(err, &failed)
}

func inWords(err error) string {
	var (
		dns     *net.DNSError
		op      *net.OpError
		host    x509.HostnameError
		expired x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "given up, the connection was closed"
	case errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return "the proxy of the environment could not be reached, or refused: " + inWords(op.Err)
	case errors.Is(err, oauth.ErrProxy):
		return oauth.ErrProxy.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "the name could not be resolved: " + dns.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused)"
	case errors.As(err, &unknown):
		return oauth.UnknownAuthority()
	case errors.As(err, &host):
		return "its TLS certificate is for another host"
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "its TLS certificate has expired or is not valid yet"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS on this port (is it http:// instead of https://?)"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection before the answer was complete"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no connection within " + dialTimeout.String()
	}
	return err.Error()
}

// An rpcError is what is read of an error object, to decide and to show; the object itself passes as it is.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func readRPCError(raw []byte) (e rpcError) {
	_ = json.Unmarshal(raw, &e)
	return e
}

// statusError describes an answer of 300 or above by its status line and the beginning of its body.
func (h *HTTP) statusError(resp *http.Response, body []byte) *StatusError {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	e := &StatusError{
		Code: resp.StatusCode, Status: printable(h.redact(resp.Status)), ContentType: kind,
		Excerpt:         h.excerpt(kind, string(body)),
		RetryAfter:      retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		WWWAuthenticate: strings.Join(resp.Header.Values("WWW-Authenticate"), ", "),
	}
	// Not jsonrpc.Parse: many of these have no id at all.
	var message struct {
		Version string          `json:"jsonrpc"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &message) == nil && message.Version == "2.0" && bytes.HasPrefix(message.Error, []byte("{")) {
		said := readRPCError(message.Error)
		e.rpc, e.rpcCode, e.rpcError, e.Excerpt = true, said.Code, message.Error, h.excerpt("", said.Message)
		e.noSession = sessionErrors[said.Code] && saysLost(said.Message)
	} else {
		e.noSession = len(body) <= lostText && saysLost(string(body))
	}
	return e
}

// retryAfter: RFC 9110, section 10.2.3; at most a day.
func retryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
		d = time.Duration(max(0, min(n, 24*60*60))) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, 24*time.Hour))
}

var (
	htmlTitle = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>`) })
	htmlNoise = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?is)<(script|style)\b.*?</(?:script|style)>|<!--.*?-->|<[^>]*>`)
	})
)

// excerpt makes a body fit into one line of an error: the title of an HTML page, the text of anything else.
func (h *HTTP) excerpt(kind, body string) string {
	if strings.Contains(kind, "html") || strings.HasPrefix(strings.TrimSpace(body), "<") {
		if m := htmlTitle().FindStringSubmatch(body); m != nil && strings.TrimSpace(m[1]) != "" {
			body = m[1]
		}
		body = html.UnescapeString(htmlNoise().ReplaceAllString(body, " "))
	}
	return printable(h.redact(strings.Join(strings.Fields(strings.ToValidUTF8(body, "\ufffd")), " ")))
}

// printable is the beginning of a text of the server's, as it may be shown.
func printable(s string) string {
	if runes := []rune(s); len(runes) > excerptSize {
		return confusables.Plain(string(runes[:excerptSize])) + "…"
	}
	return confusables.Plain(s)
}

func (h *HTTP) wrongType(kind string, body []byte) error {
	if kind == "" {
		kind = "an unknown type"
	}
	err := fmt.Errorf("the server answered with %s instead of JSON", printable(kind))
	if text := h.excerpt(kind, string(body[:min(len(body), errorBody)])); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}
