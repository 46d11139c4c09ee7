package jsonrpc

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

func TestQueueKeepsOrderUnderLoad(t *testing.T) {
	q := NewQueue(1 << 10)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 2000 {
				if err := q.PushWait(Whole(fmt.Appendf(nil, "%d %d", w, i)), time.Minute); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); q.Close(nil) }()
	next := make([]int, 4)
	var frames []Frame
	for {
		var err error
		frames, err = q.Pop(frames[:0])
		for _, f := range frames {
			var w, i int
			fmt.Sscanf(string(f.Join()), "%d %d", &w, &i)
			if next[w] != i {
				t.Fatalf("writer %d: got %d, want %d", w, i, next[w])
			}
			next[w]++
		}
		if err == io.EOF {
			break
		}
	}
	for w, n := range next {
		if n != 2000 {
			t.Errorf("writer %d: %d frames arrived", w, n)
		}
	}
}

func TestQueueBounds(t *testing.T) {
	q := NewQueue(100)
	big := Whole(make([]byte, 200))
	if err := q.Push(big); err != nil {
		t.Fatal("one frame always fits:", err)
	}
	if err := q.Push(Whole([]byte("x"))); !errors.Is(err, ErrFull) {
		t.Fatal("a full queue took a frame:", err)
	}
	if q.PushDroppable(Whole(make([]byte, 1))) {
		t.Fatal("a droppable frame went into a full queue")
	}
	if err := q.PushWait(Whole([]byte("x")), 10*time.Millisecond); !errors.Is(err, ErrFull) {
		t.Fatal("no patience:", err)
	}
	go q.Pop(nil)
	if err := q.PushWait(Whole([]byte("x")), time.Minute); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	q.Close(gone)
	if err := q.Push(big); err != gone {
		t.Fatal(err)
	}
}
