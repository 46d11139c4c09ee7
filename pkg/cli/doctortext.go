package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/docker/go-units"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// labelWidth is the width of what stands before each part of the report.
const labelWidth = 10

func (p *printer) doctor(r *doctorReport) {
	p.field("Proxy", "", strings.TrimPrefix(r.Program.String(), "mcpproxy-stdio "))
	p.field("Config", "", plain(r.Config.Path))
	sgr, text := r.Config.words(len(r.Servers))
	p.field("", sgr, text)
	switch {
	case r.State.Error != "":
		p.field("State", red, plain(r.State.Dir+": "+r.State.Error))
	case !r.State.Exists:
		p.field("State", "", plain(r.State.Dir)+" (made when it is needed)")
	default:
		p.field("State", "", plain(r.State.Dir))
	}
	for _, e := range r.Docker {
		p.line()
		p.engine(e, len(r.Docker) > 1)
	}
	p.line()
	p.sandbox(r.Sandbox, r.anyServer((*treatedServer).wantsSandbox))
	if len(r.Servers) > 0 {
		p.line()
		p.treated(r)
		p.line()
		p.verdict(r)
	}
}

// field writes a part of the report, with a label in front of its first line.
func (p *printer) field(label, sgr, text string) {
	for _, line := range p.wrap(text, labelWidth) {
		p.line(p.paint(bold, label), strings.Repeat(" ", labelWidth-len(label)), p.paint(sgr, line))
		label = ""
	}
}

// words tell how the configuration is; known is the number of servers with those of the workspace.
func (c doctorConfig) words(known int) (sgr, text string) {
	switch {
	case c.Error != "":
		return red, "can't be read: " + plain(c.Error)
	case !c.Exists:
		return yellow, "does not exist yet; `mcpproxy-stdio check` shows how to begin"
	}
	text = plural(c.Servers, "server", "servers")
	if more := known - c.Servers; more > 0 {
		text += ", " + strconv.Itoa(more) + " more from the workspace"
	}
	if c.Errors > 0 {
		sgr, text = red, text+", "+plural(c.Errors, "error", "errors")
	}
	if c.Warnings > 0 {
		text += ", " + plural(c.Warnings, "warning", "warnings")
	}
	if c.Errors+c.Warnings > 0 {
		text += ": mcpproxy-stdio check"
	}
	return sgr, text
}

func (p *printer) engine(e *dockerEngine, several bool) {
	from := plain(strings.Join(e.Sources, ", "))
	if e.Host != "" && from != "" {
		from = " (" + from + ")"
	}
	p.field("Docker", "", plain(e.Host)+from)
	if several {
		p.field("", dim, "for "+plain(strings.Join(e.Servers, ", ")))
	}
	if !e.Reachable {
		sgr := yellow
		if len(e.Servers) > 0 {
			sgr = red
		}
		p.field("", sgr, plain(e.Error))
		if e.Remedy != "" {
			p.field("", "", plain(e.Remedy))
		}
		return
	}
	p.field("", green, plain(confusables.Cut(e.words(), 300)))
	p.field("", "", plain(confusables.Cut(e.protection(), 300)))
	for _, w := range e.Warnings {
		p.field("", yellow, "! "+plain(w))
	}
}

