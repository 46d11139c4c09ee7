package session

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Of a result at most so many URIs are noted, looked for in so many bytes of its beginning and of its end.
const (
	mostLinks = 1000
	mostURI   = 8 << 10
	linksHead = 768 << 10
	linksTail = 256 << 10
	linksNow  = 4 << 10 // a result of so many bytes is looked through before it is passed on, a longer one after
)

var uriKey = []byte(`"uri"`)

// links are the results that are being looked through for links.
type links struct {
	mu   sync.Mutex
	open map[chan struct{}]bool
}

// begin notes that a result will be looked through; the function it returns, that this is done.
func (l *links) begin() (done func()) {
	ch := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[chan struct{}]bool{}
	}
	l.open[ch] = true
	return func() {
		l.mu.Lock()
		delete(l.open, ch)
		l.mu.Unlock()
		close(ch)
	}
}

// busy tells whether a result is being looked through.
func (l *links) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open) > 0
}

// wait returns when the results that have been passed on so far were looked through.
func (l *links) wait(ctx context.Context) {
	l.mu.Lock()
	open := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, ch := range open {
		select {
		case <-ch:
		case <-ctx.Done():
			return
		}
	}
}

// noteLinks notes the URIs that a result of a server shows (resource links, embedded resources), so that they are
// asked of that server. The result is not decoded: what looks like a member "uri" is one. A long result is looked
// through when it has been passed on: the function that noteLinks returns is to be called then.
func (s *Session) noteLinks(in *upstream.Attachment, result []byte) (after func()) {
	if len(result) <= linksNow {
		s.findLinks(in, result)
		return func() {}
	}
	if !showsResources(in) {
		return func() {}
	}
	done := s.links.begin()
	return func() {
		s.findLinks(in, result)
		done()
	}
}

func (s *Session) findLinks(in *upstream.Attachment, result []byte) {
	if !bytes.Contains(head(result), uriKey) && !bytes.Contains(tail(result), uriKey) {
		return
	}
	if !showsResources(in) {
		return
	}
	view := s.view()
	eachLink(result, func(uri string) { view.Shows(in.Name(), uri) })
}

// showsResources tells whether an instance is a server's, and can be asked for a URI.
func showsResources(in *upstream.Attachment) bool {
	return in.Name() != "" && in.Hello().Declares("resources")
}

// eachLink calls f for each URI that is the value of a member "uri".
func eachLink(result []byte, f func(uri string)) {
	n := 0
	for _, part := range [...][]byte{head(result), tail(result)} {
		for n < mostLinks {
			i := bytes.Index(part, uriKey)
			if i < 0 {
				break
			}
			part = part[i+len(uriKey):]
			if uri := stringAfterColon(part); uri != "" {
				f(uri)
				n++
			}
		}
	}
}

func head(b []byte) []byte { return b[:min(len(b), linksHead)] }

// tail is the end of what head leaves.
func tail(b []byte) []byte { return b[max(min(len(b), linksHead), len(b)-linksTail):] }

// stringAfterColon decodes the string value of a member whose key ends where b begins, "" if there is none.
func stringAfterColon(b []byte) string {
	const space = " \t\r\n"
	b, ok := bytes.CutPrefix(bytes.TrimLeft(b[:min(len(b), mostURI)], space), []byte(":"))
	b = bytes.TrimLeft(b, space)
	if !ok || len(b) == 0 || b[0] != '"' {
		return ""
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return string(jsonrpc.Unquote(b[:i+1]))
		}
	}
	return ""
}
