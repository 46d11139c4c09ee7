package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// What a server gets.
const (
	getsContainer = "container"
	getsSandbox   = "sandbox"
	getsNone      = "none" // it runs as it is
	getsOwn       = "own_container"
	getsElsewhere = "elsewhere"
	getsNothing   = "nothing" // it does not start
)

// treatedServer is one server with what it would get if it was started now.
type treatedServer struct {
	Name        string   `json:"name"`
	Protocol    string   `json:"protocol"`
	Workspace   bool     `json:"workspace,omitempty"` // comes from the workspace's file
	State       string   `json:"state"`
	Asks        string   `json:"asks,omitempty"`        // docker, sandbox, auto or none; nothing for one that runs elsewhere
	Image       string   `json:"image,omitempty"`       // of what it asks for
	Gets        string   `json:"gets"`                  // container, sandbox, none, own_container, elsewhere or nothing
	Engine      string   `json:"engine,omitempty"`      // that makes its container
	Confinement []string `json:"confinement,omitempty"` // how far it is confined
	Why         []string `json:"why,omitempty"`         // it does not start, or is not confined

	short  string // why, where the report tells the rest elsewhere
	free   bool   // nobody said that it is not to be confined
	plan   *launch.Plan
	engine *dockerEngine
	known  hub.Server
}

// isolationAsked is the type of isolation that a server asks for, "" for one that runs elsewhere.
func isolationAsked(s *config.Server) string {
	switch {
	case s.Protocol != config.ProtocolStdio:
		return ""
	case s.Isolation.Confined():
		return s.Isolation.Type
	}
	return config.IsolationNone
}

// wantsIsolation tells whether what isolationAsked gives is a confinement.
func wantsIsolation(asked string) bool { return asked != "" && asked != config.IsolationNone }

// admit takes in a server, and the engine that it would use. One that must not run is not resolved: a workspace could lead us to an
// engine before a person has approved that.
func (es *engines) admit(k hub.Server, workspace string) *treatedServer {
	written := k.Written
	s := &treatedServer{Name: written.Name, Protocol: written.Protocol, Workspace: written.Workspace, Asks: isolationAsked(written), free: written.Isolation == nil, known: k}
	iso := written.Isolation
	if iso.Confined() && iso.Type != config.IsolationSandbox {
		s.Image = iso.ImageFor(written.Command)
	}
	var why string
	if s.State, why = standing(&k); s.State != stateEnabled {
		s.nothing("", why)
		return s
	}
	s.plan = planHere(written, workspace)
	switch iso := s.plan.Launch.Isolation; {
	case s.refused(s.plan.Refusal):
	case written.Protocol != config.ProtocolStdio:
		s.Gets = getsElsewhere
	case iso.Confined() && iso.Type != config.IsolationSandbox:
		s.Image = iso.Image
		s.engine = es.find(iso.DockerHost)
		s.engine.Servers = append(s.engine.Servers, s.Name)
	}
	return s
}

func (s *treatedServer) nothing(short string, why ...string) {
	s.Gets, s.short, s.Why = getsNothing, short, why
}

// refused takes in why the server can't be started, and tells whether there is a reason.
func (s *treatedServer) refused(r *launch.Refusal) bool {
	if r == nil {
		return false
	}
	if r.Reason == launch.Lacking {
		s.State = stateLacking
	}
	if r.Reason != launch.NoConfinement {
		s.nothing("", refusalWords(r)...)
		return true
	}
	short, why := "no sandbox can be made here, see above", ""
	switch {
	case r.Option != "":
		short = "a sandbox cannot give isolation." + r.Option
		why = short
	case r.Sandbox != nil:
		why = r.Sandbox.Error()
	}
	switch {
	case r.Sandbox == nil:
		s.nothing("its Docker engine can't be used, see above", s.engine.why())
	case r.Engine == nil:
		s.nothing(short, why)
	default:
		s.nothing("no Docker engine can be used, and "+short, "Docker: "+s.engine.why(), "Sandbox: "+why)
	}
	return true
}

