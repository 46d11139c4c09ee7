package config

import (
	"cmp"
	"slices"

	"github.com/tailscale/hujson"
)

// How the isolation object at the top of the user's file and the one of an entry come together.

// isolationDefaults is the object at the top of the user's file.
type isolationDefaults struct {
	isolationAsked
	all    bool   // it confines every stdio server that has no object of its own
	broken string // not empty: why none of it can count; what it would confine is refused
}

// kind is the type that servers inherit, "" if they inherit none.
func (g *isolationDefaults) kind() string {
	if g == nil || g.Type == IsolationNone {
		return "" // a server that has an object of its own asks to be confined, whatever the others do
	}
	return g.Type
}

// refs are the variables that the defaults refer to: servers of a workspace inherit them.
func (g *isolationDefaults) refs() []string {
	if g == nil {
		return nil
	}
	all := g.Isolation
	all.Type = IsolationDocker // which uses all of them
	s := Server{Isolation: &all}
	return s.allRefs()
}

// isolation reads the object at the top of a file.
func (d *decoder) isolation(m hujson.ObjectMember) {
	switch {
	case m.Value.Value.Kind() == 'n':
		return
	case d.workspace:
		d.add(m.Name.StartOffset, Problem{
			Severity: SeverityWarning, Message: "how servers are confined by default is for your own file to say, and this is ignored",
			Remedy: "write it into an entry, or into your own file",
		})
		return
	}
	e := &entry{report: &d.report, server: &Server{}, value: m.Value, key: keyIsolation, global: true}
	g := &isolationDefaults{all: true}
	if asked := e.readIsolation(m.Value); asked != nil {
		g.isolationAsked = *asked
		_, typed := asked.set["type"]
		_, enabled := asked.set["enabled"]
		contradiction := enabled && e.server.Refused != "" // what is meant is not known
		g.all = (typed || enabled) && (g.Type != IsolationNone || contradiction)
		if g.Type == IsolationSandbox {
			e.checkSandbox(asked)
		}
	}
	g.broken = e.server.Refused
	d.config.isolation = g
}

// meansIsolation deals with a key at the top of the user's file that may be meant for isolation: misspelt, or as another proxy has it.
// What it would confine is not run as if it was not there.
func (d *decoder) meansIsolation(key string, m hujson.ObjectMember) bool {
	if d.workspace || key != "docker_isolation" && nearest(key, fileOptions.names()) != keyIsolation || m.Value.Value.Kind() == 'n' {
		return false
	}
	if obj, ok := m.Value.Value.(*hujson.Object); ok && slices.ContainsFunc(obj.Members, func(o hujson.ObjectMember) bool {
		return keyOf(o) == "enabled" && o.Value.Value.Kind() == 'f'
	}) {
		return false // asks for nothing
	}
	p := d.add(m.Name.StartOffset, Problem{
		Severity: SeverityError, Value: excerpt(key), Message: "unknown option, which may ask for a confinement", Remedy: `did you mean isolation, as in "isolation": {"type": "docker"}?`,
	})
	if d.config.isolation == nil {
		d.config.isolation = &isolationDefaults{all: true, broken: p.reason()}
	}
	return true
}

// checkSandbox refuses the options written in an object that a sandbox cannot give.
func (e *entry) checkSandbox(asked *isolationAsked) {
	for _, o := range isolationOptions {
		at, written := asked.set[o.name]
		if written && (o.docker || o.beyondSandbox(&asked.Isolation)) {
			e.fail(at, "", "isolation."+o.name+" is something that a sandbox cannot give", `remove it, or write "type": "docker"`)
		}
	}
}

func (d *decoder) finishIsolation() {
	for _, e := range d.entries {
		e.finishIsolation(d.config.isolation)
	}
}

