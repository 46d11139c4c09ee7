//go:build unix

package docker

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/docker/docker/pkg/stdcopy"
)

func frame(stream byte, size int, content string) string {
	head := make([]byte, frameHead)
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(size))
	return string(head) + content
}

func TestDemux(t *testing.T) {
	for name, c := range map[string]struct{ in, out, err, wrong string }{
		"nothing":         {"", "", "", ""},
		"two streams":     {frame(1, 2, "ab") + frame(2, 1, "x") + frame(1, 1, "c") + frame(0, 1, "d"), "abcd", "x", ""},
		"an empty frame":  {frame(1, 0, "") + frame(1, 1, "a"), "a", "", ""},
		"half a head":     {frame(1, 1, "a") + "\x01\x00", "a", "", "inside a frame"},
		"half a frame":    {frame(1, 5, "abc"), "abc", "", "inside a frame"},
		"none of a frame": {frame(1, 5, ""), "", "", "inside a frame"},
		"an error":        {frame(1, 1, "a") + frame(3, 4, "oops"), "a", "", "oops"},
		"a huge error":    {frame(3, 1<<32-1, "oops"), "", "", "oops"},
		"no stream":       {frame(4, 1, "a"), "", "", "unknown stream (4)"},
		"HTTP":            {"HTTP/1.1 200 OK\r\n\r\n", "", "", "unknown stream (72)"},
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "by bytes": iotest.OneByteReader, "with its end": iotest.DataErrReader} {
			var out, err bytes.Buffer
			wrong := demux(&out, &err, wrap(strings.NewReader(c.in)))
			if out.String() != c.out || err.String() != c.err || (wrong == nil) != (c.wrong == "") || wrong != nil && !strings.Contains(wrong.Error(), c.wrong) {
				t.Errorf("%s %s: %q %q %v", name, how, &out, &err, wrong)
			}
		}
	}
	broken := errors.New("broken")
	if err := demux(io.Discard, io.Discard, io.MultiReader(strings.NewReader(frame(1, 9, "abc")), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
	r, w := io.Pipe()
	r.CloseWithError(broken)
	if err := demux(w, io.Discard, strings.NewReader(frame(1, 3, "abc"))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// A frame is passed on as it comes: its end may be far away.
func TestDemuxDoesNotWaitForTheEndOfAFrame(t *testing.T) {
	from, engine := io.Pipe()
	out, to := io.Pipe()
	go demux(to, io.Discard, from)
	go io.WriteString(engine, frame(1, 1<<32-1, "line\n"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(out, got); err != nil || string(got) != "line\n" {
		t.Errorf("%q %v", got, err)
	}
	engine.Close()
}

func TestDemuxHoldsLittle(t *testing.T) {
	in := strings.NewReader(frame(1, 1<<30, "x")) // and no more
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	demux(io.Discard, io.Discard, in)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes", allocated)
	}
}

// FuzzDemux compares with the package that writes the format: all that it gives is given, and after that only what is left of a half frame.
func FuzzDemux(f *testing.F) {
	f.Add([]byte(frame(1, 2, "ab") + frame(2, 1, "x")))
	f.Add([]byte(frame(1, 9, "ab")))
	f.Add([]byte(frame(3, 2, "ab")))
	f.Add([]byte("HTTP/1.1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out, err, wantOut, wantErr bytes.Buffer
		wrong := demux(&out, &err, iotest.HalfReader(bytes.NewReader(in)))
		for at := 0; at+frameHead <= len(in); { // stdcopy takes the memory that a frame asks for
			size := int(binary.BigEndian.Uint32(in[at+4:]))
			if size > 1<<20 {
				return
			}
			at += frameHead + size
		}
		_, known := stdcopy.StdCopy(&wantOut, &wantErr, bytes.NewReader(in))
		if !bytes.HasPrefix(out.Bytes(), wantOut.Bytes()) || !bytes.HasPrefix(err.Bytes(), wantErr.Bytes()) {
			t.Errorf("%q %q, not %q %q", &out, &err, &wantOut, &wantErr)
		}
		if known != nil && wrong == nil {
			t.Errorf("no error, and %v", known)
		}
		if wrong == nil && (out.Len() != wantOut.Len() || err.Len() != wantErr.Len()) {
			t.Errorf("%q %q is not all of it", &out, &err)
		}
	})
}

// Ten megabytes in one line, there and back.
func TestALongLine(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	p := r.start(r.spec("-cat")).running()
	line := make([]byte, 10<<20)
	chacha := rand.NewChaCha8([32]byte{})
	for i := range line {
		line[i] = byte(' ' + chacha.Uint64()%90)
	}
	line[len(line)-1] = '\n'
	go p.Write(line)
	got := make([]byte, len(line))
	if _, err := io.ReadFull(p.out, got); err != nil || sha256.Sum256(got) != sha256.Sum256(line) {
		t.Error("not the same bytes", err)
	}
	p.CloseStdin()
	fails(t, p.end(), "exited with status 0")
}
