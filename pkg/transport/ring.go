package transport

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// ringSize is how much of a server's stderr is kept.
const ringSize = 64 << 10

// ring keeps the last bytes written to it. It takes memory only as it fills.
type ring struct {
	mu   sync.Mutex
	buf  []byte
	next int // where the next byte goes, once buf has its full size
}

func (r *ring) Write(b []byte) (int, error) {
	n := len(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) >= ringSize {
		r.buf, r.next = append(r.buf[:0], b[len(b)-ringSize:]...), 0
		return n, nil
	}
	if room := ringSize - len(r.buf); room > 0 {
		fits := min(room, len(b))
		r.buf, b = append(r.buf, b[:fits]...), b[fits:]
	}
	for len(b) > 0 {
		done := copy(r.buf[r.next:], b)
		r.next, b = (r.next+done)%ringSize, b[done:]
	}
	return n, nil
}

// String returns what is kept, oldest first, as valid UTF-8. A character cut off at the front is left out.
func (r *ring) String() string {
	r.mu.Lock()
	tail := append(append(make([]byte, 0, len(r.buf)), r.buf[r.next:]...), r.buf[:r.next]...)
	r.mu.Unlock()
	if len(tail) == ringSize {
		for i := 0; i < utf8.UTFMax-1 && !utf8.RuneStart(tail[0]); i++ {
			tail = tail[1:]
		}
	}
	return strings.ToValidUTF8(string(tail), "\uFFFD")
}
