package config

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// Values of Isolation.Type.
const (
	IsolationDocker  = "docker"
	IsolationSandbox = "sandbox"
	IsolationAuto    = "auto" // docker, else a sandbox, else nothing is started
	IsolationNone    = "none"
)

// Values of Isolation.Pull.
const (
	PullMissing = "missing"
	PullAlways  = "always"
	PullNever   = "never"
)

// NetworkBridge and NetworkNone are values of Isolation.Network; others are names of the engine's networks.
const (
	NetworkBridge = "bridge"
	NetworkNone   = "none"

	networkHost = "host"
)

// Values of Isolation.Dir.
const (
	dirReadOnly  = "ro"
	dirReadWrite = "rw"
)

// Isolation is the confinement that an entry asks for, or the user's file for all of them. Strings are as written; those of a
// [Launch] have their references replaced.
type Isolation struct {
	Type       string
	Image      string  // as written; [Isolation.ImageFor] has the default
	Memory     int64   // bytes; 0: no limit
	CPUs       float64 // processors; 0: no limit
	Pids       int64   // processes and threads; 0: the default
	Network    string  // NetworkBridge if nothing is written
	Mounts     []Mount
	Dir        string // how the working directory is mounted: "" not at all, "ro" or "rw"
	User       string // "": the image's own
	ReadOnly   bool   // the root file system
	Tmpfs      []string
	Cache      bool     // what package runners download in a container is kept, for this server alone
	Fresh      bool     // a sandbox keeps nothing of what the server writes, which it does otherwise
	Sockets    bool     // a sandbox lets the server use Unix sockets, in its own directories
	Pull       string   // PullMissing if nothing is written
	Platform   string   // "linux/arm64"; "": the engine's own
	DockerHost string   // "": as the docker command finds it
	ExtraHosts []string // "name:address"

	Inspected bool // it is of a launch that is only inspected: it gets no files
	AllowNone bool // auto may start a server unconfined where there is neither docker nor a sandbox; from the user's file alone
}

// Mount shows a file or directory of the machine to a confined server.
type Mount struct {
	Host, Container string
	ReadOnly        bool
}

// Confined tells whether i confines anything; a nil one does not.
func (i *Isolation) Confined() bool { return i != nil && i.Type != IsolationNone }

// OnThisMachine tells whether the command is certainly a program of this machine, and not one of an image.
func (i *Isolation) OnThisMachine() bool {
	return i == nil || i.Type != IsolationDocker && i.Type != IsolationAuto
}

// ImageFor is the image that a command runs in: the one that is written, else the default by the command's base name, else "".
func (i *Isolation) ImageFor(command string) string {
	if i.Image != "" {
		return i.Image
	}
	return defaultImage(command)
}

func defaultImage(command string) string {
	switch baseName(command) {
	case "npx", "node", "npm", "yarn", "yarnpkg":
		return "node:24"
	case "uvx", "uv", "python", "python3", "pip", "pipx":
		return "ghcr.io/astral-sh/uv:python3.13-bookworm"
	case "go":
		return "golang:1.26"
	case "bun", "bunx":
		return "oven/bun:1"
	case "deno":
		return "denoland/deno:2"
	}
	return ""
}

// baseName is the name of a command without directories and without what Windows puts behind it.
func baseName(command string) string {
	base := path.Base(strings.ReplaceAll(strings.ToLower(command), `\`, "/"))
	for _, ext := range []string{".exe", ".cmd", ".bat"} {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}

// BeyondSandbox names the first option that only docker gives, "" if a sandbox gives all that is asked for. An image and when it is
// pulled are no such options: they say how docker does it, not how far the server is confined. Nor is an engine on this machine.
func (i *Isolation) BeyondSandbox() string {
	for _, o := range isolationOptions {
		if o.beyondSandbox(i) {
			return o.name
		}
	}
	return ""
}

// mapped is a copy of i in which each string that may hold references went through change; option is its full name.
func (i *Isolation) mapped(change func(option, text string) string) *Isolation {
	c := *i
	return isolationOptions.mapped(&c, "isolation.", change)
}

// launchMount is a mount in a launch. It is not one string, since what a reference gives may hold a colon.
type launchMount struct {
	Host      string `json:"host"`
	Container string `json:"container"`
	ReadOnly  bool   `json:"read_only,omitempty"`
}

// launch is what stands of i in the launch of s. A limit is a number however it is written, so that what means the same is the same; an
// image that the command would have anyway is not there.
func (i *Isolation) launch(s *Server, shown bool) map[string]any {
	c := *i
	if c.Image == defaultImage(s.Command) {
		c.Image = ""
	}
	return isolationOptions.launch(s, &c, shown)
}

// Written is the object as an entry has it, for whoever copies one.
func (i *Isolation) Written() json.RawMessage {
	c := *i
	c.AllowNone = false // not an entry's to say
	written := isolationOptions.written(&c)
	slices.SortFunc(written, func(a, b Option) int { return strings.Compare(a.Key, b.Key) })
	return object(written)
}
