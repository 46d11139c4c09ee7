//go:build unix

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestAppend(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	add := func(line string) {
		t.Helper()
		if err := s.Append("log", []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	has := func(want string) {
		t.Helper()
		if got, err := s.Read("log"); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	add("one\n")
	add("two\n")
	has("one\ntwo\n")
	if info, err := os.Stat(s.Path("log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(s.Path("log"), []byte("one\ntw"), 0o600); err != nil { // a crash has cut it
		t.Fatal(err)
	}
	add("three\n")
	has("one\ntw\nthree\n")
	if err := os.WriteFile(s.Path("log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	add("four\n")
	has("four\n")

	if err := os.Chmod(s.Path("log"), 0o622); err != nil {
		t.Fatal(err)
	}
	if err := s.Append("log", []byte("five\n")); !errors.Is(err, ErrUnsafe) {
		t.Errorf("appended to what others can write: %v", err)
	}
	if err := os.Symlink(s.Path("log"), s.Path("link")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append("link", []byte("six\n")); err == nil {
		t.Error("a link was followed")
	}
	os.Chmod(s.Path("log"), 0o600)
	has("four\n")
}

func TestAppendsDoNotMix(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 10 {
				if err := Open(dir).Append("log", append(bytes.Repeat([]byte{'a' + byte(i)}, 5000), '\n')); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := Open(dir).Read("log")
	lines := bytes.Split(bytes.TrimSuffix(got, []byte("\n")), []byte("\n"))
	if err != nil || len(lines) != 80 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines {
		if len(line) != 5000 || !bytes.Equal(line, bytes.Repeat(line[:1], 5000)) {
			t.Errorf("mixed: %.20q", line)
		}
	}
}

func TestList(t *testing.T) {
	s := Open(t.TempDir())
	os.Chmod(s.Dir(), 0o700)
	if names, err := s.List("d"); names != nil || err != nil {
		t.Errorf("a missing directory: %v, %v", names, err)
	}
	for _, name := range []string{"d/b", "d/a", "d/.new-1", "e/c"} {
		if err := s.Write(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.List("d"); err != nil || !slices.Equal(names, []string{"d/a", "d/b"}) {
		t.Errorf("%v, %v", names, err)
	}
}

// watchStore returns a channel that tells of each call, the first one taken.
func watchStore(t *testing.T, s *Store, dirs ...string) <-chan struct{} {
	t.Helper()
	mcptest.CheckGoroutines(t)
	calls := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { s.Watch(ctx, dirs, func() { calls <- struct{}{} }) })
	t.Cleanup(func() { cancel(); done.Wait() })
	soon(t, calls, 10*time.Second, "what changed before it began")
	return calls
}

func soon(t *testing.T, calls <-chan struct{}, most time.Duration, what string) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(most):
		t.Fatalf("not told within %s: %s", most, what)
	}
}

func TestWatch(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	calls := watchStore(t, s, s.Path("a"), s.Path("b"))
	for _, name := range []string{"a/x", "b/y", "a/x"} {
		if err := s.Write(name, []byte(fmt.Sprint(time.Now()))); err != nil {
			t.Fatal(err)
		}
		soon(t, calls, 10*time.Second, name)
		for len(calls) > 0 {
			<-calls
		}
	}
	time.Sleep(4 * settle)
	for len(calls) > 0 {
		<-calls
	}
	for range 20 { // at once
		if err := s.Write("a/x", nil); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, calls, 10*time.Second, "twenty changes")
	time.Sleep(2 * settleMost)
	if n := len(calls); n > 10 {
		t.Errorf("told %d times of twenty changes", n+1)
	}
}

// Who writes all the time is heard.
func TestWatchUnderAStorm(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	calls := watchStore(t, s, s.Path("a"))
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(settle / 10):
				os.WriteFile(s.Path("a/x"), []byte(fmt.Sprint(time.Now())), 0o600)
			}
		}
	})
	defer writer.Wait()
	defer close(stop)
	for range 3 {
		soon(t, calls, 20*settleMost, "a storm")
	}
}

// A directory that is removed and made again is watched again.
func TestWatchADirectoryThatComesBack(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	calls := watchStore(t, s, s.Path("a"))
	if err := os.RemoveAll(s.Dir()); err != nil {
		t.Fatal(err)
	}
	soon(t, calls, 10*time.Second, "removed")
	time.Sleep(2 * settleMost)
	if _, err := os.Stat(s.Dir()); err == nil {
		t.Error("made again by the watch: who removed it meant it")
	}
	for len(calls) > 0 {
		<-calls
	}
	if err := s.Write("a/x", nil); err != nil {
		t.Fatal(err)
	}
	soon(t, calls, 3*poll, "written again")
	time.Sleep(2 * settleMost) // it is watched by now
	for len(calls) > 0 {
		<-calls
	}
	if err := s.Write("a/x", []byte("last")); err != nil {
		t.Fatal(err)
	}
	soon(t, calls, poll/2, "after it was made again, and sooner than by looking")
}
