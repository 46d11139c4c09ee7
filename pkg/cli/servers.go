package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// serversReport is what servers prints.
type serversReport struct {
	Config  string       `json:"config"`
	Servers []seenServer `json:"servers"`
}

// seenServer is a configured server with what was recorded of it.
type seenServer struct {
	Name      string           `json:"name"`
	Protocol  string           `json:"protocol"`
	Start     string           `json:"start"`
	State     string           `json:"state"`
	Why       string           `json:"why,omitempty"`
	Failed    time.Time        `json:"failed,omitzero"`    // when it last did, if State says so
	Seen      time.Time        `json:"seen,omitzero"`      // when its lists were last recorded
	Tools     int              `json:"tools"`              // offered to clients
	Hidden    int              `json:"hidden_tools"`       // held back by enabled_tools and disabled_tools
	LeftOut   int              `json:"left_out,omitempty"` // tools that clients would refuse the whole list for
	Review    int              `json:"review,omitempty"`   // new or changed, and waiting for a person
	Updated   int              `json:"updated,omitempty"`  // approved items that the server has otherwise now; calls go on
	Prompts   int              `json:"prompts"`
	Resources int              `json:"resources"`
	Packages  []launch.Version `json:"packages,omitempty"`        // what its runner installed, when it last ran
	Before    string           `json:"packages_before,omitempty"` // the versions before those
	Pinned    bool             `json:"pinned,omitempty"`
	Version   string           `json:"-"` // of the package, in short
	status    string           // as the screen has it
	Isolation string           `json:"isolation,omitempty"` // what it asks for: docker, sandbox, auto or none; nothing for one that runs elsewhere
}

func (a *app) serversCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "servers", Aliases: []string{"list", "ls", "status"}, Short: "List servers and their last known tools (starts nothing)",
		Long: `Servers lists your servers with the number of tools that each had when last seen, whether it needs a review
or a login, and why it last failed. It starts nothing. To see what is running in a session, ask the tool
upstream_servers. To see how each server is isolated: mcpproxy-stdio doctor`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.servers(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) servers(asJSON bool) error {
	log, flush, err := a.logger()
	if err != nil {
		return err
	}
	defer flush()
	c, err := a.opened()
	if err != nil {
		return failed(err)
	}
	c.files.Log, c.files.Lenient = log, true
	defer c.logins(log, nil)()
	all, v, err := c.Servers(c.by)
	if err != nil {
		return failed(err)
	}
	path := v.Config.Path
	report := serversReport{Config: path, Servers: []seenServer{}}
	for _, st := range all {
		seen := describe(st)
		if seen.status = statusWords(seen.State, 0, 0); st.Entry.Failed == nil && st.Waits() {
			seen.status = entryStatus(st.Entry, seen.State)
		}
		report.Servers = append(report.Servers, seen)
	}
	if asJSON {
		return printJSON(a.out, report)
	}
	switch {
	case !v.Config.Exists:
		fmt.Fprintf(a.err, "No server is configured: %s does not exist. `mcpproxy-stdio check` shows how to start.\n", plain(path))
	case len(v.Config.Servers) == 0:
		fmt.Fprintf(a.err, "No server is configured in %s.\n", plain(path))
	default:
		newPrinter(a.out).servers(report.Servers)
	}
	switch n := toReviewNow(report.Servers); {
	case n == 1:
		fmt.Fprintln(a.err, "1 server needs your review: mcpproxy-stdio review")
	case n > 1:
		fmt.Fprintf(a.err, "%d servers need your review: mcpproxy-stdio review\n", n)
	}
	if n := len(v.Config.Problems); n > 0 {
		fmt.Fprintf(a.err, "%s in the config file: mcpproxy-stdio check\n", plural(n, "problem", "problems"))
	}
	return nil
}

// screenState is a state as this command line has it.
func screenState(s admin.State) string {
	if s == admin.Idle {
		return stateEnabled
	}
	return string(s)
}

