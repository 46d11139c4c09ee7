package store

import (
	"context"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle = 20 * time.Millisecond // after the last change: several are told once
	poll   = 2 * time.Second       // where the system tells nothing
)

// Watch calls fn soon after files in the directories have changed, until ctx ends. It may be called without need.
func (s *Store) Watch(ctx context.Context, dirs []string, fn func()) {
	var events chan fsnotify.Event
	var errs chan error
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer w.Close()
		for _, dir := range dirs {
			if err == nil {
				err = os.MkdirAll(dir, 0o700)
			}
			if err == nil {
				err = w.Add(dir)
			}
		}
		if err == nil {
			events, errs = w.Events, w.Errors
		}
	}
	wait := time.Duration(0) // what changed before the watch began
	for {
		timer := time.NewTimer(wait)
		if events != nil && wait < 0 {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-events:
			wait = settle
		case <-errs: // events were lost
			wait = settle
		case <-timer.C:
			fn()
			if wait = -1; events == nil {
				wait = poll
			}
		}
		timer.Stop()
	}
}
