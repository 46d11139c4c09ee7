package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tailscale/hujson"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

func (a *app) importCommand() *cobra.Command {
	var dry, asJSON bool
	c := &cobra.Command{
		Use: "import FILE [NAME…]", Short: "Copy servers from another client's configuration into yours",
		Long: `Import reads the configuration of Claude, Cursor, VS Code or another client that has mcpServers or servers,
and copies the servers that yours does not have, or those that are named. FILE is not changed. Typed
on a terminal they are your own; run by an agent or a script they are held.`,
		Example: "  mcpproxy-stdio import ~/.cursor/mcp.json --dry-run\n  mcpproxy-stdio import ~/.claude.json github",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("import: which file? Write: %s FILE", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return failed(a.importFrom(c.Context(), args[0], args[1:], dry, asJSON))
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would be imported, and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// imported is what became of one entry.
type imported struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Why    string `json:"why,omitempty"`
}

func (a *app) importFrom(ctx context.Context, file string, names []string, dry, asJSON bool) error {
	from, err := config.Load(file)
	switch {
	case err != nil:
		return err
	case !from.Exists:
		return fmt.Errorf("%s does not exist", plain(file))
	case len(from.Servers) == 0:
		return fmt.Errorf(`%s has no servers in "mcpServers" or "servers"`, plain(file))
	}
	for _, name := range names {
		if from.Server(name) == nil {
			return fmt.Errorf("%s has no server %q", plain(file), plain(name))
		}
	}
	d, err := a.desk()
	if err != nil {
		return err
	}
	if from.Path == d.config.Path {
		return fmt.Errorf("%s is your own configuration", plain(file))
	}
	array, err := d.arrayForm()
	if err != nil {
		return err
	}
	own := a.person() == nil && (dry || a.sure(ctx, "import") == nil)
	var results []imported
	var additions []addition
	for _, s := range from.Servers {
		if len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		options, why := optionsOf(s, array)
		if other := d.unfit(s, own); other != "" {
			why = other
		}
		if why != "" {
			results = append(results, imported{s.Name, "skipped", why})
			continue
		}
		additions = append(additions, addition{s.Name, options})
		result := "imported"
		if other := d.lookalike(s.Name); other != "" {
			why = fmt.Sprintf("mind that it can be taken for %q", other)
		}
		if dry {
			result = "would be imported"
		}
		if !own {
			result += ", held"
		}
		results = append(results, imported{s.Name, result, why})
	}
	if len(additions) > 0 && !dry {
		if err := d.write(additions, own, "import"); err != nil {
			return err
		}
	}
	if asJSON {
		return a.printASCII(results)
	}
	a.tellImported(d, results, additions, own || dry)
	return nil
}

func (a *app) tellImported(d *desk, results []imported, additions []addition, trusted bool) {
	var rows [][]string
	for _, r := range results {
		rows = append(rows, []string{plain(r.Name), r.Result, orDash(plain(r.Why))})
	}
	newPrinter(a.out).table([]column{{title: "NAME", cut: true}, {title: "RESULT", paint: func(cell string) string {
		if strings.HasPrefix(cell, "skipped") {
			return yellow
		}
		return green
	}}, {title: "WHY"}}, rows)
	if len(additions) > 0 && !trusted {
		var names []string
		for _, e := range additions {
			names = append(names, e.name)
		}
		a.tellHeld(d, names)
	}
}

// unfit tells why an entry is not imported, "" if it is.
func (d *desk) unfit(s *config.Server, own bool) string {
	if d.config.Server(s.Name) != nil {
		return "a server of this name is configured"
	}
	for _, other := range d.config.Servers {
		if other.LaunchKey() == s.LaunchKey() {
			return fmt.Sprintf("configured as %q", other.Name)
		}
	}
	other := d.lookalike(s.Name)
	switch {
	case startsUs(s.Command, s.Args):
		return "it is mcpproxy-stdio itself"
	case s.Refused != "":
		return s.Refused
	case other != "" && !own:
		return fmt.Sprintf("its name can be taken for %q", other)
	}
	return ""
}

// startsUs tells whether an entry starts this program, behind which it would start itself again and again.
func startsUs(command string, args []string) bool {
	base := func(word string) string {
		return strings.TrimSuffix(strings.ToLower(filepath.Base(strings.ReplaceAll(word, `\`, "/"))), ".exe")
	}
	self, err := os.Executable()
	if base(command) == program || err == nil && command == self {
		return !slices.Contains(args, demoServer)
	}
	return launch.Interpreter(command) && slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(base(arg), "@") // npx mcpproxy-stdio@1
		return name == program
	})
}

const program = "mcpproxy-stdio"

// arrayForm tells whether new entries go into an array, in which a bare ${NAME} is no reference.
func (d *desk) arrayForm() (bool, error) {
	data, err := os.ReadFile(d.config.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	var lists struct{ MCPServers, Servers json.RawMessage }
	if data, err = hujson.Standardize(bytes.TrimPrefix(data, []byte("\uFEFF"))); err != nil || json.Unmarshal(data, &lists) != nil {
		return true, nil // empty, as it was read before
	}
	for _, list := range []json.RawMessage{lists.MCPServers, lists.Servers} {
		if list != nil {
			return list[0] != '{', nil
		}
	}
	return true, nil
}

// bareReference is how other clients refer to a variable; with $$ in front it is none.
const bareReference = `\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`

// optionsOf are an entry's options as they are written; where bare names are no references they are written as ${env:NAME}. why tells
// what can't be written that way.
func optionsOf(s *config.Server, array bool) (options []config.Option, why string) {
	reference := regexp.MustCompile(bareReference)
	text := func(t string) string {
		if !array {
			return t
		}
		return reference.ReplaceAllStringFunc(t, func(ref string) string {
			m := reference.FindStringSubmatch(ref)
			switch {
			case strings.HasPrefix(ref, "$$"), m[1] == "workspaceFolder":
				return ref
			case m[2] != "":
				why = "it refers to ${" + m[1] + ":-…}, and the list in your file can't have defaults – write the value out"
			}
			return "${env:" + m[1] + "}"
		})
	}
	texts := func(all []string) (out []string) {
		for _, t := range all {
			out = append(out, text(t))
		}
		return out
	}
	vars := func(all []config.Var) (out []config.Var) {
		for _, v := range all {
			out = append(out, config.Var{Name: v.Name, Value: text(v.Value)})
		}
		return out
	}
	set := func(written bool, key string, value any) {
		if written {
			options = append(options, config.Option{Key: key, Value: value})
		}
	}
	set(true, "protocol", s.Protocol)
	set(s.Command != "", "command", text(s.Command))
	set(len(s.Args) > 0, "args", texts(s.Args))
	set(s.URL != "", "url", text(s.URL))
	set(s.AllowInsecure, "allow_http", true)
	set(s.Dir != "", "working_dir", text(s.Dir))
	set(len(s.Env) > 0, "env", vars(s.Env))
	set(len(s.Headers) > 0, "headers", vars(s.Headers))
	if s.OAuth != nil {
		set(true, "oauth", s.OAuth.Written(text))
	}
	if s.Isolation != nil {
		set(true, "isolation", s.Isolation.Written(text))
	}
	set(!s.Enabled, "enabled", false)
	set(s.Start != config.StartLazy, "start", s.Start)
	set(s.EnabledTools != nil, "enabled_tools", s.EnabledTools)
	set(len(s.DisabledTools) > 0, "disabled_tools", s.DisabledTools)
	return options, why
}