// finishIsolation decides how a server is confined.
func (e *entry) finishIsolation(g *isolationDefaults) {
	s, own := e.server, e.asked
	wants := own != nil && own.Type != IsolationNone
	switch {
	case s.Protocol != ProtocolStdio:
		if wants && s.Protocol != "" {
			e.warn(own.at, "", "isolation means nothing with protocol "+s.Protocol+": the server runs elsewhere", "remove it")
		}
		return
	case s.OwnContainer():
		if wants {
			e.warn(own.at, "", "its command starts a container itself: isolation is left to it", "remove it, or run the server's own command instead")
		}
		return
	case own != nil && !wants && e.workspace && g != nil && g.all:
		e.warn(own.typeAt(), "", "a workspace's file cannot turn off the isolation that your own file asks for, and this is ignored", "copy the entry to your own file")
		wants, own = true, nil
	case own != nil && !wants:
		s.Isolation = &Isolation{Type: IsolationNone}
		return
	case own == nil && (g == nil || !g.all):
		return
	}
	if g != nil && g.broken != "" {
		if s.Refused == "" {
			s.Refused = "the isolation at the top of your own file is wrong, and this server is not started without it: " + g.broken
		}
		return
	}
	s.Isolation = e.merged(own, g)
}

// merged is what the entry's own object asks for, and the defaults for what it does not write. Either may be nil.
func (e *entry) merged(own *isolationAsked, g *isolationDefaults) *Isolation {
	if own == nil {
		own = &isolationAsked{at: e.value}
	}
	iso := &Isolation{Type: cmp.Or(own.Type, g.kind(), IsolationDocker)}
	for i := range isolationOptions {
		o := &isolationOptions[i]
		if o.field == nil || o.top || o.name == "type" {
			continue // decided here
		}
		_, mine := own.set[o.name]
		inherited := false
		if g != nil {
			_, inherited = g.set[o.name]
		}
		switch {
		case mine:
			o.copy(iso, &own.Isolation)
		case inherited && iso.Type == IsolationSandbox:
			e.inheritSandbox(o, own, iso, &g.Isolation)
		case inherited:
			o.copy(iso, &g.Isolation)
		}
	}
	if iso.Type == IsolationSandbox {
		e.checkSandbox(own)
	}
	_, ownHost := own.set["docker_host"]
	if iso.Type == IsolationAuto && g != nil && !(e.workspace && ownHost) { // a workspace could name an engine that is not there
		iso.AllowNone = g.AllowNone
	}
	iso.Network, iso.Pull = cmp.Or(iso.Network, NetworkBridge), cmp.Or(iso.Pull, PullMissing)
	if e.failures == 0 && iso.Type != IsolationSandbox && isLiteral(e.server.Command) && e.server.Command != "" && iso.ImageFor(e.server.Command) == "" {
		f := noImage(e.server.Command, iso.Type)
		e.fail(own.typeAt(), f.text, f.message, f.remedy)
	}
	return iso
}

// inheritSandbox takes over a default for a sandbox. What only docker gives is meant for the servers in docker, but a network may not
// become a wider one in silence.
func (e *entry) inheritSandbox(o *option[Isolation], own *isolationAsked, iso, from *Isolation) {
	switch {
	case o.name == "mounts":
		o.copy(iso, from)
		iso.Mounts = slices.DeleteFunc(slices.Clone(iso.Mounts), Mount.beyondSandbox)
	case o.name == "network" && o.beyond(from):
		e.fail(own.typeAt(), from.Network, "isolation.network of your own file names a network of docker, which a sandbox cannot give", `write "network": "none" or "bridge" in this entry`)
	case !o.docker && !o.beyondSandbox(from):
		o.copy(iso, from)
	}
}

// noImage is about a command that no image is known for.
func noImage(command, kind string) *fault {
	remedy := `add "image" to isolation`
	if kind == IsolationAuto {
		remedy += `, or write "type": "sandbox"`
	}
	return &fault{text: excerpt(command), message: "isolation names no image, and none is known for this command", remedy: remedy}
}
