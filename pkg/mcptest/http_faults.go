package mcptest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Cut says where the answer to a request breaks off.
type Cut string

// Where a [HTTPFault] cuts. The request is carried out in any case, and the
// answer is kept for whoever resumes the stream.
const (
	CutBeforeAnswer Cut = "before-answer"
	CutInAnswer     Cut = "in-answer" // in the middle of its bytes
	CutAfterAnswer  Cut = "after-answer"
)

// HTTPFault is what happens to the next requests that it fits, instead of their
// answer, or with Cut to their answer.
type HTTPFault struct {
	Method string // HTTP method it concerns; "" is POST
	RPC    string // JSON-RPC method it concerns; "" is any
	Times  int    // how many requests; 0 is one, negative all until ClearFaults

	Status int // of the answer
	Header http.Header
	Body   string

	Hang  time.Duration // keeps the request so long, then answers with Status, or carries it out if that is 0; negative is for ever
	Cut   Cut           // breaks the answer off
	Clean bool          // with Cut: the stream ends as if it were complete, else the connection breaks
}

// Status answers with a status and a text.
func Status(code int) HTTPFault {
	return HTTPFault{Status: code, Body: http.StatusText(code) + "\n", Header: http.Header{"Content-Type": {"text/plain"}}}
}

// HTMLPage answers with a web page, as a captive portal or a proxy does.
func HTMLPage(code int) HTTPFault {
	return HTTPFault{Status: code, Body: "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>", Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}
}

// Busy answers with 429 or 503 and Retry-After in seconds.
func Busy(code, retryAfter int) HTTPFault {
	f := Status(code)
	f.Header.Set("Retry-After", strconv.Itoa(retryAfter))
	return f
}

// Redirect answers with 302, or another code of its kind.
func Redirect(code int, location string) HTTPFault {
	f := Status(code)
	f.Header.Set("Location", location)
	return f
}

// Unauthorized answers with 401 and a challenge.
func Unauthorized(challenge string) HTTPFault {
	f := Status(http.StatusUnauthorized)
	f.Header.Set("WWW-Authenticate", challenge)
	return f
}

// JSONAnswer answers with a status and a JSON body, such as a 400 with an error.
func JSONAnswer(code int, body string) HTTPFault {
	return HTTPFault{Status: code, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
}

// Dropped breaks the connection off at some point of the answer.
func Dropped(where Cut) HTTPFault { return HTTPFault{Cut: where} }

// Polled ends the stream before the answer in good order, for the client to come
// back with Last-Event-ID; it needs SSE and Prime.
func Polled() HTTPFault { return HTTPFault{Cut: CutBeforeAnswer, Clean: true} }

// Hung never answers.
func Hung() HTTPFault { return HTTPFault{Hang: -1} }

// Inject adds a fault behind those that still wait for their request.
func (h *HTTPServer) Inject(f HTTPFault) {
	if f.Method == "" {
		f.Method = http.MethodPost
	}
	if f.Times == 0 {
		f.Times = 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, &f)
}

// ClearFaults takes back the faults that have not happened.
func (h *HTTPServer) ClearFaults() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

// DropStreams breaks every open event stream off, as a lost network does.
func (h *HTTPServer) DropStreams() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.drop)
	h.drop = make(chan struct{})
}

func (h *HTTPServer) dropped() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.drop
}

func (h *HTTPServer) sseStyle() SSEStyle {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.style
}

// takeFault gives the first fault that fits a request and counts it.
func (h *HTTPServer) takeFault(method, rpc string) *HTTPFault {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.faults, func(f *HTTPFault) bool { return f.Method == method && (f.RPC == "" || f.RPC == rpc) })
	if i < 0 {
		return nil
	}
	f := h.faults[i]
	if f.Times--; f.Times == 0 {
		h.faults = slices.Delete(h.faults, i, i+1)
	}
	return f
}

type cutKey struct{}

// cutOf gives the fault that cuts the answer to a request, nil if none does.
func cutOf(r *http.Request) *HTTPFault {
	f, _ := r.Context().Value(cutKey{}).(*HTTPFault)
	if f != nil && f.Cut == "" { // it was only held up
		return nil
	}
	return f
}

// serve answers in place of the server and tells whether it did.
func (f *HTTPFault) serve(h *HTTPServer, w http.ResponseWriter, r *http.Request) bool {
	if f.Hang != 0 {
		var over <-chan time.Time
		if f.Hang > 0 {
			over = time.After(f.Hang)
		}
		select {
		case <-over:
		case <-r.Context().Done():
			return true
		case <-h.ctx.Done():
			return true
		}
	}
	if f.Status == 0 {
		return false
	}
	for k, v := range f.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(f.Body)) // the client may be gone
	return true
}
