package mcptest

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Browser is the browser of the person who logs in: it opens a URL and follows
// redirects, with cookies, until one page does not lead on. As in a real one the
// cookies of 127.0.0.1 are those of all ports. It reaches loopback addresses
// only. The zero value is ready; it must not be copied after use, nor used by
// several goroutines at once.
type Browser struct {
	Jar          http.CookieJar // default: an own one, empty at first
	NoCookies    bool           // forget every cookie
	HoldCallback bool           // do not follow the redirect to the client's callback, the one with code or error: give its URL
	Fields       url.Values     // if not nil, each page's first form is sent on, with its own values and these
}

// Page is what a visit ended with.
type Page struct {
	Status int
	Header http.Header
	Body   string
	URL    *url.URL // with HoldCallback the callback's, else that of the page
}

var errNotLoopback = errors.New("the test's browser reaches loopback addresses only")

// Visit opens a URL and fails the test if there is no page at the end.
func (b *Browser) Visit(t testing.TB, rawURL string) (status int, body string, final *url.URL) {
	t.Helper()
	page, err := b.Open(context.Background(), rawURL)
	if err != nil {
		t.Fatalf("mcptest: browser: %v", err)
	}
	return page.Status, page.Body, page.URL
}

// Open is [Browser.Visit] for those who expect that it fails, or are no test.
func (b *Browser) Open(ctx context.Context, rawURL string) (*Page, error) {
	if b.Jar == nil {
		b.Jar, _ = cookiejar.New(nil) // without options it cannot fail
	}
	dialer := &net.Dialer{Control: onlyLoopback}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: b.redirect}
	if !b.NoCookies {
		client.Jar = b.Jar
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	for range 10 {
		page, err := b.load(client, req)
		if err != nil {
			return nil, err
		}
		form := firstForm(page)
		if b.Fields == nil || form == nil || page.Status >= 300 {
			return page, nil
		}
		for name, values := range b.Fields {
			form.values[name] = values
		}
		if req, err = http.NewRequestWithContext(ctx, http.MethodPost, form.action, strings.NewReader(form.values.Encode())); err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return nil, errors.New("one form after another")
}

func (b *Browser) load(client *http.Client, req *http.Request) (*Page, error) {
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	page := &Page{Status: res.StatusCode, Header: res.Header, Body: string(body), URL: res.Request.URL}
	if to, err := res.Location(); err == nil { // held
		page.URL = to
	}
	return page, nil
}

func (b *Browser) redirect(req *http.Request, via []*http.Request) error {
	if b.HoldCallback && (req.URL.Query().Has("code") || req.URL.Query().Has("error")) {
		return http.ErrUseLastResponse
	}
	if len(via) >= 20 {
		return errors.New("20 redirects")
	}
	return nil
}

// onlyLoopback is asked with each address before anything is sent there.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s: %w", address, errNotLoopback)
	}
	return nil
}

type form struct {
	action string
	values url.Values
}

var (
	formTag  = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	inputTag = regexp.MustCompile(`(?i)<input\b[^>]*>`)
)

func firstForm(page *Page) *form {
	m := formTag.FindStringSubmatch(page.Body)
	if m == nil {
		return nil
	}
	action, err := page.URL.Parse(attribute(m[1], "action"))
	if err != nil {
		return nil
	}
	f := &form{action: action.String(), values: url.Values{}}
	for _, input := range inputTag.FindAllString(m[2], -1) {
		if name := attribute(input, "name"); name != "" {
			f.values.Set(name, attribute(input, "value"))
		}
	}
	return f
}

func attribute(tag, name string) string {
	m := regexp.MustCompile(`(?i)\b` + name + `\s*=\s*"([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}
