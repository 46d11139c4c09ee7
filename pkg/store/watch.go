package store

import (
	"context"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle     = 20 * time.Millisecond  // after the last change: several are told once
	settleMost = 200 * time.Millisecond // after the first: who writes all the time is heard
	poll       = 2 * time.Second        // where the system tells nothing
)

// Watch calls fn soon after files in the directories have changed, until ctx ends. It may be called without need. A directory that is
// removed is watched again when it is back.
func (s *Store) Watch(ctx context.Context, dirs []string, fn func()) {
	if s.refused != nil { // nothing in it counts
		<-ctx.Done()
		return
	}
	var events chan fsnotify.Event
	var errs chan error
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer w.Close()
		events, errs = w.Events, w.Errors
	}
	for _, dir := range dirs {
		os.MkdirAll(dir, 0o700) // an error shows when it is watched
	}
	arm := func() (whole bool) { // each time: a directory of the same name may be another one
		whole = w != nil
		for _, dir := range dirs {
			whole = whole && w.Add(dir) == nil
		}
		return whole
	}
	timer := time.NewTimer(0) // what changed before the watch began
	defer timer.Stop()
	var since time.Time // when the first change came that is not told yet
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			whole := arm()
			since = time.Time{}
			fn()
			if !whole {
				timer.Reset(poll)
			}
			continue
		case <-events:
		case <-errs: // events were lost
		}
		now := time.Now()
		if since.IsZero() {
			since = now
		}
		timer.Reset(max(0, min(settle, settleMost-now.Sub(since))))
	}
}
