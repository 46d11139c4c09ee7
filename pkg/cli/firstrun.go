package cli

import (
	"os"
	"path/filepath"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Why a configuration file is not taken for the person's own at its first run.
const (
	doubtRelative  = "the configuration file is named by a relative path, which the folder that is open decides"
	doubtWorkspace = "the configuration file lies in the folder that is open"
	doubtFresh     = "the configuration file was changed after the client had started, so that an agent can have written it"
	doubtUnknown   = "when the client started, and so whether the configuration file is older, can't be told"
)

// ClientStarted tells when the client that this process serves was started; ok is false if that can't be told. It is a variable for tests.
var ClientStarted = clientStarted

// clockGrain is how coarse the clocks of files and processes are.
const clockGrain = 20 * time.Millisecond

// doubt says why the servers of a file that was never run are not the person's own, "" if they are.
func (a *app) doubt(c *config.Config) string {
	switch named := a.config; {
	case named == "" && !absoluteOrEmpty(os.Getenv(config.PathVariable)), named != "" && !filepath.IsAbs(named):
		return doubtRelative
	case a.inWorkspace(c.Path, accountFile()):
		return doubtWorkspace
	}
	started, ok := ClientStarted()
	switch {
	case !ok:
		return doubtUnknown
	case config.Changed(c.Path).After(started.Add(clockGrain)):
		return doubtFresh
	}
	return ""
}

// doubtIn is doubt about a folder that is known later: the client tells it.
func (a *app) doubtIn(path, folder string) string {
	if liesIn(path, accountFile(), openFolders(folder)) {
		return doubtWorkspace
	}
	return ""
}

// accountFile is the configuration file that is standard for the account, whatever the environment says.
func accountFile() string { return filepath.Join(store.AccountConfig(), "mcpproxy", "mcp_config.json") }

// typedDoubt is doubt for a command. What a person types on a terminal has no client: the file is as old as they know it to be. A file that is
// not there yet is theirs to begin.
func (a *app) typedDoubt(c *config.Config) string {
	switch doubt := a.doubt(c); {
	case !c.Exists, a.person() == nil && (doubt == doubtFresh || doubt == doubtUnknown):
		return ""
	default:
		return doubt
	}
}

func absoluteOrEmpty(path string) bool { return path == "" || filepath.IsAbs(path) }

// inWorkspace tells whether a path lies in the folder that a client started from here works in, by its name or by where it leads. The path
// that is standard for the account is the user's own also in a workspace: some people open their home, or what they keep of it in a
// repository.
func (a *app) inWorkspace(path, standard string) bool { return liesIn(path, standard, a.roots()) }

func liesIn(path, standard string, roots []string) bool {
	real := config.RealPath(path)
	if filepath.IsAbs(standard) && (path == standard || real == config.RealPath(standard)) {
		return false
	}
	for _, root := range roots {
		if config.Inside(path, root) || config.Inside(real, root) || config.Inside(real, config.RealPath(root)) {
			return true
		}
	}
	return false
}

// roots are the folders that decide nothing about the user's own files: the workspace that was named, the working directory, and the
// repository around it.
func (a *app) roots() (roots []string) {
	if named := a.namedWorkspace(); named != "" {
		roots = own(named)
	}
	if dir, err := os.Getwd(); err == nil {
		roots = append(roots, openFolders(dir)...)
	}
	return roots
}

// openFolders are a folder and the repository around it.
func openFolders(dir string) []string {
	roots := own(dir)
	for dir = config.RealPath(dir); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return append(roots, own(dir)...)
		}
	}
	return roots
}

// own is a folder, unless it is no project's: the root of the file system, the account's home, or one for temporary files, in which each
// program makes folders of its own.
func own(dir string) []string {
	if filepath.Dir(dir) == dir {
		return nil
	}
	for _, shared := range []string{store.AccountHome(), os.TempDir(), "/tmp", "/var/tmp"} {
		if config.RealPath(dir) == config.RealPath(shared) {
			return nil
		}
	}
	return []string{dir}
}
