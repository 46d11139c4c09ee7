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
		if o.beyond != nil && o.beyond(i) {
			return o.name
		}
	}
	return ""
}

// clone is a copy that shares nothing with i.
func (i *Isolation) clone() *Isolation {
	c := *i
	c.Mounts, c.Tmpfs, c.ExtraHosts = slices.Clone(i.Mounts), slices.Clone(i.Tmpfs), slices.Clone(i.ExtraHosts)
	return &c
}

// mapped is a copy of i in which each string that may hold references went through change; option is its full name.
func (i *Isolation) mapped(change func(option, text string) string) *Isolation {
	c := i.clone()
	c.Image = change("isolation.image", i.Image)
	c.DockerHost = change("isolation.docker_host", i.DockerHost)
	for n, m := range i.Mounts {
		option := mountOption(n)
		c.Mounts[n].Host = change(option, m.Host)
		c.Mounts[n].Container = c.Mounts[n].Host
		if !m.samePath() {
			c.Mounts[n].Container = change(option, m.Container)
		}
	}
	return c
}

// launchMount is a mount in a launch. It is not one string, since what a reference gives may hold a colon.
type launchMount struct {
	Host      string `json:"host"`
	Container string `json:"container"`
	ReadOnly  bool   `json:"read_only,omitempty"`
}

// launchJSON are the options that are not at their defaults. A limit is a number however it is written, so that what means the same is
// the same; so is an image that the command would have anyway.
func (i *Isolation) launchJSON(command string) map[string]any {
	var mounts []launchMount
	for _, m := range i.Mounts {
		mounts = append(mounts, launchMount(m))
	}
	image := i.Image
	if image == defaultImage(command) {
		image = ""
	}
	return i.json(image, mounts, len(mounts) > 0)
}

func (i *Isolation) json(image string, mounts any, mounted bool) map[string]any {
	options := map[string]any{"type": i.Type}
	set := func(written bool, option string, value any) {
		if written {
			options[option] = value
		}
	}
	set(image != "", "image", image)
	set(i.Memory != 0, "memory_limit", i.Memory)
	set(i.CPUs != 0, "cpu_limit", i.CPUs)
	set(i.Pids != 0, "pids_limit", i.Pids)
	set(i.Network != "" && i.Network != NetworkBridge, "network", i.Network)
	set(mounted, "mounts", mounts)
	set(i.Dir != "", "working_dir", i.Dir)
	set(i.User != "", "user", i.User)
	set(i.ReadOnly, "read_only", true)
	set(len(i.Tmpfs) > 0, "tmpfs", i.Tmpfs)
	set(i.Cache, "cache", true)
	set(i.Fresh && i.Type != IsolationDocker && i.Type != IsolationNone, "cache", false)
	set(i.Sockets, "unix_sockets", true)
	set(i.Pull != "" && i.Pull != PullMissing, "pull", i.Pull)
	set(i.Platform != "", "platform", i.Platform)
	set(i.DockerHost != "", "docker_host", i.DockerHost)
	set(len(i.ExtraHosts) > 0, "extra_hosts", i.ExtraHosts)
	set(i.AllowNone, "allow_none", true)
	return options
}

// Written is the object as an entry has it, for whoever copies one; rewrite changes the strings that may hold references.
func (i *Isolation) Written(rewrite func(string) string) json.RawMessage {
	c := i.mapped(func(_, text string) string { return rewrite(text) })
	c.AllowNone = false // not an entry's to say
	var mounts []string
	for _, m := range c.Mounts {
		mounts = append(mounts, m.written())
	}
	text, err := encodeJSON(c.json(c.Image, mounts, len(mounts) > 0))
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	return text
}
