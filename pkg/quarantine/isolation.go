package quarantine

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// isolation is the isolation of a canonical launch: what is not at its default.
type isolation struct {
	Type       string
	Image      string
	Memory     any   `json:"memory_limit"` // a number of bytes; once a text
	CPUs       any   `json:"cpu_limit"`
	Pids       int64 `json:"pids_limit"`
	Network    string
	Mounts     []mount
	Dir        string `json:"working_dir"`
	User       string
	ReadOnly   bool `json:"read_only"`
	Tmpfs      []string
	Cache      *bool
	Sockets    bool `json:"unix_sockets"`
	Pull       string
	Platform   string
	DockerHost string   `json:"docker_host"`
	ExtraHosts []string `json:"extra_hosts"`
	AllowNone  bool     `json:"allow_none"`
	more       []string
}

// UnmarshalJSON keeps the members that have no words here.
func (i *isolation) UnmarshalJSON(raw []byte) error {
	type plain isolation
	i.more = unworded(raw, plain{})
	return json.Unmarshal(raw, (*plain)(i))
}

type mount struct {
	Host, Container string
	ReadOnly        bool `json:"read_only"`
	more            []string
}

// UnmarshalJSON keeps the members that have no words here.
func (m *mount) UnmarshalJSON(raw []byte) error {
	type plain mount
	m.more = unworded(raw, plain{})
	return json.Unmarshal(raw, (*plain)(m))
}

// words tell the whole of it, each value escaped.
func (i *isolation) words(command string) string {
	var said []string
	say := func(is bool, words string) {
		if is {
			said = append(said, words)
		}
	}
	value := func(what, text string) { say(text != "", what+" "+Word(text)) }
	list := func(what string, texts []string) {
		words := []string{what}
		for _, t := range texts {
			words = append(words, Word(t))
		}
		say(len(texts) > 0, strings.Join(words, " "))
	}
	image := (&config.Isolation{Image: i.Image}).ImageFor(command)
	switch i.Type {
	case config.IsolationDocker:
		value("docker", image)
		say(image == "", "docker")
	case config.IsolationAuto:
		value("docker", image)
		say(image == "", "docker")
		beyond := i.config().BeyondSandbox()
		say(beyond == "", "or a sandbox")
		say(beyond != "", "and no sandbox in its place")
		say(i.AllowNone, "or nothing where there is none")
	default:
		said = append(said, Word(i.Type))
		value("image", i.Image) // which means nothing there, and is written all the same
	}
	say(written(i.Memory), "memory "+amount(i.Memory, bytesText))
	say(written(i.CPUs), amount(i.CPUs, processorsText))
	say(i.Pids != 0, strconv.FormatInt(i.Pids, 10)+" processes")
	value("network", i.network())
	var mounts, more []string
	for _, m := range i.Mounts {
		text := m.Host + ":" + m.Container
		if m.ReadOnly {
			text += ":ro"
		}
		mounts = append(mounts, text)
		more = append(more, m.more...)
	}
	list("mounts", mounts)
	switch i.Dir {
	case "":
	case "ro":
		say(true, "working directory read-only")
	case "rw":
		say(true, "working directory writable")
	default:
		value("working directory", i.Dir)
	}
	value("user", i.User)
	say(i.ReadOnly, "file system read-only")
	list("tmpfs", i.Tmpfs)
	say(i.Cache != nil && *i.Cache, "packages cached")
	if i.Type == config.IsolationSandbox || i.Type == config.IsolationAuto && i.config().BeyondSandbox() == "" {
		in := map[bool]string{true: "in a sandbox "}[i.Type == config.IsolationAuto]
		fresh := i.Cache != nil && !*i.Cache
		say(fresh, in+"an empty home at each start")
		say(!fresh, in+"a home of its own, kept until you remove the server or change its launch")
		say(i.Sockets, in+"Unix sockets")
	} else { // they mean nothing in a container, and are approved all the same
		say(i.Cache != nil && !*i.Cache, "cache false")
		say(i.Sockets, "unix_sockets")
	}
	value("pull", i.Pull)
	value("platform", i.Platform)
	value("engine", i.DockerHost)
	list("hosts", i.ExtraHosts)
	return strings.Join(slices.Concat(said, i.more, more), ", ")
}

