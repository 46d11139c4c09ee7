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
	case a.inWorkspace(c.Path, filepath.Join(store.AccountConfig(), "mcpproxy", "mcp_config.json")):
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
func (a *app) inWorkspace(path, standard string) bool {
	real := config.RealPath(path)
	if filepath.IsAbs(standard) && (path == standard || real == config.RealPath(standard)) {
		return false
	}
	for _, root := range a.roots() {
		if config.Inside(path, root) || config.Inside(real, root) || config.Inside(real, config.RealPath(root)) {
			return true
		}
	}
	return false
}

// roots are the folders that decide nothing about the user's own files: the workspace that was named, the working directory, and the
// repository around it. The root of the file system and the account's home are none.
func (a *app) roots() (roots []string) {
	home := config.RealPath(store.AccountHome())
	add := func(dir string) {
		if dir != "" && filepath.Dir(dir) != dir && config.RealPath(dir) != home {
			roots = append(roots, dir)
		}
	}
	add(a.namedWorkspace())
	dir, err := os.Getwd()
	if err != nil {
		return roots
	}
	add(dir)
	for dir = config.RealPath(dir); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			add(dir)
			break
		}
	}
	return roots
}
