package config

import (
	"slices"

	"github.com/tailscale/hujson"
)

// Other clients also turn servers off at the top of a file, by name. It counts as if the entries said so.

// turnedOff are the servers that lists at the top of the file turn off.
type turnedOff struct {
	excluded []string
	allowed  []string // nil: all
}

// namesServers reads a list at the top of the file that says which servers are on, and tells whether key is one.
func (d *decoder) namesServers(key string, m hujson.ObjectMember) bool {
	switch plainKey(key) {
	case "excludemcpservers", "disabledmcpservers", "disabledmcpjsonservers": // Gemini, Claude Code
		d.off.excluded = append(d.off.excluded, d.serverNames(key, m.Value)...)
	case "allowmcpservers":
		d.off.allow(d.serverNames(key, m.Value))
	case "mcp": // Gemini's settings.json
		excluded, barred := memberOf(m.Value, "excluded")
		allowed, only := memberOf(m.Value, "allowed")
		if barred {
			d.off.excluded = append(d.off.excluded, d.serverNames("mcp.excluded", excluded)...)
		}
		if only {
			d.off.allow(d.serverNames("mcp.allowed", allowed))
		}
		return barred || only
	default:
		return false
	}
	return true
}

func (o *turnedOff) allow(names []string) {
	if names != nil {
		o.allowed = append(append([]string{}, o.allowed...), names...)
	}
}

// serverNames reads a list of names; nil for null. One that can't be read turns all servers off: it is not known which are meant.
func (d *decoder) serverNames(key string, v hujson.Value) []string {
	if v.Value.Kind() == 'n' {
		return nil
	}
	names := []string{}
	list, ok := v.Value.(*hujson.Array)
	if ok {
		for _, e := range list.Elements {
			if ok = ok && e.Value.Kind() == '"'; ok {
				names = append(names, textOf(e))
			}
		}
	}
	if !ok {
		d.add(v.StartOffset, Problem{
			Severity: SeverityError, Value: kindName(v), Message: key + " is not a list of servers' names, so all servers are off", Remedy: `write ["…", "…"]`,
		})
		d.off.allow([]string{})
	}
	return names
}

// turnOff disables the servers that are turned off at the top.
func (d *decoder) turnOff() {
	for _, s := range d.config.Servers {
		if slices.Contains(d.off.excluded, s.Name) || d.off.allowed != nil && !slices.Contains(d.off.allowed, s.Name) {
			s.Enabled = false
		}
	}
}