func (e *dockerEngine) words() string {
	cgroup := "cgroup v" + orDash(e.CgroupVersion)
	if e.CgroupDriver != "" {
		cgroup += " (" + e.CgroupDriver + ")"
	}
	parts := []string{e.Version, e.OS + "/" + e.Arch, e.System, cgroup, "runtime " + orDash(e.Runtime)}
	if e.StorageFree > 0 {
		parts = append(parts, units.BytesSize(float64(e.StorageFree))+" free")
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// protection words what an engine keeps containers from.
func (e *dockerEngine) protection() string {
	var does, not []string
	for _, limit := range []struct {
		name string
		has  bool
	}{{"memory", e.Limits.Memory}, {"swap", e.Limits.Swap}, {"processors", e.Limits.Processors}, {"processes", e.Limits.Processes}} {
		if limit.has {
			does = append(does, limit.name)
		} else {
			not = append(not, limit.name)
		}
	}
	text := "limits nothing"
	if len(does) > 0 {
		text = "limits " + strings.Join(does, ", ")
	}
	if len(does) > 0 && len(not) > 0 {
		text += ", not " + strings.Join(not, ", ")
	}
	if len(e.Security) > 0 {
		text += "; " + strings.Join(e.Security, ", ")
	}
	if !e.Rootless && !e.UserNS {
		text += "; not rootless, no user namespaces"
	}
	return text
}

func (p *printer) sandbox(s sandboxAbilities, wanted bool) {
	if s.Method == "" {
		sgr := yellow
		if wanted {
			sgr = red
		}
		p.field("Sandbox", sgr, plain(s.Why))
		return
	}
	p.field("Sandbox", green, plain(string(s.Method)+" "+s.Version))
	if s.Why != "" {
		p.field("", yellow, plain(s.Why))
	}
	if len(s.Gaps) > 0 {
		p.field("", yellow, "! What a program can do in spite of it: "+plain(strings.Join(s.Gaps, "; ")))
	}
}

// treated writes the table of the servers. Its last column is never cut: it is what people came for.
func (p *printer) treated(r *doctorReport) {
	columns := []column{{title: "NAME"}, {title: "ASKS FOR"}}
	widths := []int{len(columns[0].title), len(columns[1].title)}
	for _, s := range r.Servers {
		widths[0] = max(widths[0], utf8.RuneCountInString(plain(s.Name)))
		widths[1] = max(widths[1], len(orDash(s.Asks)))
	}
	if p.width > 0 {
		widths[0] = min(widths[0], p.width/4)
	}
	p.treatedRow(columns, widths, []string{columns[0].title, columns[1].title}, bold, "GETS", bold)
	for _, s := range r.Servers {
		sgr, gets := s.gets(string(r.Sandbox.Method))
		p.treatedRow(columns, widths, []string{plain(s.Name), orDash(s.Asks)}, "", plain(gets), sgr)
	}
}

func (p *printer) treatedRow(columns []column, widths []int, cells []string, sgr string, last, lastSGR string) {
	indent := widths[0] + widths[1] + 4
	for i, line := range p.wrap(last, indent) {
		if i > 0 {
			cells = []string{"", ""}
		}
		full := append(slices.Clone(cells), line)
		p.row(append(columns, column{}), append(slices.Clone(widths), utf8.RuneCountInString(line)), full, func(i int, _ string) string {
			if i == len(full)-1 {
				return lastSGR
			}
			return sgr
		})
	}
}

// gets words what a server gets, and how it is painted.
func (s *treatedServer) gets(method string) (sgr, text string) {
	short := s.short
	if short == "" {
		short = strings.Join(s.Why, "; ")
	}
	confinement := strings.Join(s.Confinement, ", ")
	switch s.Gets {
	case getsContainer:
		return green, "container of " + s.Image + ", " + confinement
	case getsSandbox:
		return green, "sandbox (" + method + "), " + confinement
	case getsElsewhere:
		return dim, "runs elsewhere (" + s.Protocol + ")"
	case getsOwn:
		return yellow, "its command starts a container itself"
	case getsNone:
		text = "NONE: it runs with your rights"
		if wantsIsolation(s.Asks) {
			return red, text + ", as allow_none lets it: " + short
		}
		return yellow, text
	}
	switch {
	case s.State == stateDisabled:
		return dim, stateDisabled
	case s.held():
		return yellow, "held until you approve it: mcpproxy-stdio review " + config.ShellWord(s.Name)
	case s.State == stateRefused:
		return red, "refused: " + short
	}
	return red, "does not start: " + short
}

// verdict counts, and tells how to confine the rest.
func (p *printer) verdict(r *doctorReport) {
	counts := map[string]int{}
	free := false // of all that is not confined, something would be by default
	for _, s := range r.Servers {
		switch {
		case !s.local():
		case s.State == stateDisabled:
			counts[stateDisabled]++
		case s.held():
			counts["held"]++
		default:
			counts[s.Gets]++
			free = free || s.Gets == getsNone && s.free
		}
	}
	if r.Local == 0 {
		p.line("No server is a local one.")
		return
	}
	are := "are"
	if r.Confined == 1 || r.Local == 1 {
		are = "is"
	}
	text := fmt.Sprintf("%d of %s %s confined", r.Confined, plural(r.Local, "local server", "local servers"), are)
	for _, part := range []struct {
		n         int
		one, many string
	}{
		{counts[getsNone], "runs with your rights", "run with your rights"},
		{counts[getsOwn], "starts its own container", "start their own containers"},
		{counts[getsNothing], "does not start", "do not start"},
		{counts["held"], "is held", "are held"},
		{counts[stateDisabled], "is disabled", "are disabled"},
	} {
		if part.n > 0 {
			text += ", " + plural(part.n, part.one, part.many)
		}
	}
	sgr := ""
	switch {
	case counts[getsNone] > 0 || !r.OK:
		sgr = yellow
	case r.Confined > 0:
		sgr = green
	}
	p.wrapped("", sgr, text+".")
	if free {
		p.wrapped("", "", `Confine all by default, at the top of the file: "isolation": {"type": "auto"}`)
	}
}

// wantsSandbox tells whether the server needs the sandbox of this machine.
func (s *treatedServer) wantsSandbox() bool {
	return !s.waits() && (s.Asks == config.IsolationSandbox || s.Asks == config.IsolationAuto && s.engine != nil && !s.engine.Reachable)
}
