package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli/process"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/front"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve MCP on stdin and stdout (the default)", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context()) },
	}
}

const onTerminal = `mcpproxy-stdio speaks MCP on stdin and stdout; an editor or an agent starts it.
List it there as a stdio MCP server, for example:

  { "mcpServers": { "mcpproxy": { "command": "mcpproxy-stdio" } } }

To see it work:             mcpproxy-stdio try
To check the configuration: mcpproxy-stdio check
All commands:               mcpproxy-stdio --help
Your servers:               `

// explain is for a person who started the server on a terminal.
func (a *app) explain() error {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return failed(err)
	}
	state := "does not exist yet"
	switch c, err := config.Load(path); {
	case err != nil:
		state = "can't be read; see check"
	case c.Exists:
		state = plural(len(c.Servers), "server", "servers")
	}
	_, err = fmt.Fprintf(a.err, "%s%s (%s)\n", onTerminal, plain(path), state)
	return failed(err)
}

// serve is the main job. It ends when the client closes stdin, or with SIGTERM or SIGINT.
func (a *app) serve(ctx context.Context) error {
	if term.IsTerminal(int(a.in.Fd())) {
		return a.explain()
	}
	keepFromServers()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	log, flush, err := a.logger()
	if err != nil {
		return err
	}
	defer flush()
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return failed(err)
	}
	// Few bytes live long here. Memory that is never touched takes no room, but halves the number of collections, and unlike
	// a higher GOGC it does not let large messages pile up.
	// It comes later, because it starts a collection.
	var ballast atomic.Pointer[[4 << 20]byte]
	time.AfterFunc(time.Second, func() { ballast.Store(new([4 << 20]byte)) })
	defer ballast.Store(nil)
	st := store.Open(store.DefaultDir())
	st.Repaired = func(dir string) {
		log.Warn().Str("dir", dir).Msg("others could use the state directory; its mode is 0700 now")
	}
	if dir := st.Dir(); !filepath.IsAbs(dir) || a.inWorkspace(dir, store.AccountDir()) {
		st.Refuse(fmt.Errorf("%w: the state directory %s lies in the folder that is open, whose files approve nothing; %s",
			store.ErrUnsafe, plain(dir), ownStateDir(dir)))
	}
	defer a.register(st, log)()
	h := hub.New(hub.Options{ConfigPath: path, Store: st, Version: Version(), Log: log, Doubt: a.doubt, DoubtIn: a.doubtIn, Own: builtin.Tools(admin.New(log), Version())})
	dir, err := os.Getwd()
	if err != nil {
		log.Warn().Err(err).Msg("no working directory")
	}
	opts := session.Options{Workspace: a.namedWorkspace(), Dir: dir, Environ: os.Environ(), Version: Version(), Log: log}
	return failed(front.Run(ctx, a.in, a.out.File, h, opts))
}

// ownStateDir says how to get a state directory outside of the workspace: by the variable that the one in use comes from.
func ownStateDir(dir string) string {
	const named = "XDG_STATE_HOME"
	if base := os.Getenv(named); base != "" && filepath.Join(base, filepath.Base(dir)) == dir {
		return "unset " + named + ", or name a directory of your own with it"
	}
	home := "HOME"
	if runtime.GOOS == "windows" {
		home = "LOCALAPPDATA"
	}
	return "it comes from " + home + ", which leads there: set " + home + " to your own directory, or name a state directory outside with " + named
}

// register writes down who started this proxy, beside everything else: approve refuses to be run by that program. The wait at the end is
// short, since clients kill us soon.
func (a *app) register(st *store.Store, log zerolog.Logger) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := process.Register(st); err != nil {
			log.Warn().Err(err).Msg("who started this proxy can't be written down")
		}
	}()
	return func() {
		select {
		case <-done:
		case <-time.After(50 * time.Millisecond):
		}
	}
}
