package transport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

const (
	errorBody   = 64 << 10 // how much of an error's body is read
	excerptSize = 201      // characters
	longSegment = 16       // a path segment this long may be a key
)

// secretsOf lists what must not be quoted back from a server's answer.
func secretsOf(spec HTTPSpec, u *url.URL) []string {
	list := slices.Clone(spec.Secrets)
	add := func(s string) { list = append(list, config.SecretValues(strings.TrimSpace(s))...) }
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
	return config.NewRedactor(config.SecretValues(given...), "…").Redact(s)
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
	return &causeError{h.redact(oauth.HostPort(h.url) + ": " + networkReason(err)), err}
}

// aboutLogin tells whether a request was not served for want of a login: then it did nothing.
func aboutLogin(err error) bool {
	var needed *oauth.RequiredError
	var failed *oauth.Error
	return errors.As(err, &needed) || errors.As(err, &failed)
}

// networkReason says in plain words why there is no answer; it may quote what was sent.
func networkReason(err error) string {
	return cmp.Or(oauth.NetworkReason(err, dialTimeout), err.Error())
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
		Code: resp.StatusCode, Status: confusables.Excerpt(h.redact(resp.Status), excerptSize), ContentType: kind,
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
	return confusables.Excerpt(h.redact(strings.Join(strings.Fields(body), " ")), excerptSize)
}

func (h *HTTP) wrongType(kind string, body []byte) error {
	if kind == "" {
		kind = "an unknown type"
	}
	err := fmt.Errorf("the server answered with %s instead of JSON", confusables.Excerpt(kind, excerptSize))
	if text := h.excerpt(kind, string(body[:min(len(body), errorBody)])); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}