// treat tells what the server would get if it was started now, once the engines were asked.
func (s *treatedServer) treat(here sandboxAbilities) {
	if s.Gets != "" {
		return
	}
	way, refused := s.plan.Way(launch.Machine{
		Engine: func(docker.Endpoint) error { return s.engine.away() }, Sandbox: func() sandbox.Abilities { return sandbox.Abilities(here) },
	})
	if refused == nil && way.Kind == config.IsolationDocker && !s.engine.Reachable { // a start finds that out when it makes the container
		refused = &launch.Refusal{Reason: launch.NoConfinement, Engine: s.engine.away()}
	}
	if s.refused(refused) {
		return
	}
	process, refused := s.plan.As(way.Kind)
	if s.refused(refused) {
		return
	}
	if state, why := unapproved(s.known, process); state != "" {
		if state == stateProgram {
			s.State = state
		}
		s.nothing("", why)
		return
	}
	switch iso := s.plan.Launch.Isolation; {
	case way.Kind == config.IsolationDocker:
		s.inContainer(iso)
	case way.Kind == config.IsolationSandbox:
		s.inSandbox(iso, here)
	case s.plan.Server.OwnContainer():
		s.Gets = getsOwn
	default:
		s.Gets = getsNone
		if way.NoSandbox != nil {
			s.short = "no Docker engine can be used, and no sandbox can be made here, see above"
			s.Why = []string{"Docker: " + s.engine.why(), "Sandbox: " + way.NoSandbox.Error()}
		}
	}
	if process.Lack != nil && s.confined() {
		s.Why = append(s.Why, process.Lack.Error())
	}
}

func (s *treatedServer) inContainer(iso *config.Isolation) {
	info := s.engine.asked.Info
	if option, what := docker.LackingLimit(info, iso); option != "" {
		s.nothing("", fmt.Sprintf("its Docker engine cannot limit %s – enable that on the engine's machine, or remove isolation.%s", what, option))
		return
	}
	if engine := s.engine.endpoint.Identity(); s.known.Record.OtherEngine(quarantine.EngineItem(engine.JSON()), engine.Default() || iso.DockerHost != "") {
		s.State = stateEngine
		s.nothing("", fmt.Sprintf("its Docker engine (%s) is another one than you approved – see `mcpproxy-stdio review %s`", confusables.ASCII(string(engine.JSON())), config.ShellWord(s.Name)))
		return
	}
	s.Gets, s.Engine, s.Confinement = getsContainer, s.engine.Host, docker.Enforced(iso)
	if !info.PidsLimit {
		s.Confinement[0] = "processes not limited" // it is only a default
	}
	if iso.Memory > 0 && !info.SwapLimit {
		s.Confinement = append(s.Confinement, "swap not limited")
	}
	s.confine("network "+iso.Network, true)
	s.confine("read-only", iso.ReadOnly)
	s.sees(iso, strings.HasPrefix(s.engine.Host, "unix:") || strings.HasPrefix(s.engine.Host, "npipe:"))
	s.confine("user "+iso.User, iso.User != "")
	s.confine("keeps a cache", iso.Cache)
}

// inSandbox is also for type auto where no engine is there.
func (s *treatedServer) inSandbox(iso *config.Isolation, here sandboxAbilities) {
	s.Gets = getsSandbox
	s.confine("network none", iso.Network == config.NetworkNone)
	s.confine("network of this machine", iso.Network != config.NetworkNone)
	s.confine(units.BytesSize(float64(iso.Memory))+" of memory for each process", iso.Memory > 0)
	s.sees(iso, here.Method != sandbox.Landlock)
	s.confine("keeps its files", !iso.Fresh)
	s.confine("Unix sockets of its own", iso.Sockets)
}

func (s *treatedServer) confine(how string, so bool) {
	if so {
		s.Confinement = append(s.Confinement, how)
	}
}

// sees tells which files of the machine a confined server has; guarded says whether what other programs take orders from is protected.
func (s *treatedServer) sees(iso *config.Isolation, guarded bool) {
	s.confine("working directory read-only", iso.Dir == "ro")
	s.confine("working directory writable", iso.Dir == "rw")
	if n := len(iso.Mounts); n > 0 {
		text, writable := plural(n, "mount", "mounts"), 0
		for _, m := range iso.Mounts {
			if !m.ReadOnly {
				writable++
			}
		}
		if writable > 0 {
			text += " (" + strconv.Itoa(writable) + " writable)"
		}
		s.confine(text, true)
	}
	if writes := func(m config.Mount) bool { return !m.ReadOnly }; iso.Dir == "rw" || slices.ContainsFunc(iso.Mounts, writes) {
		s.confine(".git, .npmrc and the like read-only there", guarded)
		s.confine(".git, .npmrc and the like writable too", !guarded)
	}
}

// local tells whether the server runs on this machine, or would.
func (s *treatedServer) local() bool { return s.Protocol == config.ProtocolStdio }

// confined tells whether it runs in what we make.
func (s *treatedServer) confined() bool { return s.Gets == getsContainer || s.Gets == getsSandbox }

// waits tells whether a person keeps it from running.
func (s *treatedServer) waits() bool {
	return s.State == stateDisabled || s.State == stateProgram || s.State == stateEngine || s.held()
}

func (s *treatedServer) held() bool {
	return slices.Contains([]string{stateHeldLaunch, stateHeldDefinitions}, s.State)
}

// deprived tells whether it asks for isolation and does not get it.
func (s *treatedServer) deprived() bool {
	return wantsIsolation(s.Asks) && !s.waits() && !s.confined()
}
