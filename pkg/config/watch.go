package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	maxLinks = 40

	// An editor writes a file in several steps; what it looks like 50 ms after the
	// last of them is meant. Somebody who writes all the time is heard twice a second.
	settle     = 50 * time.Millisecond
	settleMost = 500 * time.Millisecond

	// Where the system tells nothing, we look.
	pollInterval = 2 * time.Second
)

// Watch calls fn after every change of c's file since c was loaded, until ctx ends;
// then it returns nil. Changes are new contents, by whatever means (a rename over the
// file or over a link to it, a write in place), the file's appearance, also in a
// directory that is not there yet, and its disappearance. fn runs in the calling
// goroutine.
func (c *Config) Watch(ctx context.Context, fn func()) error {
	return watch(ctx, c.Path, c.digest, fn)
}

// WatchFile is [Config.Watch] for any file: data is what it held when it was read, nil if it was not there.
func WatchFile(ctx context.Context, path string, data []byte, fn func()) error {
	known := absent
	if data != nil {
		known = contentDigest(data)
	}
	return watch(ctx, path, known, fn)
}

// Current tells whether the file still has the content that c was loaded from.
func (c *Config) Current() bool { return fileDigest(c.Path) == c.digest }

func watch(ctx context.Context, path string, known [sha256.Size]byte, fn func()) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	w := &watcher{path: path, known: known, fn: fn, dirs: map[string]bool{}}
	// Without a watcher (the system's limit is reached) the channels are nil.
	if w.notify, err = fsnotify.NewWatcher(); err == nil {
		defer w.notify.Close()
		w.events, w.errors = w.notify.Events, w.notify.Errors
	}
	w.run(ctx)
	return nil
}

// watcher notes which directories can tell of a change and what the file held
// when fn was last called.
type watcher struct {
	path  string
	known [sha256.Size]byte
	fn    func()

	notify *fsnotify.Watcher
	events chan fsnotify.Event
	errors chan error
	dirs   map[string]bool // watched
	names  map[string]bool // that matter in them
	poll   bool            // not everything could be watched
}

func (w *watcher) run(ctx context.Context) {
	w.arm()
	w.check()
	var quiet <-chan time.Time
	var deadline time.Time
	for ctx.Err() == nil {
		var look <-chan time.Time
		if w.poll {
			look = time.After(pollInterval)
		}
		select {
		case <-ctx.Done():
			return
		case e := <-w.events:
			if !w.names[e.Name] && !w.dirs[e.Name] {
				continue
			}
		case <-w.errors: // events were lost
		case <-look:
			w.arm()
			w.check()
			continue
		case <-quiet:
			quiet = nil
			w.arm()
			w.check()
			continue
		}
		now := time.Now()
		if quiet == nil {
			deadline = now.Add(settleMost)
		}
		quiet = time.After(min(settle, deadline.Sub(now)))
	}
}

// check calls fn if the file is not what it was.
func (w *watcher) check() {
	if digest := fileDigest(w.path); digest != w.known {
		w.known = digest
		w.fn()
	}
}

// arm watches the directories that matter now. It repeats itself until they stay
// the same, as one may appear between looking and watching.
func (w *watcher) arm() {
	if w.notify == nil {
		w.poll = true
		return
	}
	for range maxLinks {
		dirs, names := watchSet(w.path)
		w.names, w.poll = names, false
		changed := false
		for dir := range w.dirs {
			if !dirs[dir] {
				w.notify.Remove(dir) // an error: it is gone already
				delete(w.dirs, dir)
			}
		}
		for dir := range dirs {
			// Added again each time: a directory of the same name may be another one.
			if err := w.notify.Add(dir); err != nil {
				w.poll = true
				delete(w.dirs, dir)
				continue
			}
			changed = changed || !w.dirs[dir]
			w.dirs[dir] = true
		}
		if !changed {
			return
		}
	}
}

// watchSet walks along path, through its links. It returns the directories in
// which an entry decides what path is, and these entries: each link, the file,
// or the first component that is missing.
func watchSet(path string) (dirs, names map[string]bool) {
	dirs, names = map[string]bool{}, map[string]bool{}
	for range maxLinks {
		target, dir, entry := firstDecision(path)
		dirs[dir], names[entry] = true, true
		if target == "" {
			break
		}
		path = target
	}
	return dirs, names
}

// firstDecision finds the first component of path that is a link, missing, or the
// last. For a link, target is path with the link replaced.
func firstDecision(path string) (target, dir, entry string) {
	volume := filepath.VolumeName(path)
	rest := strings.Split(strings.Trim(path[len(volume):], string(filepath.Separator)), string(filepath.Separator))
	dir = volume + string(filepath.Separator)
	for i, component := range rest {
		entry = filepath.Join(dir, component)
		info, err := os.Lstat(entry)
		switch {
		case err != nil || i == len(rest)-1 && info.Mode()&fs.ModeSymlink == 0:
			return "", dir, entry
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(entry)
			if err != nil {
				return "", dir, entry
			}
			if !filepath.IsAbs(link) {
				link = filepath.Join(dir, link)
			}
			return filepath.Join(append([]string{link}, rest[i+1:]...)...), dir, entry
		}
		dir = entry
	}
	return "", dir, entry
}

// fileDigest is the digest of what Load would read.
func fileDigest(path string) [sha256.Size]byte {
	data, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent
	case err != nil:
		return sha256.Sum256([]byte("mcpproxy-stdio: " + err.Error()))
	}
	return contentDigest(data)
}
