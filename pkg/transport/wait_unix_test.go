//go:build unix

package transport

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// A program may end its output long before it ends: on a busy machine an installer that has done its work does.
func TestWaitBeyondTheOutput(t *testing.T) {
	for _, code := range []int{0, 3} {
		gate := filepath.Join(t.TempDir(), "gate")
		if err := unix.Mkfifo(gate, 0o600); err != nil {
			t.Fatal(err)
		}
		script := `exec >&-; read line <"$1"; exit "$line"`
		s, err := StartStdio(StdioSpec{
			Name: "s", Command: "sh", Args: []string{"-c", script, "sh", gate}, Env: os.Environ(), Log: zerolog.Nop(),
		})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = s.Recv()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("its output: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Wait(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("it runs: %v", err)
		}
		if err := os.WriteFile(gate, []byte{'0' + byte(code), '\n'}, 0o600); err != nil {
			t.Fatal(err)
		}
		var exit *ExitError
		if err := s.Wait(t.Context()); code == 0 && err != nil || code != 0 && (!errors.As(err, &exit) || exit.Code != code) {
			t.Errorf("exit status %d: %v", code, err)
		}
		s.Close(0)
	}
}
