package config

import (
	"path"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// isolationOption is one option of isolation.
type isolationOption struct {
	name    string
	decode  func(*entry, *Isolation, hujson.Value)
	copy    func(to, from *Isolation)
	dockers bool                  // it says how docker does it, and means nothing to a sandbox
	beyond  func(*Isolation) bool // asks for what a sandbox cannot give; nil: it gives whatever this option asks for
}

// isolationOptions are all but type, enabled and allow_none, in the order of the documentation.
var isolationOptions = []isolationOption{
	{"image", (*entry).isolationImage, func(to, from *Isolation) { to.Image = from.Image }, true, nil},
	{"memory_limit", (*entry).isolationMemory, func(to, from *Isolation) { to.Memory = from.Memory }, false, nil},
	{"cpu_limit", (*entry).isolationCPUs, func(to, from *Isolation) { to.CPUs = from.CPUs }, false, func(i *Isolation) bool { return i.CPUs != 0 }},
	{"pids_limit", (*entry).isolationPids, func(to, from *Isolation) { to.Pids = from.Pids }, false, func(i *Isolation) bool { return i.Pids != 0 }},
	{"network", (*entry).isolationNetwork, func(to, from *Isolation) { to.Network = from.Network }, false, func(i *Isolation) bool {
		return i.Network != "" && i.Network != NetworkBridge && i.Network != NetworkNone
	}},
	{"mounts", (*entry).isolationMounts, func(to, from *Isolation) { to.Mounts = slices.Clone(from.Mounts) }, false, func(i *Isolation) bool {
		return slices.ContainsFunc(i.Mounts, Mount.beyondSandbox)
	}},
	{"working_dir", (*entry).isolationDir, func(to, from *Isolation) { to.Dir = from.Dir }, false, nil},
	{"user", (*entry).isolationUser, func(to, from *Isolation) { to.User = from.User }, false, func(i *Isolation) bool { return i.User != "" }},
	{"read_only", func(e *entry, i *Isolation, v hujson.Value) { i.ReadOnly = e.boolean(v, true) }, func(to, from *Isolation) { to.ReadOnly = from.ReadOnly }, false, nil},
	{"tmpfs", (*entry).isolationTmpfs, func(to, from *Isolation) { to.Tmpfs = slices.Clone(from.Tmpfs) }, false, func(i *Isolation) bool { return len(i.Tmpfs) > 0 }},
	{"cache", (*entry).isolationCache, func(to, from *Isolation) { to.Cache, to.Fresh = from.Cache, from.Fresh }, false, nil},
	{"unix_sockets", func(e *entry, i *Isolation, v hujson.Value) { i.Sockets = e.boolean(v, false) }, func(to, from *Isolation) { to.Sockets = from.Sockets }, false, nil},
	{"pull", func(e *entry, i *Isolation, v hujson.Value) { i.Pull = e.choice(v, "", pulls) }, func(to, from *Isolation) { to.Pull = from.Pull }, true, nil},
	{"platform", (*entry).isolationPlatform, func(to, from *Isolation) { to.Platform = from.Platform }, false, func(i *Isolation) bool { return i.Platform != "" }},
	{"docker_host", (*entry).isolationHost, func(to, from *Isolation) { to.DockerHost = from.DockerHost }, true, func(i *Isolation) bool {
		return strings.HasPrefix(i.DockerHost, "tcp://") || strings.HasPrefix(i.DockerHost, "ssh://")
	}},
	{"extra_hosts", (*entry).isolationExtraHosts, func(to, from *Isolation) { to.ExtraHosts = slices.Clone(from.ExtraHosts) }, false, func(i *Isolation) bool {
		return len(i.ExtraHosts) > 0
	}},
}

// beyondSandbox tells whether a sandbox, which shows paths as they are, cannot give the mount.
func (m Mount) beyondSandbox() bool { return path.Clean(m.Host) != path.Clean(m.Container) }

const allowNone = "allow_none"

var (
	isolationTypes = []string{IsolationDocker, IsolationSandbox, IsolationAuto, IsolationNone}
	pulls          = []string{PullMissing, PullAlways, PullNever}
)

func isolationKeys() []string {
	keys := []string{"type", "enabled"}
	for _, o := range isolationOptions {
		keys = append(keys, o.name)
	}
	return keys
}
