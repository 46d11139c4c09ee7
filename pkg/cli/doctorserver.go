package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
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
	launch config.Launch
	engine *dockerEngine
	known  hub.Server
	in     string // the workspace
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
	s := &treatedServer{Name: written.Name, Protocol: written.Protocol, Workspace: written.Workspace, Asks: isolationAsked(written), free: written.Isolation == nil, known: k, in: workspace}
	iso := written.Isolation
	if iso.Confined() && iso.Type != config.IsolationSandbox {
		s.Image = iso.ImageFor(written.Command)
	}
	var why string
	if s.State, why = standing(k); s.State != stateEnabled {
		s.nothing("", why)
		return s
	}
	launch, faults := resolve(written, workspace)
	if len(faults) > 0 {
		s.nothing("", faults...)
		return s
	}
	s.launch = launch
	switch {
	case written.Protocol != config.ProtocolStdio:
		s.Gets = getsElsewhere
	case written.OwnContainer():
		s.asProgram(getsOwn)
	case !launch.Isolation.Confined():
		s.asProgram(getsNone)
	case launch.Isolation.Type != config.IsolationSandbox:
		s.Image = launch.Isolation.Image
		s.engine = es.find(launch.Isolation.DockerHost)
		s.engine.Servers = append(s.engine.Servers, s.Name)
	}
	return s
}

func (s *treatedServer) nothing(short string, why ...string) {
	s.Gets, s.short, s.Why = getsNothing, short, why
}

// asProgram is for what starts as a program of this machine.
func (s *treatedServer) asProgram(gets string) {
	if state, why := findProgram(s.known, s.launch, s.in); state != "" {
		if state == stateProgram {
			s.State = state
		}
		s.nothing("", why)
		return
	}
	s.Gets = gets
}

// treat decides as package upstream does when it starts the server, once the engines were asked.
func (s *treatedServer) treat(here sandboxAbilities) {
	iso := s.launch.Isolation
	switch {
	case s.Gets != "":
	case s.engine != nil && s.engine.Reachable:
		s.inContainer(iso)
	case iso.Type == config.IsolationDocker:
		s.nothing("its Docker engine can't be used, see above", explained(s.engine.Error, s.engine.Remedy))
	default:
		s.inSandbox(iso, here)
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
		s.nothing("", fmt.Sprintf("its Docker engine (%s) is another one than you approved – see `mcpproxy-stdio review %s`", inWords(string(engine.JSON())), config.ShellWord(s.Name)))
		return
	}
	if s.lacks(config.IsolationDocker); s.Gets == getsNothing {
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
	short, why := noSandbox(iso, here)
	switch {
	case why == "":
		s.sandboxed(iso, here)
	case iso.Type == config.IsolationSandbox:
		s.nothing(short, why)
	default:
		s.unconfined(iso, "no Docker engine can be used, and "+short, "Docker: "+explained(s.engine.Error, s.engine.Remedy), "Sandbox: "+why)
	}
}

// noSandbox tells why no sandbox can give what is asked: in short beside what the report says of the sandbox, and all of it.
func noSandbox(iso *config.Isolation, here sandboxAbilities) (short, why string) {
	if option := iso.BeyondSandbox(); option != "" {
		why = "a sandbox cannot give isolation." + option
		return why, why
	}
	if here.Method == "" {
		return "no sandbox can be made here, see above", here.Why
	}
	return "", ""
}

// unconfined is for type auto where there is neither.
func (s *treatedServer) unconfined(iso *config.Isolation, short string, why ...string) {
	if !iso.AllowNone || iso.BeyondSandbox() != "" {
		s.nothing(short, why...)
		return
	}
	if s.asProgram(getsNone); s.Gets == getsNone {
		s.Why, s.short = why, short
	}
}

func (s *treatedServer) sandboxed(iso *config.Isolation, here sandboxAbilities) {
	if missing := missingMount(iso); missing != "" {
		s.nothing("", missing)
		return
	}
	if s.asProgram(getsSandbox); s.Gets != getsSandbox {
		return
	}
	if s.lacks(config.IsolationSandbox); s.Gets == getsNothing {
		return
	}
	if iso.Network == config.NetworkNone {
		s.confine("network none", true)
	} else {
		s.confine("network of this machine", true)
	}
	if iso.Memory > 0 {
		s.confine(units.BytesSize(float64(iso.Memory))+" of memory for each process", true)
	}
	s.sees(iso, here.Method != sandbox.Landlock)
	s.confine("keeps its files", !iso.Fresh)
	s.confine("Unix sockets of its own", iso.Sockets)
}

// lacks takes in what the confinement would not give, as a start does.
func (s *treatedServer) lacks(kind string) {
	switch lack := lacks(s.known.Written, s.launch, kind, s.in); {
	case lack.Sure():
		s.State = stateLacking
		s.nothing("", lack.Error())
	case lack != nil:
		s.Why = append(s.Why, lack.Error())
	}
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

// missingMount is about a file or directory that a sandbox is to show and that is not there.
func missingMount(iso *config.Isolation) string {
	if !iso.Confined() {
		return ""
	}
	for _, m := range iso.Mounts {
		if _, err := os.Stat(m.Host); err != nil {
			return fmt.Sprintf("the mount %s cannot be used: %v – create it, or correct isolation.mounts", m.Host, errors.Unwrap(err))
		}
	}
	return ""
}

func explained(what, remedy string) string {
	if remedy == "" {
		return what
	}
	return what + ". " + remedy
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
