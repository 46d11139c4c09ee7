package oauth

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// fakeBrowser makes the test binary a browser that writes what it was started with into the named file, and prints a lot.
const fakeBrowser = "MCPPROXY_TEST_FAKE_BROWSER"

// opener makes it a process that opens the named URL, so that its own output can be looked at.
const opener = "MCPPROXY_TEST_OPENER"

func TestFakeBrowser(t *testing.T) {
	place := os.Getenv(fakeBrowser)
	if place == "" {
		return // not a test: the browser of the others
	}
	os.Stdout.WriteString("planted on stdout\n")
	os.Stderr.WriteString("planted on stderr\n")
	args := os.Args[slices.Index(os.Args, "--")+1:]
	os.WriteFile(place+".new", []byte(strings.Join(append(args, fmt.Sprint(session())), "\n")), 0o600)
	os.Rename(place+".new", place)
	if args[0] == "fail" {
		os.Exit(3)
	}
	if args[0] == "stay" {
		time.Sleep(time.Minute)
	}
	os.Exit(0)
}

func TestOpener(t *testing.T) {
	page := os.Getenv(opener)
	if page == "" {
		return
	}
	if err := openBrowser(page); err != nil {
		t.Fatal(err)
	}
	os.Exit(0)
}

// asBrowser sets $BROWSER to the fake one with these arguments, and returns what it was started with, once it was.
func asBrowser(t *testing.T, before string, args string) (started func() []string) {
	t.Helper()
	if strings.ContainsAny(os.Args[0], " :") && os.PathListSeparator == ':' {
		t.Fatalf("the test binary's path can't be in $BROWSER: %s", os.Args[0])
	}
	place := filepath.Join(t.TempDir(), "started")
	t.Setenv(fakeBrowser, place)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv("BROWSER", before+os.Args[0]+" -test.run=^TestFakeBrowser$ -- "+args)
	return func() []string {
		t.Helper()
		for range 1000 {
			if data, err := os.ReadFile(place); err == nil {
				return strings.Split(string(data), "\n")
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("no browser was started")
		return nil
	}
}

// URLs with what a shell would act on arrive as one argument, as they are, and nothing is printed by us.
func TestOpenBrowser(t *testing.T) {
	for _, page := range []string{
		"https://as.example/authorize?client_id=a&scope=b%20c&state=d", "http://127.0.0.1:8080/start/0123", "https://as.example/$(id);id&id'id*?x=~!$HOME%20",
		"https://as.example/%22%20%7C%20id%0a?x=%25s%25PATH%25", "https://[::1]:8/x",
	} {
		started := asBrowser(t, "", "quick")
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpener$")
		cmd.Env = append(os.Environ(), opener+"="+page)
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) != 0 {
			t.Errorf("%s: printed %q, %v", page, out, err)
		}
		got := started()
		if want := []string{"quick", page}; !reflect.DeepEqual(got[:2], want) || len(got) != 3 {
			t.Errorf("started with %q", got)
		}
		if got[2] == fmt.Sprint(session()) {
			t.Errorf("the browser is in our session %s", got[2])
		}
	}
}

func TestOpenBrowserWithPlaces(t *testing.T) {
	const page = "https://as.example/?x=1"
	started := asBrowser(t, "no-such-browser"+string(os.PathListSeparator), "--url=%s second %s")
	if err := openBrowser(page); err != nil {
		t.Fatal(err)
	}
	if got := started(); !slices.Equal(got[:3], []string{"--url=" + page, "second", page}) || len(got) != 4 {
		t.Errorf("%q", got)
	}
}

func TestOpenBrowserDoesNotWait(t *testing.T) {
	started := asBrowser(t, "", "stay")
	start := time.Now()
	if err := openBrowser("https://as.example/"); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); mcptest.TooLong(took, launchPatience+time.Second) {
		t.Errorf("waited %s", took)
	}
	started()
}

func TestOpenBrowserFails(t *testing.T) {
	asBrowser(t, "", "fail")
	const page = "https://as.example/secret"
	for browser, want := range map[string]string{
		os.Getenv("BROWSER"): "exit status 3", "no-such-browser": "no-such-browser", filepath.Join(t.TempDir(), "none"): "none",
	} {
		t.Setenv("BROWSER", browser)
		err := openBrowser(page)
		if err == nil || !strings.Contains(err.Error(), "open the URL in one yourself") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", browser, err)
		}
	}
	t.Setenv("BROWSER", "")
	t.Setenv("PATH", t.TempDir())
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return // a launcher of the system is always there
	}
	if err := openBrowser(page); err == nil || !strings.Contains(err.Error(), "xdg-open") || !strings.Contains(err.Error(), "yourself") {
		t.Error(err)
	}
}

