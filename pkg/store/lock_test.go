//go:build unix

package store

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// lockHolder makes the test binary a process that takes the lock and holds it until it is killed.
const lockHolder = "MCPPROXY_TEST_LOCK_HOLDER"

func TestLockHolder(t *testing.T) {
	dir := os.Getenv(lockHolder)
	if dir == "" {
		return // not a test: the other process of TestLockOfAProcessThatDies
	}
	if _, err := Open(dir).Lock(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("held\n")
	io.Copy(io.Discard, os.Stdin)
}

func TestLockOfAProcessThatDies(t *testing.T) {
	s := Open(t.TempDir())
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHolder$")
	cmd.Env = append(os.Environ(), lockHolder+"="+s.Dir())
	stdin, _ := cmd.StdinPipe()
	defer stdin.Close()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}

	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(short, "a/b"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the lock of another process was taken: %v", err)
	}
	if err := s.Update("a/b", func([]byte) ([]byte, error) { return []byte("x"), nil }); err != nil {
		t.Fatalf("Update while it is held: %v", err)
	}
	other, err := s.Lock(t.Context(), "a/c")
	if err != nil {
		t.Fatal(err)
	}
	other()

	cmd.Process.Kill()
	cmd.Wait()
	long, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	unlock, err := s.Lock(long, "a/b")
	if err != nil {
		t.Fatalf("the lock outlived its process: %v", err)
	}
	unlock()
}

func TestLockIsExclusive(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := Open(t.TempDir())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				unlock, err := s.Lock(t.Context(), "n")
				if err != nil {
					t.Error(err)
					return
				}
				data, _ := os.ReadFile(s.Path("n"))
				had, _ := strconv.Atoi(string(data))
				os.WriteFile(s.Path("n"), []byte(strconv.Itoa(had+1)), 0o600)
				unlock()
			}
		})
	}
	all.Wait()
	data, _ := os.ReadFile(s.Path("n"))
	if string(data) != "80" {
		t.Errorf("%s of 80", data)
	}
}

// Who has given up does not keep the lock that comes to it later.
func TestLockGivenUp(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := Open(t.TempDir())
	unlock, err := s.Lock(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := s.Lock(ctx, "n"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	again, err := s.Lock(ctx, "n")
	if err != nil {
		t.Fatal(err)
	}
	again()
	cancel()
	if _, err := s.Lock(ctx, "n"); !errors.Is(err, context.Canceled) {
		t.Errorf("taken after the end: %v", err)
	}
}

func TestReadSecret(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	if _, err := s.ReadSecret("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := s.Write("f", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.ReadSecret("f"); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o606, 0o610} {
		os.Chmod(s.Path("f"), mode)
		if _, err := s.ReadSecret("f"); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	os.Chmod(s.Path("f"), 0o600)
	if err := os.Symlink(s.Path("f"), s.Path("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadSecret("link"); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a link: %v", err)
	}
	if os.Geteuid() == 0 {
		os.Chown(s.Path("f"), 12345, -1)
		if _, err := s.ReadSecret("f"); !errors.Is(err, ErrUnsafe) {
			t.Errorf("another user's file: %v", err)
		}
	}
}

func TestTryLock(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	unlock, ok, err := s.TryLock("a/b")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err := s.TryLock("a/b"); ok || err != nil {
		t.Errorf("taken twice: %v, %v", ok, err)
	}
	if other, ok, err := s.TryLock("a/c"); !ok || err != nil {
		t.Errorf("another name: %v, %v", ok, err)
	} else {
		other(true)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(ctx, "a/b"); err == nil {
		t.Error("Lock does not see it")
	}
	unlock(false)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) { // the Lock that was given up gets it for a moment
		if unlock, ok, _ := s.TryLock("a/b"); ok {
			unlock(true)
			break
		} else if time.Now().After(end) {
			t.Fatal("still taken")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.Locks(), "a-*")); len(left) != 0 {
		t.Errorf("lock files: %v", left)
	}
}
