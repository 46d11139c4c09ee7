package mcptest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// frameReader reads whole messages from a stream in either framing, told apart
// by the first byte of each: MCP's newlines, or Content-Length headers as in LSP.
type frameReader struct {
	r             *bufio.Reader
	long          []byte // collects what does not fit the reader's buffer
	contentLength bool   // the last frame came in Content-Length framing
}

func newFrameReader(r io.Reader) *frameReader { return &frameReader{r: bufio.NewReaderSize(r, 64<<10)} }

// next gives the next frame without its line end; blank lines count as frames.
// It is valid until the call after. A last line without a line end is a frame.
func (f *frameReader) next() ([]byte, error) {
	head, err := f.r.Peek(1)
	if err != nil {
		return nil, err
	}
	if f.contentLength = head[0] == 'C' || head[0] == 'c'; f.contentLength {
		return f.headed()
	}
	return f.line()
}

func (f *frameReader) line() ([]byte, error) {
	line, err := f.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		f.long = append(f.long[:0], line...)
		for err == bufio.ErrBufferFull {
			line, err = f.r.ReadSlice('\n')
			f.long = append(f.long, line...)
		}
		line = f.long
		if cap(f.long) > 64<<20 {
			f.long = nil // one huge message must not cost memory for ever
		}
	}
	if err != nil && len(line) == 0 {
		return nil, err
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

func (f *frameReader) headed() ([]byte, error) {
	length := -1
	for {
		line, err := f.line()
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		key, val, _ := strings.Cut(string(line), ":")
		if strings.EqualFold(strings.TrimSpace(key), "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(val)); err != nil {
				return nil, fmt.Errorf("content length: %w", err)
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("header without Content-Length")
	}
	body := make([]byte, length)
	_, err := io.ReadFull(f.r, body)
	return body, err
}

// more tells whether a whole line waits in the buffer, so that answers can be
// held back until the reader would block.
func (f *frameReader) more() bool {
	if f.r.Buffered() == 0 {
		return false
	}
	b, _ := f.r.Peek(f.r.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

// frameWriter is the one writer of a stream. Whoever sends while nobody writes
// becomes the writer and also writes what others add meanwhile, so that no lock
// is held across a write and frames go out in the order they were added.
type frameWriter struct {
	out           *bufio.Writer
	contentLength func() bool
	ending        string
	noise         bool // a noise line before each frame
	noises        int

	mu    sync.Mutex
	queue []chunk
	busy  bool
	mute  bool  // nothing more is taken
	err   error // the first failed write
}

// chunk is a frame, or with raw set bytes that are written as they stand.
type chunk struct {
	data []byte
	raw  bool
}

func newFrameWriter(w io.Writer) *frameWriter {
	return &frameWriter{out: bufio.NewWriterSize(w, 64<<10), ending: "\n", contentLength: func() bool { return false }}
}

// send writes a frame, which must not be changed any more.
func (f *frameWriter) send(frame []byte) { f.add(chunk{data: frame}, false); f.flush() }

// add queues a chunk until the next flush; last mutes the writer behind it.
func (f *frameWriter) add(c chunk, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mute {
		return
	}
	f.queue = append(f.queue, c)
	f.mute = last
}

// flush writes what is queued, unless another goroutine is doing so, and gives
// the first error of any write.
func (f *frameWriter) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy {
		return f.err
	}
	f.busy = true
	for len(f.queue) > 0 {
		queue := f.queue
		f.queue = nil
		f.mu.Unlock()
		for _, c := range queue {
			f.write(c)
		}
		f.mu.Lock()
		if len(f.queue) == 0 {
			f.mu.Unlock()
			err := f.out.Flush()
			f.mu.Lock()
			if f.err == nil {
				f.err = err
			}
		}
	}
	f.busy = false
	return f.err
}

var noiseLines = []string{
	"Server listening on stdio", "", "{", `{"level":"info","msg":"not a frame"}`, "[debug] \x1b[32mready\x1b[0m", "null",
}

// write puts one chunk into the buffer; an error stays in it until the flush.
func (f *frameWriter) write(c chunk) {
	switch {
	case c.raw:
		f.out.Write(c.data)
		return
	case f.contentLength():
		fmt.Fprintf(f.out, "Content-Length: %d\r\n\r\n", len(c.data))
		f.out.Write(c.data)
		return
	case f.noise:
		f.out.WriteString(noiseLines[f.noises%len(noiseLines)] + "\n")
		f.noises++
	}
	f.out.Write(c.data)
	f.out.WriteString(f.ending)
}
