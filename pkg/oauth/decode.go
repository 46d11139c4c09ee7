package oauth

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

const (
	maxCodings = 2       // more in one answer serve nobody but who multiplies their ratios
	maxWindow  = 8 << 20 // of zstd: RFC 9659
)

// Decoded returns a transport that decodes the content codings gzip, deflate, br and zstd of answers. net/http asks for
// gzip and decodes only that, and nothing where the request has an Accept-Encoding of its own; servers, and the networks in
// front of them, send the others unasked. Decoding is done as the body is read, so that the reader's limits hold for what
// comes out of it.
func Decoded(base http.RoundTripper) http.RoundTripper { return &decoded{base} }

type decoded struct{ base http.RoundTripper }

func (d *decoded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	codings, err := contentCodings(resp.Header)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	if len(codings) > 0 {
		resp.Body = &decodedBody{Closer: resp.Body, src: resp.Body, codings: codings}
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
	}
	return resp, nil
}

// CloseIdleConnections closes those of the base.
func (d *decoded) CloseIdleConnections() {
	if c, ok := d.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// contentCodings lists what was done to a body (RFC 9110, section 8.4), without what changes nothing.
func contentCodings(h http.Header) (codings []string, err error) {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
		case "", "identity", "none", "utf-8", "utf8", "binary": // a charset is not meant to be here, but changes nothing
		case "gzip", "x-gzip", "deflate", "br", "zstd":
			codings = append(codings, coding)
		default:
			return nil, fmt.Errorf("the answer has the content coding %s, which was not asked for", confusables.Quote(coding))
		}
	}
	if len(codings) > maxCodings {
		return nil, errors.New("the answer is compressed more than twice")
	}
	return codings, nil
}

// decodedBody decodes from the first Read on: an empty body has no header of a coding.
type decodedBody struct {
	io.Closer
	src     io.Reader
	codings []string
	out     io.Reader // nil before the first Read
	err     error     // why there's no out
}

func (b *decodedBody) Read(p []byte) (int, error) {
	if b.out == nil && b.err == nil {
		b.out, b.err = b.open()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.out.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("the answer can't be decompressed (%s): %w", strings.Join(b.codings, ", "), err)
	}
	return n, err
}

func (b *decodedBody) open() (out io.Reader, err error) {
	out = b.src
	for i := len(b.codings) - 1; i >= 0; i-- {
		in := bufio.NewReader(out)
		if _, err := in.Peek(1); err != nil {
			return nil, err // io.EOF for an empty body
		}
		if out, err = decoder(b.codings[i], in); err != nil {
			return nil, fmt.Errorf("the answer is not compressed with %s, as it says: %w", b.codings[i], err)
		}
	}
	return out, nil
}

func decoder(coding string, in *bufio.Reader) (io.Reader, error) {
	switch coding {
	case "br":
		return brotli.NewReader(in), nil
	case "zstd": // with one goroutine, the caller's: there is nothing to close
		return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	case "deflate": // zlib (RFC 9110, section 8.4.1.2), though some send what is inside it
		head, err := in.Peek(2)
		if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(in)
		}
		return flate.NewReader(in), nil
	}
	return gzip.NewReader(in)
}
