//go:build unix

package mcptest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Terminal is a command on a terminal of a person's: neither it nor what holds the terminal's other end descends from the test, which
// is the parent of proxies and so in the place of an agent.
type Terminal struct {
	in, out, status *os.File
}

const (
	envTerminal     = "MCPTEST_TERMINAL" // PID of the one who must have gone, after a size
	terminalStarter = "starter"
)

// StartTerminal runs a command on a terminal of that size. It ends with the test.
func StartTerminal(t testing.TB, cmd *exec.Cmd, rows, columns uint16) *Terminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inR, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	status, statusW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	starter := exec.Command(self, append(append(selfArgs(), "--", cmd.Path), cmd.Args[1:]...)...)
	starter.Env, starter.Dir = append(cmd.Environ(), fmt.Sprintf("%s=%s %d %d", envTerminal, terminalStarter, rows, columns)), cmd.Dir
	starter.ExtraFiles = []*os.File{inR, outW, statusW}
	err = starter.Run()
	for _, f := range starter.ExtraFiles {
		f.Close()
	}
	term := &Terminal{in, out, status}
	t.Cleanup(term.Close)
	if err != nil {
		t.Fatalf("starting a terminal: %v", err)
	}
	return term
}

// Write types.
func (term *Terminal) Write(b []byte) (int, error) { return term.in.Write(b) }

// Read reads what the screen shows, until the command has ended.
func (term *Terminal) Read(b []byte) (int, error) { return term.out.Read(b) }

// Close ends the command.
func (term *Terminal) Close() { term.in.Close() }

// Wait waits for the command's end and gives its exit code, -1 if there is none.
func (term *Terminal) Wait() int {
	text, _ := io.ReadAll(term.status)
	code, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return -1
	}
	return code
}

// terminalMain holds a terminal if this process was started for that, and does not come back.
func terminalMain() {
	how := strings.Fields(os.Getenv(envTerminal))
	if len(how) != 3 {
		return
	}
	os.Unsetenv(envTerminal)
	files := []*os.File{os.NewFile(3, "in"), os.NewFile(4, "out"), os.NewFile(5, "status")}
	if how[0] == terminalStarter { // what it starts loses its parent with it
		keeper := exec.Command("/proc/self/exe", os.Args[1:]...)
		if self, err := os.Executable(); err == nil {
			keeper.Path = self
		}
		keeper.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", envTerminal, os.Getpid(), how[1], how[2]))
		keeper.ExtraFiles, keeper.SysProcAttr = files, &syscall.SysProcAttr{Setsid: true}
		if err := keeper.Start(); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	for strconv.Itoa(os.Getppid()) == how[0] {
		time.Sleep(time.Millisecond)
	}
	keepTerminal(files[0], files[1], files[2], how)
	os.Exit(0)
}

func keepTerminal(in, out, status *os.File, how []string) {
	for _, f := range []*os.File{in, out, status} {
		syscall.CloseOnExec(int(f.Fd()))
	}
	args := os.Args
	for args[0] != "--" {
		args = args[1:]
	}
	rows, _ := strconv.Atoi(how[1])
	columns, _ := strconv.Atoi(how[2])
	cmd := exec.Command(args[1], args[2:]...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(rows), Cols: uint16(columns)})
	if err != nil {
		fmt.Fprintln(out, "mcptest:", err)
		return
	}
	go func() {
		_, _ = io.Copy(tty, in)
		_ = cmd.Process.Kill() // the test has gone
	}()
	_, _ = io.Copy(out, tty) // an error is the end
	_ = cmd.Wait()           // the code tells
	fmt.Fprintln(status, cmd.ProcessState.ExitCode())
}
