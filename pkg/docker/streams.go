package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// attachment is the server's stdin, and in frames its stdout and stderr; see demux.
type attachment interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// attach opens the streams of a container (Engine API, ContainerAttach). The client's own way to do so goes on waiting when ctx has ended.
func (e *engine) attach(ctx context.Context, id string) (attachment, error) {
	answer, err := e.stream(ctx, http.MethodPost, "/containers/"+id+"/attach?stream=1&stdin=1&stdout=1&stderr=1", http.StatusSwitchingProtocols)
	if err != nil {
		return nil, err
	}
	if conn, ok := answer.(attachment); ok {
		return conn, nil
	}
	answer.Close()
	return nil, errors.New("its streams can't be written to")
}

// events opens the news of a container (Engine API, SystemEvents). The client's own way to do so does not tell whether it succeeded.
func (e *engine) events(ctx context.Context, id string) (io.ReadCloser, error) {
	filter, err := filters.ToJSON(filters.NewArgs(filters.Arg("container", id), filters.Arg("type", "container")))
	if err != nil {
		return nil, err
	}
	return e.stream(ctx, http.MethodGet, "/events?"+url.Values{"filters": {filter}}.Encode(), http.StatusOK)
}

// stream makes a request whose answer goes on.
func (e *engine) stream(ctx context.Context, method, target string, want int) (io.ReadCloser, error) {
	base := "http://" + client.DummyHost
	if host, ok := strings.CutPrefix(e.Host, "tcp://"); ok {
		base = "http://" + strings.TrimSuffix(host, "/")
	}
	if e.http.TLSClientConfig != nil {
		base = "https" + strings.TrimPrefix(base, "http")
	}
	request, err := http.NewRequestWithContext(ctx, method, base+"/v"+e.api.ClientVersion()+target, nil)
	if err != nil {
		return nil, err
	}
	if want == http.StatusSwitchingProtocols {
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "tcp")
	}
	answer, err := e.http.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == want {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10)) // what there is of it
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil || said.Message == "" {
		said.Message = answer.Status + ": " + string(text)
	}
	return nil, errors.New(said.Message)
}

// Streams of a frame (Engine API, ContainerAttach, "Stream format"; package stdcopy writes it).
const (
	frameStdin = iota // never sent; as stdcopy has it, taken for stdout
	frameStdout
	frameStderr
	frameError // of the engine
)

const (
	frameHead = 8 // stream, three zeros, size (big endian)
	frameSome = 32 << 10
)

var errHalfFrame = errors.New("the stream ended inside a frame")

// demux takes apart what comes from a container. However large a frame says it is, no more of it is held than fits a small buffer: stdcopy
// would hold all of it, up to 4 GiB.
func demux(stdout, stderr io.Writer, from io.Reader) error {
	in := bufio.NewReaderSize(from, frameSome)
	for {
		head, err := in.Peek(frameHead)
		switch {
		case len(head) == 0 && errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.EOF):
			return errHalfFrame
		case err != nil:
			return err
		}
		stream, size := head[0], int(binary.BigEndian.Uint32(head[4:]))
		in.Discard(frameHead)
		var to io.Writer
		switch stream {
		case frameStdin, frameStdout:
			to = stdout
		case frameStderr:
			to = stderr
		case frameError:
			said, _ := io.ReadAll(io.LimitReader(in, int64(min(size, 4<<10)))) // what there is of it
			return fmt.Errorf("the engine tells in the stream: %s", said)
		default:
			return fmt.Errorf("a frame of an unknown stream (%d)", stream)
		}
		if err := pass(to, in, size); err != nil {
			return err
		}
	}
}

// pass copies the content of a frame, as it comes.
func pass(to io.Writer, in *bufio.Reader, size int) error {
	for size > 0 {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return errHalfFrame
		} else if err != nil {
			return err
		}
		some, _ := in.Peek(min(size, in.Buffered())) // no more than there is
		n, err := to.Write(some)
		if err != nil {
			return err
		}
		in.Discard(n)
		size -= n
	}
	return nil
}
