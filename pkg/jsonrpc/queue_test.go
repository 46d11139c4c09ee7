package jsonrpc

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
)

func TestQueueKeepsOrderUnderLoad(t *testing.T) {
	q := NewQueue(0, func([2]int) int { return 0 })
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 2000 {
				if err := q.Push([2]int{w, i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); q.Close(nil) }()
	next := [4]int{}
	for {
		item, err := q.Pop()
		if err == io.EOF {
			break
		}
		if next[item[0]] != item[1] {
			t.Fatalf("writer %d: got %d, want %d", item[0], item[1], next[item[0]])
		}
		next[item[0]]++
	}
	if next != [4]int{2000, 2000, 2000, 2000} {
		t.Errorf("arrived: %v", next)
	}
}

func TestQueuePushBounds(t *testing.T) {
	q := NewQueue(100, Frame.Len)
	big := Whole(make([]byte, 200))
	if err := q.Push(big); err != nil {
		t.Fatal("one item always fits:", err)
	}
	if err := q.Push(Whole([]byte("x"))); !errors.Is(err, ErrFull) {
		t.Fatal("a full queue took an item:", err)
	}
	gone := errors.New("gone")
	q.Close(gone)
	q.Close(io.ErrUnexpectedEOF)
	if err := q.Push(big); err != gone {
		t.Fatal(err)
	}
	if _, err := q.Pop(); err != nil {
		t.Error("what is left comes first:", err)
	}
	if _, err := q.Pop(); err != gone {
		t.Error(err)
	}
}

// A consumer that does not read holds up the server, not our memory, and nothing is lost.
func TestQueuePutWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1000, func(int) int { return 100 - itemCost })
		put := 0
		go func() {
			for q.Put(put) == nil {
				put++
			}
		}()
		synctest.Wait()
		if put != 10 {
			t.Fatalf("%d fit", put)
		}
		for want := range 25 {
			if got, err := q.Pop(); got != want || err != nil {
				t.Fatalf("%d, %v", got, err)
			}
			synctest.Wait()
		}
		if put != 35 {
			t.Fatalf("%d were put", put)
		}
		q.Close(nil)
		synctest.Wait()
		for range 10 {
			if _, err := q.Pop(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := q.Pop(); err != io.EOF {
			t.Error(err)
		}
	})
}