func (i *isolation) network() string {
	if i.Network == "" {
		return config.NetworkBridge
	}
	return i.Network
}

// config is i as far as a sandbox is concerned.
func (i *isolation) config() *config.Isolation {
	c := &config.Isolation{Pids: i.Pids, Network: i.Network, User: i.User, Tmpfs: i.Tmpfs, Platform: i.Platform, DockerHost: i.DockerHost, ExtraHosts: i.ExtraHosts}
	if written(i.CPUs) {
		c.CPUs = 1
	}
	for _, m := range i.Mounts {
		c.Mounts = append(c.Mounts, config.Mount{Host: m.Host, Container: m.Container, ReadOnly: m.ReadOnly})
	}
	return c
}

// written tells whether an amount is; what was kept before has an empty text for one that is not.
func written(v any) bool { return v != nil && v != "" }

func amount(v any, text func(float64) string) string {
	switch n := v.(type) {
	case float64:
		return text(n)
	case string:
		return Word(n)
	}
	return "?"
}

// bytesText is exact: another limit reads differently.
func bytesText(n float64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && n >= 1024 && n/1024 == float64(int64(n/1024)) {
		n, units = n/1024, units[1:]
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " " + units[0]
}

func processorsText(n float64) string {
	if n == 1 {
		return "1 processor"
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " processors"
}

// notes are what a person should know before they allow it.
func (i *isolation) notes(dir string) []string {
	var notes []string
	shows := func(host string) {
		switch {
		case isSocket(host):
			notes = append(notes, "mounts "+Word(host)+", the engine's socket: whoever has it can do everything on its machine")
		case isRoot(host):
			notes = append(notes, "mounts "+Word(host)+": it sees the whole file system")
		case isHome(host):
			notes = append(notes, "mounts "+Word(host)+": it sees your home directory, keys and all")
		}
	}
	for _, m := range i.Mounts {
		shows(m.Host)
	}
	if i.Dir != "" && dir != "" {
		shows(dir)
	}
	if i.Dir == "rw" || slices.ContainsFunc(i.Mounts, func(m mount) bool { return !m.ReadOnly }) {
		notes = append(notes, sandbox.OrdersNote)
	}
	if i.Sockets && i.Type != config.IsolationDocker {
		notes = append(notes, "in a sandbox it may use Unix sockets: its own ones, and those that other programs put into what it is shown while it runs")
	}
	if i.Network == "host" {
		notes = append(notes, "network host: it reaches everything that listens on the engine's machine")
	}
	if i.AllowNone {
		notes = append(notes, "where there is neither docker nor a sandbox, it runs with your rights")
	}
	return notes
}

// cleaned is a path as written, with slashes.
func cleaned(host string) string { return path.Clean(strings.ReplaceAll(host, `\`, "/")) }

// isSocket tells whether a path is an engine's socket or a directory that has it.
func isSocket(host string) bool {
	host = cleaned(host)
	base := path.Base(host)
	return slices.Contains([]string{"/run", "/var/run"}, host) || strings.HasSuffix(base, ".sock") && (strings.Contains(base, "docker") || strings.Contains(base, "podman") || strings.Contains(base, "containerd")) ||
		strings.Contains(base, "docker_engine")
}

func isRoot(host string) bool {
	host = cleaned(host)
	return host == "/" || len(host) <= 3 && strings.HasSuffix(strings.TrimSuffix(host, "/"), ":")
}

// isHome tells whether a path is a home directory or one that has them.
func isHome(host string) bool {
	host = cleaned(host)
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if host == "${env:"+name+"}" || host == "${"+name+"}" {
			return true
		}
	}
	home, err := os.UserHomeDir()
	if err == nil {
		home = cleaned(home)
		if host == home || strings.HasPrefix(home, host+"/") {
			return true
		}
	}
	parent := path.Dir(host)
	return slices.Contains([]string{"/root", "/home", "/Users"}, host) || parent == "/home" || strings.HasSuffix(parent, "/Users") || strings.HasSuffix(host, ":/Users")
}
