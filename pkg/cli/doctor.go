package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// doctorTimeout bounds what is asked: engines and the sandbox, all at once.
const doctorTimeout = 10 * time.Second

// doctorReport is what doctor found.
type doctorReport struct {
	OK        bool             `json:"ok"` // the configuration can be read, and each server that asks for isolation gets it
	Program   versionInfo      `json:"program"`
	Config    doctorConfig     `json:"config"`
	State     doctorState      `json:"state"`
	Workspace string           `json:"workspace,omitempty"`
	Docker    []*dockerEngine  `json:"docker"`
	Sandbox   sandboxAbilities `json:"sandbox"`
	Servers   []*treatedServer `json:"servers"`
	Local     int              `json:"local"`    // servers that run on this machine, or would
	Confined  int              `json:"confined"` // of these, in a container or a sandbox that we make
}

type doctorConfig struct {
	Path     string `json:"path"`
	Exists   bool   `json:"exists"`
	Servers  int    `json:"servers"`
	Errors   int    `json:"errors"`
	Warnings int    `json:"warnings"`
	Error    string `json:"error,omitempty"` // why it can't be read
}

type doctorState struct {
	Dir    string `json:"dir"`
	Exists bool   `json:"exists"`
	Error  string `json:"error,omitempty"` // why it can't be used
}

// sandboxAbilities is sandbox.Abilities for programs.
type sandboxAbilities struct {
	Method  sandbox.Method `json:"method,omitempty"`
	Version string         `json:"version,omitempty"`
	Why     string         `json:"why,omitempty"`
	Gaps    []string       `json:"gaps,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Diagnose Docker, sandbox and each server's isolation",
		Long: `Doctor shows the Docker engines that your servers would use and what they enforce, what the sandbox on
this machine can do, and how each server would be isolated if it started now. It starts no server; it
asks the engines, for 10 seconds at most, and tests the sandbox.

The exit code is 3 if a server asks for isolation and would not get it, even if allow_none lets it run, or
if the configuration can't be read. Servers that are disabled or held don't count.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) doctor(ctx context.Context, asJSON bool) error {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return failed(err)
	}
	p := newPrinter(a.out)
	if !asJSON {
		p.passing("Asking Docker and trying the sandbox …")
	}
	r := a.diagnose(ctx, path)
	if asJSON {
		err = printJSON(a.out, r)
	} else {
		p.passing("")
		p.doctor(r)
	}
	if err == nil && !r.OK {
		err = &exitError{code: ExitProblems}
	}
	return err
}

// diagnose reads the configuration, asks the engines that it leads to, and tells what each server gets of them.
func (a *app) diagnose(ctx context.Context, path string) *doctorReport {
	st := store.Open(store.DefaultDir())
	r := &doctorReport{
		Program: readVersion(), Config: doctorConfig{Path: path}, State: doctorState{Dir: st.Dir()}, Workspace: a.workspaceFolder(),
		Servers: []*treatedServer{},
	}
	c, err := config.Load(path)
	if err != nil {
		c = &config.Config{Path: path}
		r.Config.Exists, r.Config.Error = true, err.Error()
	} else {
		r.Config.Path, r.Config.Exists, r.Config.Servers = c.Path, c.Exists, len(c.Servers)
	}
	for _, problem := range c.Problems {
		if problem.Severity == config.SeverityError {
			r.Config.Errors++
		} else {
			r.Config.Warnings++
		}
	}
	r.State.look(st, c.Path)
	engines := newEngines(os.Environ())
	if err == nil {
		for _, k := range hub.Servers(c, r.Workspace, st, zerolog.Nop()) {
			r.Servers = append(r.Servers, engines.admit(k, r.Workspace))
		}
	}
	r.Sandbox = engines.ask(ctx)
	r.Docker = engines.all
	for _, s := range r.Servers {
		s.treat(r.Sandbox)
	}
	r.count()
	return r
}

// count tells how many are confined, and whether all is well.
func (r *doctorReport) count() {
	r.OK = r.Config.Error == ""
	for _, s := range r.Servers {
		if s.local() {
			r.Local++
		}
		if s.confined() {
			r.Confined++
		}
		r.OK = r.OK && !s.deprived()
	}
}

// look tells how the state directory is.
func (s *doctorState) look(st *store.Store, config string) {
	_, err := os.Stat(s.Dir)
	s.Exists = err == nil
	if err == nil {
		_, err = quarantine.NewBook(st).ReadBaseline(config)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Error = err.Error()
	}
}

// anyServer tells whether one of the servers is so.
func (r *doctorReport) anyServer(is func(*treatedServer) bool) bool {
	return slices.ContainsFunc(r.Servers, is)
}