func TestOpenBrowserRefuses(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	t.Setenv(fakeBrowser, started)
	t.Setenv("BROWSER", os.Args[0]+" -test.run=^TestFakeBrowser$ -- quick")
	for _, page := range []string{"HTTPS://as.example/", "https://as.example/#", "https://-as.example/", "https://as.example:/", "-https://as.example/"} {
		if checkOpened(page) == nil {
			t.Errorf("%q would be opened", page)
		}
	}
	refused := 0
	for _, page := range append([]string{"https://as.example/%zz", "https://as.example/" + strings.Repeat("a", maxOpened),
		"https://as.example/\x1b[2J"}, hostileURLs...) {
		if checkOpened(page) == nil {
			if u, err := url.Parse(page); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Hostname() == "" {
				t.Errorf("%.100q would be opened", page)
			}
			continue // addresses are no matter here: the browser may reach what the person can
		}
		refused++
		if err := openBrowser(page); err == nil || strings.ContainsAny(err.Error(), "\x1b\n\r\x00") {
			t.Errorf("%.100q: %v", page, err)
		}
	}
	if _, err := os.Stat(started); err == nil || refused < 60 {
		t.Errorf("a browser was started, or only %d of them refused", refused)
	}
}

func TestLaunchers(t *testing.T) {
	const page = "https://as.example/%73"
	sep := string(os.PathListSeparator)
	for _, c := range []struct {
		goos, browser string
		want          [][]string
	}{
		{"linux", "", [][]string{{"xdg-open", page}, {"x-www-browser", page}, {"www-browser", page}, {"wslview", page}}},
		{"darwin", "", [][]string{{"/usr/bin/open", page}}},
		{"linux", " " + sep + sep, [][]string{{"xdg-open", page}, {"x-www-browser", page}, {"www-browser", page}, {"wslview", page}}},
		{"darwin", "a" + sep + "b -c  %s" + sep + "$(id) ; 'x y'", [][]string{{"a", page}, {"b", "-c", page}, {"$(id)", ";", "'x", "y'", page}}},
		{"windows", "%s", [][]string{{"%s", page}}},
	} {
		if got := launchers(c.goos, c.browser, page); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s, %q: %q", c.goos, c.browser, got)
		}
	}
	if got := launchers("windows", "", page); len(got) != 1 || !slices.Equal(got[0][1:], []string{"url.dll,FileProtocolHandler", page}) || filepath.Base(got[0][0]) != "rundll32.exe" {
		t.Errorf("%q", got)
	}
}

func TestUnseen(t *testing.T) {
	for _, c := range []struct {
		goos, set string
		seen      bool
	}{
		{"linux", "", false}, {"linux", "DISPLAY", true}, {"linux", "WAYLAND_DISPLAY", true}, {"linux", "BROWSER", true}, {"linux", "WSL_DISTRO_NAME", true},
		{"linux", "WSL_INTEROP", true}, {"freebsd", "", false}, {"darwin", "", true}, {"windows", "", true},
		{"linux", "DISPLAY SSH_CONNECTION", false}, {"linux", "BROWSER SSH_TTY", true}, {"linux", "SSH_TTY", false}, {"darwin", "SSH_CONNECTION", false}, {"windows", "CI", false}, {"linux", "DISPLAY CI", false},
	} {
		why := unseen(c.goos, func(name string) bool { return slices.Contains(strings.Fields(c.set), name) })
		if (why == "") != c.seen {
			t.Errorf("%s with %q: %q", c.goos, c.set, why)
		}
	}
	for _, name := range []string{"SSH_CONNECTION", "SSH_TTY", "CI"} {
		t.Setenv(name, "")
	}
	t.Setenv("BROWSER", "x")
	if ok, why := canOpenBrowser(); !ok || why != "" {
		t.Error(why)
	}
	t.Setenv("CI", "1")
	t.Setenv("BROWSER", "")
	if ok, why := canOpenBrowser(); ok || !strings.Contains(why, "CI") {
		t.Error(why)
	}
}
