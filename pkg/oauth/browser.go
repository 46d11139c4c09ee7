package oauth

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	maxOpened      = 8192            // an authorization URL carries scopes and more
	launchPatience = 2 * time.Second // most launchers end at once; the others are browsers
)

// openBrowser shows a web page to the person at this machine. It returns once the launcher has ended, or seems to run.
//
// The launchers are started here and not by github.com/cli/browser: that one leaves $BROWSER out, waits for a browser that stays,
// and starts it in our process group, where a Ctrl-C meant for us ends it. No shell takes part anywhere, and nothing that the
// launcher or the browser prints gets into our output, which is a stream of messages.
func openBrowser(url string) error {
	if err := checkOpened(url); err != nil {
		return fmt.Errorf("the browser is not opened: %w", err)
	}
	var failed []string
	for _, argv := range launchers(runtime.GOOS, os.Getenv("BROWSER"), url) {
		err := launch(argv)
		if err == nil {
			return nil
		}
		failed = append(failed, err.Error())
	}
	return fmt.Errorf("no browser could be started (%s): open the URL in one yourself", strings.Join(failed, "; "))
}

// checkOpened refuses what a launcher could take for anything but a web page, or otherwise than we do.
func checkOpened(url string) error {
	u, err := parsePlain(url, maxOpened)
	switch {
	case err != nil:
		return err
	case u.Hostname()[0] == '-':
		return errors.New("its host begins with -")
	case u.String() != url:
		return errors.New("programs could read it in different ways")
	}
	return nil
}

// launchers returns the command lines to try, in order. $BROWSER, where it is set, stands for all others: who sets it to a program
// that shows nothing wants to see nothing. It is a list, as xdg-open and others have it, of commands with %s for the URL.
func launchers(goos, browser, url string) (list [][]string) {
	for _, entry := range filepath.SplitList(browser) {
		argv := strings.Fields(entry)
		if len(argv) == 0 {
			continue
		}
		placed := false
		for i := 1; i < len(argv); i++ {
			placed = placed || strings.Contains(argv[i], "%s")
			argv[i] = strings.ReplaceAll(argv[i], "%s", url)
		}
		if !placed {
			argv = append(argv, url)
		}
		list = append(list, argv)
	}
	switch {
	case list != nil:
	case goos == "windows":
		list = [][]string{{filepath.Join(os.Getenv("SystemRoot"), "System32", "rundll32.exe"), "url.dll,FileProtocolHandler", url}}
	case goos == "darwin":
		list = [][]string{{"/usr/bin/open", url}}
	default:
		list = [][]string{{"xdg-open", url}, {"x-www-browser", url}, {"www-browser", url}, {"wslview", url}}
	}
	return list
}

// launch starts one and looks for a moment whether it fails.
func launch(argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...) // without files for its output: they are the null device then
	detach(cmd)
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			err = exec.ErrNotFound
		}
		return fmt.Errorf("%s: %w", filepath.Base(argv[0]), bare(err))
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // it has no owner: a browser may outlive us, and until then somebody has to reap it
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(argv[0]), err)
		}
	case <-time.After(launchPatience):
	}
	return nil
}

// bare takes off the path of a program that can't be started.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// canOpenBrowser tells whether a page that is opened here would be seen by the person who works with us, and if not, why. It is
// for those who open one without being told to.
func canOpenBrowser() (ok bool, why string) {
	why = unseen(runtime.GOOS, func(name string) bool { return os.Getenv(name) != "" })
	return why == "", why
}

// unseen says why a browser's window would not be seen.
func unseen(goos string, set func(string) bool) string {
	switch {
	case set("BROWSER"): // somebody saw to it, as editors do that work on a remote machine
		return ""
	case set("SSH_CONNECTION") || set("SSH_TTY"):
		return "in an SSH session the browser would open on the remote machine" // also with a forwarded display, which few want
	case set("CI"):
		return "the variable CI is set, so no user can log in"
	case goos == "windows" || goos == "darwin" || set("DISPLAY") || set("WAYLAND_DISPLAY"):
		return ""
	case set("WSL_DISTRO_NAME") || set("WSL_INTEROP"):
		return ""
	}
	return "there is no display (neither DISPLAY nor WAYLAND_DISPLAY nor BROWSER is set)"
}
