//go:build unix

package transport

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the shim tells on its status pipe, one line each: "pid 123" or "exec 2" (errno) first, then, when the server
// process has ended, "exit 1" or "signal 9".
const (
	statusPID    = "pid"
	statusExec   = "exec"
	statusExit   = "exit"
	statusSignal = "signal"
)

func parseStatus(line string) (kind string, n int, err error) {
	kind, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	switch kind {
	case statusPID, statusExec, statusExit, statusSignal:
	default:
		return "", 0, fmt.Errorf("unknown status line %q", line)
	}
	v, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return "", 0, fmt.Errorf("bad status line %q", line)
	}
	return kind, int(v), nil
}

func exitError(kind string, n int) *ExitError {
	if kind == statusSignal {
		return &ExitError{Code: -1, Signal: signalName(syscall.Signal(n))}
	}
	return &ExitError{Code: n}
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}
