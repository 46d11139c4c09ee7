package transport

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

type flushWriter interface {
	io.WriteCloser
	Flush() error
}

// encodings are the content codings that servers send, asked for or not.
var encodings = map[string]func(io.Writer) flushWriter{
	"gzip":   func(w io.Writer) flushWriter { return gzip.NewWriter(w) },
	"x-gzip": func(w io.Writer) flushWriter { return gzip.NewWriter(w) },
	"br":     func(w io.Writer) flushWriter { return brotli.NewWriter(w) },
	"zstd": func(w io.Writer) flushWriter {
		e, _ := zstd.NewWriter(w)
		return e
	},
	"deflate": func(w io.Writer) flushWriter { return zlib.NewWriter(w) },
	"Deflate": func(w io.Writer) flushWriter { // without the header of zlib, as some have it
		e, _ := flate.NewWriter(w, 6)
		return e
	},
}

// TestHTTPEncodings: an answer in any coding is read as its JSON, with an Accept-Encoding of the entry or without.
func TestHTTPEncodings(t *testing.T) {
	for coding, encode := range encodings {
		for _, asked := range []string{"", "identity", "gzip, deflate, br, zstd"} {
			t.Run(coding+" "+asked, func(t *testing.T) {
				encoded := func(w http.ResponseWriter, kind, text string) {
					var b bytes.Buffer
					e := encode(&b)
					_, _ = io.WriteString(e, text)
					_ = e.Close()
					w.Header().Set("Content-Type", kind)
					w.Header().Set("Content-Encoding", coding)
					_, _ = w.Write(b.Bytes())
				}
				read := make(chan bool)
				p := newHTTPPeer(t, httpScript{
					"json": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
						encoded(w, "application/json", answerOf(m, `{}`))
					},
					"notifications/n": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
						w.Header().Set("Content-Encoding", coding)
						w.WriteHeader(http.StatusAccepted)
					},
					"error": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
						w.Header().Set("Content-Encoding", coding)
						w.WriteHeader(500)
						e := encode(w)
						_, _ = io.WriteString(e, "in plain words")
						_ = e.Close()
					},
					"stream": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
						w.Header().Set("Content-Encoding", coding)
						w.Header().Set("Content-Type", eventStream)
						e := encode(w)
						for _, text := range []string{progress, answerOf(m, `{}`)} {
							_, _ = io.WriteString(e, "data: "+text+"\n\n")
							_ = e.Flush()
							_ = http.NewResponseController(w).Flush()
							<-read // the next one comes only when this one was passed on
						}
						_ = e.Close()
					},
				})
				spec := HTTPSpec{URL: p.URL}
				if asked != "" {
					spec.Headers = []Header{{"Accept-Encoding", asked}}
				}
				c := dialTest(t, spec).open()
				c.request(2, "json")
				c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
				c.send(`{"jsonrpc":"2.0","method":"notifications/n"}`)
				c.request(3, "error")
				c.wantFailed("3", "HTTP 500 Internal Server Error: in plain words", false)
				c.request(4, "stream")
				c.want(progress)
				read <- true
				c.want(`{"jsonrpc":"2.0","id":4,"result":{}}`)
				read <- true
				c.nothing()
				if asked != "" && p.header(t, "POST json", 0).Get("Accept-Encoding") != asked {
					t.Errorf("Accept-Encoding: %q", p.header(t, "POST json", 0).Get("Accept-Encoding"))
				}
			})
		}
	}
}

// TestHTTPBombs: what is small on the wire and large behind it costs its own call. The limit holds for what comes out.
func TestHTTPBombs(t *testing.T) {
	const size = 32 << 20
	encoded := func(text []byte, codings ...string) []byte {
		for _, coding := range codings {
			var b bytes.Buffer
			e := encodings[coding](&b)
			_, _ = e.Write(text)
			_ = e.Close()
			text = b.Bytes()
		}
		return text
	}
	blank := bytes.Repeat([]byte{' '}, size)
	bombs := map[string][]byte{"gzip, br": encoded(blank, "gzip", "br")}
	for coding := range encodings {
		bombs[coding] = encoded(blank, coding)
	}
	for coding, bomb := range bombs {
		t.Run(coding, func(t *testing.T) {
			if len(bomb) > size/100 {
				t.Fatalf("the bomb has %d bytes", len(bomb))
			}
			send := func(status int, kind string) func(http.ResponseWriter, *http.Request, httpMsg) {
				return func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
					w.Header().Set("Content-Encoding", coding)
					w.Header().Set("Content-Type", kind)
					w.WriteHeader(status)
					_, _ = w.Write(bomb)
				}
			}
			p := newHTTPPeer(t, httpScript{"json": send(200, "application/json"), "error": send(500, ""), "stream": send(200, eventStream)})
			c := dialTest(t, HTTPSpec{URL: p.URL, Limit: 100_000}).open()
			c.request(2, "json")
			var large *jsonrpc.TooLargeError
			if err := c.wantFailed("2", "exceeds the limit", false); !errors.As(err, &large) || large.Size > 200_000 {
				t.Errorf("%v", err)
			}
			c.request(3, "error")
			c.wantFailed("3", "HTTP 500", false)
			c.request(4, "stream")
			c.wantFailed("4", "the stream ended before the answer", false)
			c.nothing()
		})
	}
}

// TestHTTPBadEncodings: an answer that can't be decoded says so, and costs its own call.
func TestHTTPBadEncodings(t *testing.T) {
	for coding, want := range map[string]string{
		"compress": `content coding "compress"`, "aws-chunked": "which was not asked for", "gzip, gzip, gzip": "more than twice",
		"gzip": "gzip", "br": "can't be decompressed (br)", "zstd": "zstd", "deflate": "can't be decompressed (deflate)",
	} {
		p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
			w.Header().Set("Content-Encoding", coding)
			reply(w, m, `"`+strings.Repeat("\xff", 300)+`"`)
		}})
		c := dialTest(t, HTTPSpec{URL: p.URL}).open()
		c.request(2, "m")
		c.wantFailed("2", want, false)
		c.nothing()
		c.Close(0)
	}
	for _, same := range []string{"identity", "", "UTF-8", "none"} {
		p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
			w.Header().Set("Content-Encoding", same)
			reply(w, m, `{}`)
		}})
		c := dialTest(t, HTTPSpec{URL: p.URL}).open()
		c.request(2, "m")
		c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
		c.Close(0)
	}
}
