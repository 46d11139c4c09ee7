package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/system"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// dockerEngine is one engine that servers would use.
type dockerEngine struct {
	Host          string       `json:"host"`
	Sources       []string     `json:"sources"` // what leads to it
	Servers       []string     `json:"servers"` // that would use it
	Reachable     bool         `json:"reachable"`
	Error         string       `json:"error,omitempty"`
	Remedy        string       `json:"remedy,omitempty"`
	Version       string       `json:"version,omitempty"`
	OS            string       `json:"os,omitempty"`
	Arch          string       `json:"arch,omitempty"`
	System        string       `json:"system,omitempty"` // of the engine's machine, in its own words
	CgroupVersion string       `json:"cgroup_version,omitempty"`
	CgroupDriver  string       `json:"cgroup_driver,omitempty"`
	Security      []string     `json:"security,omitempty"` // what it names: seccomp, apparmor, rootless, userns …
	Rootless      bool         `json:"rootless"`
	UserNS        bool         `json:"userns"`
	Seccomp       bool         `json:"seccomp"`
	Runtime       string       `json:"runtime,omitempty"`
	Limits        engineLimits `json:"limits"`
	Storage       string       `json:"storage,omitempty"`      // driver
	StorageFree   int64        `json:"storage_free,omitempty"` // bytes; 0: not known
	Warnings      []string     `json:"warnings,omitempty"`

	endpoint docker.Endpoint
	plain    bool // over TCP without encryption
	asked    docker.Condition
}

// engineLimits are those that the engine can enforce.
type engineLimits struct {
	Memory     bool `json:"memory"`
	Swap       bool `json:"swap"`
	Processors bool `json:"processors"`
	Processes  bool `json:"processes"`
}

// engines are the distinct ones, in the order in which servers lead to them.
type engines struct {
	environ []string
	all     []*dockerEngine
}

func newEngines(environ []string) *engines { return &engines{environ: environ} }

// find returns the engine that a docker_host leads to, "" for that of the docker command.
func (es *engines) find(host string) *dockerEngine {
	endpoint, err := docker.FindEndpoint(host, es.environ)
	for _, e := range es.all {
		otherWay := strings.HasPrefix(e.Host, "tcp:") && !slices.Contains(e.Sources, endpoint.Source) // with other certificates
		if e.Host != endpoint.Host || otherWay || fmt.Sprint(e.asked.Err) != fmt.Sprint(err) {
			continue
		}
		if !slices.Contains(e.Sources, endpoint.Source) {
			e.Sources = append(e.Sources, endpoint.Source)
		}
		return e
	}
	e := &dockerEngine{Host: endpoint.Host, Sources: []string{endpoint.Source}, Servers: []string{}, endpoint: endpoint}
	if endpoint.Source == "" {
		e.Sources = []string{}
	}
	e.plain, e.asked.Err = es.plain(endpoint), err
	es.all = append(es.all, e)
	return e
}

// plain tells whether an endpoint is one of TCP on this machine without TLS; package docker refuses it to others.
func (es *engines) plain(endpoint docker.Endpoint) bool {
	u, err := url.Parse(endpoint.Host)
	if err != nil || u.Scheme != "tcp" || u.Port() == "2376" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()) {
		return false
	}
	return !slices.ContainsFunc(es.environ, func(kv string) bool {
		name, value, _ := strings.Cut(kv, "=")
		return value != "" && (name == "DOCKER_TLS_VERIFY" || name == "DOCKER_CERT_PATH")
	})
}

// ask asks all engines, and the sandbox, at once. If no server leads to an engine it is the docker command's that is asked.
func (es *engines) ask(ctx context.Context) sandboxAbilities {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	if len(es.all) == 0 {
		es.find("")
	}
	var asking sync.WaitGroup
	for _, e := range es.all {
		asking.Go(func() { e.ask(ctx) })
	}
	found := sandbox.Find(ctx)
	asking.Wait()
	return sandboxAbilities(found)
}

func (e *dockerEngine) ask(ctx context.Context) {
	if e.asked.Err == nil {
		e.asked = docker.Examine(ctx, e.endpoint)
	}
	if err := e.asked.Err; err != nil {
		e.Error = err.Error()
		if known := (*docker.Error)(nil); errors.As(err, &known) {
			e.Error, e.Remedy = known.Cause.Error(), known.Remedy
		}
		return
	}
	e.Reachable = true
	e.describe(e.asked.Info)
	e.warn(e.asked.Info)
}

// away is why the engine can't be used, nil if it can.
func (e *dockerEngine) away() error {
	if e.Reachable {
		return nil
	}
	return errors.New(e.why())
}

// why says why the engine can't be used, with the remedy.
func (e *dockerEngine) why() string {
	if e.Remedy == "" {
		return e.Error
	}
	return e.Error + ". " + e.Remedy
}

func (e *dockerEngine) describe(info *system.Info) {
	e.Version, e.OS, e.Arch, e.System = info.ServerVersion, info.OSType, info.Architecture, info.OperatingSystem
	e.CgroupVersion, e.CgroupDriver, e.Runtime, e.Storage = info.CgroupVersion, info.CgroupDriver, info.DefaultRuntime, info.Driver
	e.Limits = engineLimits{
		Memory: info.MemoryLimit, Swap: info.SwapLimit, Processors: info.CPUCfsPeriod && info.CPUCfsQuota, Processes: info.PidsLimit,
	}
	for _, option := range info.SecurityOptions { // name=seccomp,profile=builtin; before version 1.13 the name alone
		name, rest, _ := strings.Cut(strings.TrimPrefix(option, "name="), ",")
		switch name {
		case "rootless":
			e.Rootless = true
		case "userns":
			e.UserNS = true
		case "seccomp":
			e.Seccomp = rest != "profile=unconfined"
			if !e.Seccomp {
				continue
			}
		}
		e.Security = append(e.Security, name)
	}
	name, err := os.Hostname()
	if err == nil && name == info.Name && strings.HasPrefix(e.Host, "unix:") {
		e.StorageFree = freeBytes(info.DockerRootDir)
	}
}

// scarce is the storage below which images hardly find room.
const scarce = 2 << 30

// warn tells what is dangerous about an engine.
func (e *dockerEngine) warn(info *system.Info) {
	if e.plain {
		e.Warnings = append(e.Warnings, "it is reached over plain TCP: every user and program of this machine can reach it, and be root there; use its unix socket, or ssh")
	}
	for _, w := range info.Warnings {
		if e.plain || !strings.Contains(w, "API is accessible on ") { // the others are about limits, which are shown
			continue
		}
		said, _, _ := strings.Cut(strings.Join(strings.Fields(w), " "), ". ")
		e.Warnings = append(e.Warnings, confusables.Cut("it says: "+strings.TrimPrefix(said, "WARNING: "), 200)+": whoever reaches that is root on its machine")
	}
	if !e.Seccomp {
		e.Warnings = append(e.Warnings, "it has no seccomp filter: servers can use every system call of its kernel; take seccomp-profile out of its configuration, or use a kernel and an engine that have it")
	}
	if e.StorageFree > 0 && e.StorageFree < scarce {
		e.Warnings = append(e.Warnings, "its disk is nearly full, and images may find no room")
	}
}
