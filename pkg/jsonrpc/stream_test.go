package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slow is a stream whose reader takes its time; it can't be written to directly.
type slow struct {
	mu   sync.Mutex
	got  []byte
	gate chan struct{}
}

func (s *slow) Write(b []byte) (int, error) {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, b...)
	return len(b), nil
}

func TestOutletBoundsAndDrops(t *testing.T) {
	dst := &slow{gate: make(chan struct{})}
	o := NewOutlet(dst, Lines, 100)
	big := Whole(make([]byte, 200))
	if err := o.Send(big); err != nil {
		t.Fatal("one frame always fits:", err)
	}
	if err := o.Send(Whole([]byte("x"))); !errors.Is(err, ErrFull) {
		t.Fatal("a full outlet took a frame:", err)
	}
	if o.SendDroppable(Whole([]byte("x")), nil, 0) {
		t.Fatal("a droppable frame went into a full outlet")
	}
	if err := o.SendWait(Whole([]byte("x")), 10*time.Millisecond); !errors.Is(err, ErrFull) {
		t.Fatal("no patience:", err)
	}
	if o.Drain(10 * time.Millisecond) {
		t.Fatal("drained although nobody reads")
	}
	close(dst.gate)
	if err := o.SendWait(Whole([]byte("x")), time.Minute); err != nil {
		t.Fatal(err)
	}
	o.Close(nil)
	if err := o.Send(big); err != io.EOF {
		t.Fatal(err)
	}
	if !o.Drain(time.Minute) || len(dst.got) != 203 {
		t.Fatalf("%d bytes were written", len(dst.got))
	}
}

// Many senders over a real pipe: every frame whole, each sender's in order, corked or not.
func TestOutletOverAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := NewOutlet(w, Lines, 1<<20)
	sizes := []int{10, 100_000, 300, 20_000, 1}
	const senders, rounds = 4, 200
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range rounds {
				if i%10 == 0 {
					o.Cork()
				}
				head := fmt.Appendf(nil, "%d %d ", s, i)
				if err := o.SendWait(Frame{head, bytes.Repeat([]byte("a"), sizes[i%len(sizes)]), []byte("b")}, time.Minute); err != nil {
					t.Error(err)
				}
				if i%10 == 2 {
					o.Uncork()
				}
			}
		})
	}
	go func() { all.Wait(); o.Drain(time.Minute); w.Close() }()
	reader, next := NewReader(r, Newline, 0), make([]int, senders)
	for {
		line, err := reader.Read()
		if err != nil {
			break
		}
		var s, i int
		fmt.Sscanf(string(line[:min(len(line), 20)]), "%d %d", &s, &i)
		if want := len(fmt.Sprintf("%d %d ", s, i)) + sizes[i%len(sizes)] + 1; next[s] != i || len(line) != want {
			t.Fatalf("sender %d: got frame %d of %d bytes, want %d of %d", s, i, len(line), next[s], want)
		}
		next[s]++
	}
	for s, n := range next {
		if n != rounds {
			t.Errorf("sender %d: %d frames arrived", s, n)
		}
	}
}

func TestOutletTellsOfABrokenStream(t *testing.T) {
	r, w, _ := os.Pipe()
	r.Close()
	o := NewOutlet(w, Lines, 0)
	o.Send(Whole([]byte("x")))
	o.Drain(time.Minute)
	if err := o.Send(Whole([]byte("x"))); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v", err)
	}
}

// What one sender may leave unwritten is bounded, whatever room there is; others go on.
func TestOutletShares(t *testing.T) {
	dst := &slow{gate: make(chan struct{})}
	o := NewOutlet(dst, Lines, 1<<20)
	var noisy, other Share
	done, never := make(chan struct{}), make(chan struct{})
	close(done)
	frame := Whole(bytes.Repeat([]byte("n"), 99)) // 100 with its newline
	for i := range 5 {
		if err := o.SendShare(frame, &noisy, 500, done, never); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := o.SendShare(frame, &noisy, 500, done, never); !errors.Is(err, ErrFull) {
		t.Fatal("more than the share was taken:", err)
	}
	if err := o.SendShare(frame, &noisy, 500, never, done); !errors.Is(err, ErrFull) {
		t.Fatal("more than the share was taken:", err)
	}
	if o.SendDroppable(frame, &noisy, 500) || !o.SendDroppable(frame, &other, 500) {
		t.Fatal("one sender's share is another's")
	}
	var large Share
	if err := o.SendShare(Whole(make([]byte, 1000)), &large, 500, done, never); err != nil {
		t.Fatal("one frame always fits:", err)
	}
	if err := o.Send(Whole([]byte("answer"))); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error)
	go func() { sent <- o.SendShare(Whole([]byte("last")), &noisy, 500, never, never) }()
	close(dst.gate) // the reader reads
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	o.Drain(time.Minute)
	if !bytes.HasSuffix(dst.got, []byte("last\n")) || bytes.Count(dst.got, []byte("\n")) != 9 {
		t.Errorf("%d bytes were written: %.50q", len(dst.got), dst.got[max(0, len(dst.got)-50):])
	}
	for range 2 {
		if err := o.SendShare(frame, &noisy, 500, never, never); err != nil {
			t.Errorf("what was written counts on: %v", err)
		}
	}
	o.Close(nil)
	if err := o.SendShare(frame, &noisy, 500, never, never); err != io.EOF {
		t.Error(err)
	}
}
