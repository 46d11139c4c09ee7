package upstream

import (
	"errors"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// slow is a Client that takes its time to take in what it is told.
type slow struct {
	watcher
	told chan struct{} // one element when it is told
	open chan struct{} // closed when it may go on
}

func (s *slow) Listed(in *Attachment, live *catalog.Snapshot, known Known) {
	if live.Items[catalog.Tools] != nil {
		select {
		case s.told <- struct{}{}:
		default:
		}
		<-s.open
	}
	s.watcher.Listed(in, live, known)
}

// A call that comes while the owner takes in what was read (it writes to disk) waits for that; it is neither sent before nor refused.
func TestCallWhileTheOwnerIsTold(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{capabilities: `"tools":{}`}
	owner := &slow{told: make(chan struct{}, 1), open: make(chan struct{})}
	asked := make(chan string, 10)
	spec := Spec{Name: "x", Dial: s.dial, Capabilities: []byte(`{}`), ClientInfo: []byte(`{}`), Version: "2025-11-25",
		StartTimeout: 5 * time.Second, StartWait: 5 * time.Second,
		Admit: func(_ catalog.Kind, id, digest string) error { asked <- id + " " + digest; return nil }}
	in := New(spec, owner)
	t.Cleanup(func() { in.Close(0) })
	in.Start()
	<-owner.told
	out := doTool(t, in, "t")
	select {
	case o := <-out:
		t.Fatalf("it did not wait: %v", o.err)
	case <-time.After(50 * time.Millisecond):
	}
	if s.count("tools/call") != 0 {
		t.Error("it was sent before the owner knew the definition")
	}
	close(owner.open)
	if o := wait(t, out); o.err != nil {
		t.Error(o.err)
	}
	if got, want := <-asked, "t "+catalog.Digest([]byte(`{"name":"t","inputSchema":{}}`)); got != want {
		t.Errorf("asked about %s, want %s", got, want)
	}
	// What the server does not list is refused at once.
	out = doTool(t, in, "other")
	if o := wait(t, out); !errors.Is(o.err, ErrNotOffered) {
		t.Error(o.err)
	}
}
