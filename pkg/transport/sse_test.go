package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// sseEvents reads a stream to its end and writes down what it brought.
func sseEvents(r io.Reader, limit int) string {
	var b strings.Builder
	s := newSSEReader(r, limit)
	for {
		e, err := s.next()
		var large *jsonrpc.TooLargeError
		switch {
		case errors.As(err, &large):
			fmt.Fprintf(&b, "too large: %d id %s", large.Size, e.lost)
		case err != nil:
			fmt.Fprintf(&b, "%v", err)
			return b.String()
		case len(e.data) > 0 || e.name != "":
			fmt.Fprintf(&b, "%s %q", e.name, e.data)
		}
		fmt.Fprintf(&b, " [%s %s]\n", s.lastID, s.retry)
	}
}

func TestSSE(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "EOF"},
		{"one", "data: a\n\n", " \"a\" [ 0s]\nEOF"},
		{"no space, two spaces", "data:a\ndata:  b\n\n", " \"a\\n b\" [ 0s]\nEOF"},
		{"line ends", "data: a\r\ndata: b\rdata: c\n\r\nevent: x\rdata: d\r\r", " \"a\\nb\\nc\" [ 0s]\nx \"d\" [ 0s]\nEOF"},
		{"byte order mark", "\ufeffdata: a\n\n\ufeffdata: b\n\n", " \"a\" [ 0s]\n [ 0s]\nEOF"},
		{"mark alone", "\ufeff\ndata: a\n\n", " [ 0s]\n \"a\" [ 0s]\nEOF"},
		{"comments, unknown fields", ": c\nx: y\ndata: a\n:\ndatab\n\n", " \"a\" [ 0s]\nEOF"},
		{"field without colon", "data\ndata\n\n", " \"\\n\" [ 0s]\nEOF"},
		{"colons in the value", "data: a: b\n\n", " \"a: b\" [ 0s]\nEOF"},
		{"id stays, with and without data", "id: 1\ndata: a\n\ndata: b\n\nid: 2\n\nid\ndata: c\n\n", " \"a\" [1 0s]\n \"b\" [1 0s]\n [2 0s]\n \"c\" [ 0s]\nEOF"},
		{"id with NUL", "id: 1\n\nid: 2\x00\n\n", " [1 0s]\n [1 0s]\nEOF"},
		{"id of an event that is cut off", "id: 1\n\nid: 2\ndata: a\n", " [1 0s]\nEOF"},
		{"retry", "retry: 250\n\nretry: x\nretry: -1\nretry: 1.5\nretry:\nretry: 99999999999999\n\n", " [ 250ms]\n [ 250ms]\nEOF"},
		{"cut off", "data: a\n\ndata: b\ndata: c", " \"a\" [ 0s]\nEOF"},
		{"too large", "id: 1\ndata: {\"id\":7,\"x\":\"" + strings.Repeat("x", 300) + "\"}\n\ndata: b\n\n", "too large: 326 id 7 [1 0s]\n \"b\" [1 0s]\nEOF"},
		{"too large, id at the end", "data: {\"x\":\"" + strings.Repeat("x", 30000) + "\",\"id\":7}\n\ndata: b\n\n", "too large: 30021 id 7 [ 0s]\n \"b\" [ 0s]\nEOF"},
		{"too large in lines", strings.Repeat("data: aaaaaaaaaaaaaaaaaaaaaa\n", 20) + "\n", "too large: 560 id  [ 0s]\nEOF"},
		{"at the limit", "data: " + strings.Repeat("x", 200) + "\n\n", ` "` + strings.Repeat("x", 200) + "\" [ 0s]\nEOF"},
		{"above it", "data:" + strings.Repeat("x", 201) + "\n\n", "too large: 206 id  [ 0s]\nEOF"},
		{"too large and cut off", "data: " + strings.Repeat("x", 300), "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sseEvents(strings.NewReader(tt.in), 200); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if got := sseEvents(iotest.OneByteReader(strings.NewReader(tt.in)), 200); got != tt.want {
				t.Errorf("byte by byte: got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// The id is found at the end of an event that is only just too large, wherever it was noticed.
func TestSSELostID(t *testing.T) {
	for n := 9990; n < 10080; n++ {
		in := `data: {"x":"` + strings.Repeat("x", n) + `","id":"seven"}` + "\n\n"
		want := fmt.Sprintf("too large: %d id \"seven\" [ 0s]\nEOF", len(in)-2)
		if got := sseEvents(strings.NewReader(in), 10000); got != want {
			t.Fatalf("%d: got %.200q, want %q", n, got, want)
		}
		if got := sseEvents(iotest.OneByteReader(strings.NewReader(in)), 10000); got != want {
			t.Fatalf("%d, byte by byte: got %.200q, want %q", n, got, want)
		}
	}
}

func TestSSEReadError(t *testing.T) {
	in := io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got, want := sseEvents(in, 0), " \"a\" [ 0s]\nunexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := sseEvents(iotest.DataErrReader(strings.NewReader("data: a\n\n")), 0), " \"a\" [ 0s]\nEOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// chunked reads pieces of the sizes given, over and over.
type chunked struct {
	in    []byte
	sizes []byte
	n     int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	size := 1
	if len(c.sizes) > 0 {
		size += int(c.sizes[c.n%len(c.sizes)])
		c.n++
	}
	n := copy(p[:min(size, len(p))], c.in)
	c.in = c.in[n:]
	return n, nil
}

// FuzzSSE checks that the events of a stream do not depend on how it is cut, and that what can be read out of it can be
// written and read again.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("\ufeffid: 1\r\nretry: 5\r\ndata: {\"id\":1}\r\n\r\n"), []byte{0, 3}, uint16(100))
	f.Add([]byte("data: a\rdata: b\n\n: c\nevent: endpoint\ndata: /x\n\n"), []byte{1}, uint16(2))
	f.Add([]byte("data: {\"id\":12,\"x\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}\n\n"), []byte{7}, uint16(3))
	f.Fuzz(func(t *testing.T, in, sizes []byte, limit uint16) {
		whole := sseEvents(bytes.NewReader(in), int(limit))
		if cut := sseEvents(&chunked{in: in, sizes: sizes}, int(limit)); cut != whole {
			t.Fatalf("whole %q\ncut   %q", whole, cut)
		}
		r := newSSEReader(bytes.NewReader(in), int(limit))
		for {
			e, err := r.next()
			var large *jsonrpc.TooLargeError
			if err != nil && !errors.As(err, &large) {
				return
			}
			if err != nil || len(e.data) == 0 {
				continue
			}
			if limit > 0 && len(e.data) > int(limit) {
				t.Fatalf("%d bytes above the limit of %d", len(e.data), limit)
			}
			again := "event: " + e.name + "\ndata: " + strings.ReplaceAll(string(e.data), "\n", "\ndata: ") + "\n\n"
			got, err := newSSEReader(strings.NewReader(again), 0).next()
			if err != nil || got.name != e.name || !bytes.Equal(got.data, e.data) {
				t.Fatalf("%+v written and read again: %+v, %v", e, got, err)
			}
		}
	})
}
