package mcptest

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// SSEStyle says how events are written. The zero value is the plain way.
type SSEStyle struct {
	Ending    string // of lines: "\n" (default), "\r\n" or "\r"
	Comments  bool   // comment lines before, in and after each event, and unknown fields
	MultiLine bool   // the data of each event is spread over several lines
	Split     bool   // events are written in pieces, with pauses
	NoSpace   bool   // "data:…" in place of "data: …"
	BOM       bool   // the stream begins with a byte order mark
}

// stream is a sequence of events that outlives the connection it is read by.
type stream struct {
	id string

	mu      sync.Mutex
	events  []event
	sent    int           // events written by some connection
	done    bool          // the last event is there
	changed chan struct{} // closed and replaced on each change
	taken   chan struct{} // closed when another connection reads on
}

type event struct {
	data   []byte // nil primes the stream: an id without data
	answer bool
}

func (hs *httpSession) newStream() *stream {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	st := &stream{id: strconv.Itoa(len(hs.streams)), changed: make(chan struct{})}
	hs.streams[st.id] = st
	return st
}

// resume finds the stream of an event id and the index of the event behind it.
func (hs *httpSession) resume(eventID string) (st *stream, from int) {
	id, n, ok := strings.Cut(eventID, "_")
	i, err := strconv.Atoi(n)
	if !ok || err != nil {
		return nil, 0
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.streams[id], i + 1
}

func (st *stream) add(frame []byte)    { st.append(event{data: frame}, false) }
func (st *stream) finish(frame []byte) { st.append(event{data: frame, answer: true}, true) }

// append adds an event; last without data only ends the stream.
func (st *stream) append(e event, last bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.done {
		return
	}
	if e.data != nil || !last {
		st.events = append(st.events, e)
	}
	st.done = last
	close(st.changed)
	st.changed = make(chan struct{})
}

// take makes the caller the one who reads the stream. From -1 goes on where the
// last reader stopped.
func (st *stream) take(from int) (start int, taken <-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.taken != nil {
		close(st.taken)
	}
	st.taken = make(chan struct{})
	if from < 0 {
		from = st.sent
	}
	return from, st.taken
}

// after gives the events from an index on, and what to wait for if there are none.
func (st *stream) after(i int) (events []event, done bool, changed <-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.events[min(i, len(st.events)):], st.done, st.changed
}

func (st *stream) noteSent(n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sent = max(st.sent, n)
}

// serveStream writes the events of a stream until it, the connection or the session ends.
func (h *HTTPServer) serveStream(w http.ResponseWriter, r *http.Request, hs *httpSession, st *stream, from int) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache, no-transform")
	w.WriteHeader(http.StatusOK)
	out := &eventWriter{w: w, flush: http.NewResponseController(w).Flush, style: h.sseStyle, retry: h.opts.Retry}
	out.open()
	next, taken := st.take(from)
	cut, dropped := cutOf(r), h.dropped()
	if cut == nil {
		cut = new(HTTPFault)
	}
	for {
		events, done, changed := st.after(next)
		for _, e := range events {
			id := ""
			if !h.opts.NoIDs {
				id = st.id + "_" + strconv.Itoa(next)
			}
			if e.answer && cut.Cut == CutBeforeAnswer {
				breakOff(cut)
				return
			}
			b := out.encode("", id, e.data)
			if e.answer && cut.Cut == CutInAnswer {
				out.write(b[:len(b)/2])
				breakOff(cut)
				return
			}
			out.write(b)
			next++
			st.noteSent(next)
			if e.answer && cut.Cut == CutAfterAnswer {
				breakOff(cut)
				return
			}
		}
		if len(events) > 0 {
			continue
		}
		if done {
			return
		}
		if cut.Cut == CutBeforeAnswer && cut.Clean {
			return // a server that polls ends the stream at once
		}
		select {
		case <-changed:
		case <-taken:
			return
		case <-dropped:
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			return
		case <-hs.ctx.Done():
			return
		}
	}
}

// breakOff breaks the connection, unless the cut is to look like an end.
func breakOff(f *HTTPFault) {
	if !f.Clean {
		panic(http.ErrAbortHandler)
	}
}

// eventWriter writes events in a style.
type eventWriter struct {
	w     http.ResponseWriter
	flush func() error
	style func() SSEStyle
	retry time.Duration // with the first event, then 0
}

func (o *eventWriter) open() {
	if o.style().BOM {
		_, _ = o.w.Write([]byte("\ufeff"))
	}
	_ = o.flush() // the headers; a client that is gone is noticed by its context
}

// encode writes one event of a type; "" is message, which is left out.
func (o *eventWriter) encode(kind, id string, data []byte) []byte {
	style := o.style()
	var b bytes.Buffer
	field := func(name, value string) {
		b.WriteString(name + ":")
		if !style.NoSpace {
			b.WriteByte(' ')
		}
		b.WriteString(value)
		b.WriteString(style.ending())
	}
	if style.Comments {
		b.WriteString(": a comment" + style.ending() + ":" + style.ending())
	}
	if o.retry > 0 {
		field("retry", strconv.FormatInt(o.retry.Milliseconds(), 10))
		o.retry = 0
	}
	if kind != "" {
		field("event", kind)
	}
	if id != "" {
		field("id", id)
	}
	if style.Comments {
		b.WriteString(": data: {}" + style.ending())
		field("unknown", "field")
	}
	lines := []string{string(data)}
	if style.MultiLine && len(data) > 2 && data[0] == '{' {
		lines = []string{"{", string(data[1 : len(data)-1]), "}"}
	}
	for _, line := range lines {
		field("data", line)
	}
	b.WriteString(style.ending())
	if style.Comments {
		b.WriteString(": keep-alive" + style.ending() + style.ending())
	}
	return b.Bytes()
}

func (s SSEStyle) ending() string {
	if s.Ending == "" {
		return "\n"
	}
	return s.Ending
}

// write sends bytes to the client; one that is gone is noticed by its context.
func (o *eventWriter) write(b []byte) {
	pieces := [][]byte{b}
	if o.style().Split && len(b) > 4 {
		third := len(b) / 3
		pieces = [][]byte{b[:third], b[third : 2*third], b[2*third : len(b)-1], b[len(b)-1:]}
	}
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(3 * time.Millisecond)
		}
		_, _ = o.w.Write(p)
		_ = o.flush()
	}
}