// why words the reason of a status.
func why(st admin.Status) string {
	name := config.ShellWord(st.Written.Name)
	switch st.Reason {
	case admin.Blocked:
		_, text := standing(&st.Server)
		return text
	case admin.LastRun:
		return st.Text
	case admin.WantedLogin:
		return "it needed a login when it last ran: mcpproxy-stdio login " + name
	case admin.LoggedOut:
		return "log in: mcpproxy-stdio login " + name
	case admin.OffersNothing:
		return st.OffersNothing()
	}
	return ""
}

func describe(st admin.Status) seenServer {
	s := st.Effective
	seen := seenServer{Name: s.Name, Protocol: s.Protocol, Start: s.Start, State: screenState(st.State), Why: why(st), Isolation: isolationAsked(s), Review: st.Review, Updated: st.Updated,
		Tools: st.Tools, Hidden: st.Hidden, Prompts: st.Offered(catalog.Prompts), Resources: st.Offered(catalog.Resources)}
	if st.Reason == admin.LastRun {
		seen.Failed = st.Since
	}
	if i := st.Record.Installed; i != nil {
		seen.Packages, seen.Before, seen.Pinned, seen.Version = i.Packages, i.Was, i.Pin != nil, versionWords(i)
	}
	if st.Snapshot != nil {
		seen.Seen = st.Snapshot.Taken
	}
	for _, left := range st.LeftOut {
		if left.Tool && !left.Hidden {
			seen.LeftOut++
		}
	}
	if seen.LeftOut > 0 && seen.Why == "" {
		seen.Why = fmt.Sprintf("%s left out, because clients would reject the whole list: mcpproxy-stdio review %s", plural(seen.LeftOut, "tool is", "tools are"), config.ShellWord(s.Name))
	}
	return seen
}

func (p *printer) servers(servers []seenServer) {
	columns := []column{{title: "NAME", cut: true}, {title: "PROTOCOL"}, {title: "START"}, {title: "TOOLS", right: true},
		{title: "LAST SEEN"}, {title: "STATE", paint: paintState}}
	asked := slices.ContainsFunc(servers, func(s seenServer) bool { return wantsIsolation(s.Isolation) })
	if asked {
		columns = slices.Insert(columns, isolationColumn, column{title: "ISOLATION"})
	}
	versions := slices.ContainsFunc(servers, func(s seenServer) bool { return s.Version != "" })
	if versions {
		columns = slices.Insert(columns, versionColumn, column{title: "VERSION", cut: true})
	}
	var rows [][]string
	for _, s := range servers {
		tools, seen := "–", "never"
		if !s.Seen.IsZero() {
			tools, seen = strconv.Itoa(s.Tools), ago(time.Since(s.Seen))
			if all := s.Tools + s.Hidden + s.LeftOut; all > s.Tools {
				tools += " of " + strconv.Itoa(all)
			}
		}
		status := s.status
		if s.Review == 0 && s.Updated > 0 {
			status += ", " + strconv.Itoa(s.Updated) + " updated"
		}
		row := []string{plain(s.Name), orDash(s.Protocol), s.Start, tools, seen, status}
		if asked {
			row = slices.Insert(row, isolationColumn, orDash(s.Isolation))
		}
		if versions {
			row = slices.Insert(row, versionColumn, orDash(s.Version))
		}
		rows = append(rows, row)
	}
	p.table(columns, rows)
	for _, s := range servers {
		if s.Why == "" || s.State != stateFailed && s.State != stateEnabled && s.State != stateNeedsLogin {
			continue
		}
		p.line()
		when := ""
		if !s.Failed.IsZero() {
			when = ", " + ago(time.Since(s.Failed))
		}
		for i, line := range strings.Split(plainLines(s.Why), "\n") {
			if i == 0 {
				line = plain(s.Name) + when + ": " + strings.TrimLeft(strings.TrimPrefix(line, "server "+strconv.Quote(s.Name)), ": ")
			}
			p.wrapped("  ", "", line)
		}
	}
}

// isolationColumn is where the table has what servers ask for, if any does.
const isolationColumn = 2

// versionColumn is where the table has the versions of installed packages, if there are any.
const versionColumn = 1

// toReviewNow counts the servers of which something waits for the person.
func toReviewNow(servers []seenServer) (n int) {
	for _, s := range servers {
		if s.Review > 0 || onScreen[s.State] != "" {
			n++
		}
	}
	return n
}

// ago words a time that has passed.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days ago"
}
