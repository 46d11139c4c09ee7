package mcptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// EnvBrowserLog names the file that the browser of [NewBrowserProgram] writes to.
const EnvBrowserLog = "MCPTEST_BROWSER_LOG"

const envBrowserVisit = "MCPTEST_BROWSER_VISIT" // the URL that this process is to visit

// ownBrowser is the one for $BROWSER: a real xdg-open script would take an xdg-open there for itself.
const ownBrowser = "mcptest-browser"

// browserNames are what programs start to open a URL.
var browserNames = []string{ownBrowser, "xdg-open", "open", "x-www-browser", "www-browser", "sensible-browser", "wslview"}

// BrowserProgram is a browser that a program under test can start. It notes each
// URL, prints to stdout and stderr what would spoil any stream of messages, and
// leaves at once; a process that it started, in a session of its own and with the
// same stdout and stderr, visits the URL with a [Browser] and prints some more.
type BrowserProgram struct {
	Path string // for $BROWSER
	Dir  string // for $PATH: has it as xdg-open and the like
	Log  string // for $MCPTEST_BROWSER_LOG: the URLs, one a line

	t testing.TB
}

// NewBrowserProgram makes a browser out of this test binary, whose TestMain must call [Main].
func NewBrowserProgram(t testing.TB) *BrowserProgram {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links, and a browser that is found by PATH")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("mcptest: browser: %v", err)
	}
	home := t.TempDir()
	p := &BrowserProgram{t: t, Dir: filepath.Join(home, "bin"), Log: filepath.Join(home, "log")}
	p.Path = filepath.Join(p.Dir, ownBrowser)
	if err := os.Mkdir(p.Dir, 0o700); err != nil {
		t.Fatalf("mcptest: browser: %v", err)
	}
	for _, name := range browserNames {
		if err := os.Symlink(self, filepath.Join(p.Dir, name)); err != nil {
			t.Fatalf("mcptest: browser: %v", err)
		}
	}
	return p
}

// Env gives what the program under test must have in its environment, after its own.
func (p *BrowserProgram) Env() []string {
	return []string{"PATH=" + p.Dir + string(os.PathListSeparator) + os.Getenv("PATH"), "BROWSER=" + p.Path, EnvBrowserLog + "=" + p.Log}
}

// Opened gives the URLs that the browser was started with so far.
func (p *BrowserProgram) Opened() []string {
	p.t.Helper()
	b, err := os.ReadFile(p.Log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatalf("mcptest: browser: %v", err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

func isBrowserProgram() bool {
	return os.Getenv(EnvBrowserLog) != "" && slices.Contains(browserNames, filepath.Base(os.Args[0]))
}

// browserProgram is the launcher, or the process that it leaves behind, and gives the exit code.
func browserProgram(args []string) int {
	signal.Ignore(syscall.SIGPIPE) // whoever started us may be gone
	if u := os.Getenv(envBrowserVisit); u != "" {
		return visit(u)
	}
	fmt.Println(`{"jsonrpc":"2.0","id":1,"result":"from the browser's stdout"}`)
	fmt.Fprintln(os.Stderr, "[mcptest:ERROR] libva: from the browser's stderr")
	if len(args) != 1 {
		fmt.Fprintf(os.Stderr, "mcptest: browser: one URL, not %q\n", args)
		return 2
	}
	if err := appendLine(os.Getenv(EnvBrowserLog), args[0]); err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: browser:", err)
		return 3
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: browser:", err)
		return 3
	}
	cmd := exec.Command(self)
	cmd.Args[0] = ownBrowser
	cmd.Env = append(os.Environ(), envBrowserVisit+"="+args[0])
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ready, err := prepareGrandchild(cmd, true)
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		err = ready() // or it could be ended with us, before it is in its own session
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: browser:", err)
		return 3
	}
	return 0
}

func visit(rawURL string) int {
	grandchildReady()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	page, err := new(Browser).Open(ctx, rawURL)
	fmt.Println("from the browser's stdout, later")
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: browser:", err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "mcptest: browser:", page.Status)
	return 0
}

// appendLine writes a line in one piece: several processes may do so at once.
func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
