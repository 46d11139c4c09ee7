package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// checkReport is what check found.
type checkReport struct {
	Config   string          `json:"config"`
	Exists   bool            `json:"exists"`
	OK       bool            `json:"ok"`
	Problems []problem       `json:"problems"`
	Servers  []checkedServer `json:"servers"`
}

// problem is a config.Problem for programs.
type problem struct {
	Path     string `json:"path"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Server   string `json:"server,omitempty"`
	Severity string `json:"severity"`
	Value    string `json:"value,omitempty"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty"`
}

func problemOf(p config.Problem) problem {
	return problem{p.Path, p.Line, p.Column, p.Server, p.Severity, p.Value, p.Message, p.Remedy}
}

func (a *app) checkCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "check", Short: "Check your configuration (starts nothing)",
		Long: `Check reports every problem in your configuration with file, line and column, and whether each server
could be started from here: it resolves references (without showing them) and looks for the command.
It starts and contacts nothing.

The exit code is 3 if there is an error, or a server that could not be started.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.check(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) check(asJSON bool) error {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return failed(err)
	}
	report, err := a.inspect(path)
	if err != nil {
		return failed(err)
	}
	if asJSON {
		err = printJSON(a.out, report)
	} else {
		a.printCheck(newPrinter(a.out), report)
	}
	if err == nil && !report.OK {
		err = &exitError{code: ExitProblems}
	}
	return err
}

// inspect reads the user's file and the workspace's.
func (a *app) inspect(path string) (*checkReport, error) {
	r := &checkReport{Config: path, Problems: []problem{}, Servers: []checkedServer{}}
	c, err := config.Load(path)
	if syntax := (*config.SyntaxError)(nil); errors.As(err, &syntax) {
		r.Exists, r.Problems = true, []problem{problemOf(syntax.Problem())}
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	user, workspace := c, a.workspaceFolder()
	if workspace != "" {
		c, _ = c.InWorkspace(config.WorkspacePath(workspace))
	}
	r.Exists, r.OK = c.Exists, c.Exists
	for _, p := range c.Problems {
		r.Problems = append(r.Problems, problemOf(p))
		r.OK = r.OK && p.Severity != config.SeverityError
	}
	st := store.Open(store.DefaultDir())
	for _, k := range hub.Servers(user, workspace, st, zerolog.Nop()) {
		checked := inspectServer(k, workspace)
		r.Servers = append(r.Servers, checked)
		r.OK = r.OK && !checked.broken()
	}
	return r, nil
}

const minimalExample = `{
  "mcpServers": [
    { "name": "files", "protocol": "stdio",
      "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "${workspaceFolder}"] }
  ]
}`

func (a *app) printCheck(p *printer, r *checkReport) {
	p.line("Configuration: ", plain(r.Config), " (", a.configSource(), ")")
	if !r.Exists {
		p.line("This file does not exist yet, so no server is configured. A small one to begin with:")
		p.line()
		p.line(minimalExample)
	}
	if len(r.Problems) > 0 {
		p.line()
	}
	counts := map[string]int{}
	for _, one := range r.Problems {
		counts[one.Severity]++
		p.problem(one)
	}
	if len(r.Servers) > 0 {
		p.line()
		p.checkedServers(r)
	}
	p.line()
	here := false // something depends on this terminal's environment
	for _, s := range r.Servers {
		here = here || s.State == stateUnresolved || s.State == stateNoProgram || s.State == stateCannotRun || s.State == stateLacking
		if s.broken() {
			counts["broken"]++
		}
	}
	if here {
		p.wrapped("", "", "References and commands were looked up in the environment and PATH of this terminal; what an editor passes on can differ.")
	}
	var parts []string
	for _, part := range []struct {
		n         int
		one, many string
	}{
		{counts[config.SeverityError], "error", "errors"},
		{counts[config.SeverityWarning], "warning", "warnings"},
		{counts["broken"], "server that can't start from here", "servers that can't start from here"},
	} {
		if part.n > 0 {
			parts = append(parts, plural(part.n, part.one, part.many))
		}
	}
	verdict := strings.Join(parts, ", ")
	if verdict == "" && r.Exists {
		verdict = "No problem found"
	} else if verdict == "" {
		verdict = "Nothing to check"
	}
	p.line(verdict, ". Nothing was started or contacted.")
}

// configSource says why this file is the one that is read.
func (a *app) configSource() string {
	switch {
	case a.config != "":
		return "named by --config"
	case os.Getenv(config.PathVariable) != "":
		return "named by " + config.PathVariable
	}
	return "the default place; --config or " + config.PathVariable + " names another"
}

// problem writes one problem as editors and people expect it: place, severity, server, what, what to do.
func (p *printer) problem(one problem) {
	place := plain(one.Path)
	if one.Line > 0 {
		place += fmt.Sprintf(":%d:%d", one.Line, one.Column)
	}
	sgr := yellow
	if one.Severity == config.SeverityError {
		sgr = red
	}
	text := one.Message
	if one.Server != "" {
		text = one.Server + ": " + text
	}
	if one.Value != "" {
		text += " (" + one.Value + ")"
	}
	if one.Remedy != "" {
		text += " – " + one.Remedy
	}
	mark := ": " + one.Severity + ": "
	for i, line := range p.wrap(place+mark+plain(text), 4) {
		if i == 0 {
			p.line(strings.Replace(line, mark, ": "+p.paint(sgr, one.Severity)+": ", 1))
		} else {
			p.line("    ", line)
		}
	}
}

func (p *printer) checkedServers(r *checkReport) {
	told := func(s checkedServer) bool { // why it is refused is one of the problems
		return s.State == stateRefused && slices.ContainsFunc(r.Problems, func(one problem) bool { return one.Server == s.Name })
	}
	var rows [][]string
	for _, s := range r.Servers {
		state := statusWords(s.State, 0, 0)
		if told(s) {
			state += ", see above"
		}
		rows = append(rows, []string{plain(s.Name), orDash(s.Protocol), orDash(plain(s.Launch)), state})
	}
	p.table([]column{{title: "NAME", cut: true}, {title: "PROTOCOL"}, {title: "LAUNCH", cut: true}, {title: "STATE", paint: paintState}}, rows)
	for _, s := range r.Servers {
		if s.State == stateOK || s.State == stateDisabled || told(s) {
			continue
		}
		p.line()
		for i, why := range s.Why {
			if i == 0 {
				why = s.Name + ": " + why
			}
			p.wrapped("  ", "", plain(why))
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
