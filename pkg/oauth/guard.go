package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

const (
	maxBody      = 1 << 20 // after decompression
	maxHeader    = 64 << 10
	maxURL       = 2048
	maxRedirects = 3
	wholeRequest = 10 * time.Second // with all redirects and the body
)

// A guard asks the places that metadata and challenges name, and none that they must not reach: whoever runs a server could
// otherwise have us ask what only this machine can. Checked are the URL, the addresses behind its name when they are dialled,
// and both again at each redirect. Every answer is bounded.
type guard struct {
	host         string // the configured server's own
	loopback     bool   // it is this machine, so others may be too
	allowPrivate bool

	// What tests replace.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	proxy  func(*http.Request) (*url.URL, error)

	transport *http.Transport // one request
	follow    *http.Client    // with redirects; used by RoundTrip only
}

// newGuard returns the guard for logins of that server.
func newGuard(server *url.URL, allowPrivate bool) *guard {
	g := &guard{
		host: hostName(server.Hostname()), loopback: config.IsLoopback(server.Hostname()), allowPrivate: allowPrivate,
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		proxy: environmentProxy(),
	}
	g.dial = (&net.Dialer{ControlContext: g.control}).DialContext
	g.transport = NewTransport()
	g.transport.Proxy = func(req *http.Request) (*url.URL, error) { return proxyOf(req.Context()), nil }
	g.transport.DialContext = g.dialChecked
	g.transport.MaxResponseHeaderBytes = maxHeader
	// A login takes a handful of requests. A connection that is not used again is never found dead with a refresh token on it,
	// and outlives nothing.
	g.transport.DisableKeepAlives = true
	g.follow = &http.Client{CheckRedirect: g.redirect, Transport: hop{g}}
	return g
}

// client returns a client for libraries. Its limits can't be got around: they are those of RoundTrip.
func (g *guard) client() *http.Client { return &http.Client{Transport: g} }

// get asks with GET.
func (g *guard) get(ctx context.Context, place string) (status int, header http.Header, body []byte, err error) {
	return g.ask(ctx, http.MethodGet, place, http.Header{}, nil)
}

// post sends the body with POST. The header may be nil.
func (g *guard) post(ctx context.Context, place, contentType string, header http.Header, body []byte) (int, http.Header, []byte, error) {
	if header = header.Clone(); header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", contentType)
	return g.ask(ctx, http.MethodPost, place, header, body)
}

func (g *guard) ask(ctx context.Context, method, place string, header http.Header, body []byte) (int, http.Header, []byte, error) {
	if _, err := g.checkURL("the URL", place); err != nil {
		return 0, nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, place, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, errors.New("the request can't be made") // err could quote what is in it
	}
	req.Header = header
	if header.Get("Accept") == "" {
		header.Set("Accept", "application/json")
	}
	resp, err := g.RoundTrip(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	return resp.StatusCode, resp.Header, data, nil
}

// RoundTrip asks with all the checks and limits, and follows the redirects of a GET itself, so that they count together.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := g.checkURL("the URL", req.URL.String()); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), wholeRequest)
	out := req.Clone(ctx)
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "mcpproxy-stdio")
	}
	resp, err := g.follow.Do(out)
	if err != nil {
		cancel()
		return nil, inWords(HostPort(req.URL), err)
	}
	if req.Method != http.MethodGet && resp.StatusCode/100 == 3 {
		resp.Body.Close()
		cancel()
		return nil, fmt.Errorf("%s redirects (HTTP %d) a %s, which is not followed: it may carry secrets",
			HostPort(req.URL), resp.StatusCode, req.Method)
	}
	resp.Body = &boundedBody{from: HostPort(resp.Request.URL), body: resp.Body, left: maxBody, cancel: cancel}
	return resp, nil
}

// redirect decides on each redirect of a GET.
func (g *guard) redirect(req *http.Request, via []*http.Request) error {
	from := HostPort(via[len(via)-1].URL)
	switch {
	case via[0].Method != http.MethodGet:
		return http.ErrUseLastResponse
	case len(via) > maxRedirects:
		return &plainError{fmt.Sprintf("%s redirects more than %d times", HostPort(via[0].URL), maxRedirects), nil}
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return &plainError{from + " redirects from https to plain http: not followed", nil}
	}
	if _, err := g.checkURL("where "+from+" redirects to", req.URL.String()); err != nil {
		return &plainError{err.Error(), err}
	}
	req.Header.Del("Referer") // which is the whole URL
	return nil
}

// A boundedBody ends with an error after so many bytes, and its request's time ends with it.
type boundedBody struct {
	from   string
	body   io.ReadCloser
	left   int
	cancel context.CancelFunc
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n = b.left
		err = fmt.Errorf("%s: the answer is longer than %d bytes", b.from, maxBody)
	} else if err != nil && err != io.EOF {
		err = inWords(b.from, err)
	}
	b.left -= n
	return n, err
}

func (b *boundedBody) Close() error {
	err := b.body.Close()
	b.cancel()
	return err
}

// dialed is what a request's context says about whom its connection goes to.
type dialed struct{}

type toProxy struct{ url *url.URL }
type toHost struct{ name string }

// A hop sends one request. It puts the proxy that the environment names for it, if any, into the context: the dialer has to know
// whether it dials a proxy, which may be anywhere, or the target itself.
type hop struct{ g *guard }

func (h hop) RoundTrip(req *http.Request) (*http.Response, error) {
	proxy, err := h.g.proxy(req)
	if err != nil {
		return nil, &plainError{ErrProxy.Error(), err}
	}
	return Decoded(h.g.transport).RoundTrip(req.WithContext(context.WithValue(req.Context(), dialed{}, toProxy{proxy})))
}

func proxyOf(ctx context.Context) *url.URL {
	p, _ := ctx.Value(dialed{}).(toProxy)
	return p.url
}

// dialChecked resolves and judges before it dials, so that a name with one forbidden address among its own is refused whichever
// would be tried first.
//
// Behind a proxy the target's name is not resolved here, where it may mean nothing or something else: checkURL has judged it as
// far as it is an address, and the rest is up to the proxy, which is the administrator's.
func (g *guard) dialChecked(ctx context.Context, network, addr string) (net.Conn, error) {
	if proxy := proxyOf(ctx); proxy != nil {
		if addr != proxyAddress(proxy) {
			return nil, fmt.Errorf("%w: %s is not the proxy", errRefusedAddress, addr)
		}
		return g.dial(ctx, network, addr)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		ips = append(ips, ip)
	} else if ips, err = g.lookup(ctx, host); err != nil {
		return nil, err
	}
	for _, ip := range ips {
		if err := g.judge(host, ip); err != nil {
			return nil, err
		}
	}
	return g.dial(context.WithValue(ctx, dialed{}, toHost{host}), network, addr)
}

// control judges the address that is really dialled: the name was resolved again, and may have another one now.
func (g *guard) control(ctx context.Context, _, addr string, _ syscall.RawConn) error {
	if proxyOf(ctx) != nil {
		return nil
	}
	to, _ := ctx.Value(dialed{}).(toHost)
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || to.name == "" {
		return fmt.Errorf("%w: %s", errRefusedAddress, addr)
	}
	return g.judge(to.name, ap.Addr())
}

// proxyAddress is what net/http dials for a proxy.
func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// HostPort names the host and the port of a URL, the scheme's own port where it names none.
func HostPort(u *url.URL) string { return net.JoinHostPort(hostName(u.Hostname()), portOf(u)) }
