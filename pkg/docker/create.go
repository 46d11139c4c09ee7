package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-units"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// DefaultPids is how many processes and threads a container may have where nothing else is written.
const DefaultPids = 256

// stopTimeout is how long, in seconds, an engine that is itself stopped waits for a server that ignores SIGTERM.
const stopTimeout = 3

// birth is a request to make a container.
type birth struct {
	name string
	done chan struct{} // closed once the rest is set

	id     string
	err    error
	unsure bool // no answer came: it may be made all the same
}

// create makes the container of an image, by its id, and sets c.id. The request is not given up half-way, and outlives a Kill: a container
// that is made must be known.
func (c *Container) create(image, filter string) error {
	cfg, host, err := c.settings(image)
	if err != nil {
		return err
	}
	if filter != "" {
		host.SecurityOpt = append(host.SecurityOpt, filter)
	}
	if err := c.owner.note(c.spec.Endpoint.way); err != nil {
		return refuse(fmt.Errorf("no container was created, because it could not be recorded: %w", err), "Make the state directory writable")
	}
	cfg.Labels = c.labels()
	if c.spec.Isolation.Cache {
		v, err := c.cacheVolume()
		if err != nil {
			return err
		}
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: v, Target: cacheDir})
	}
	b := &birth{name: containerName(c.spec.Server), done: make(chan struct{})}
	c.birth = b
	c.owner.work.Go(func() {
		defer close(b.done)
		ctx, cancel := context.WithTimeout(c.owner.ctx, apiTimeout)
		defer cancel()
		made, err := c.engine.api.ContainerCreate(ctx, cfg, host, nil, platformOf(c.spec.Isolation.Platform), b.name)
		b.id, b.err, b.unsure = made.ID, err, err != nil && (ctx.Err() != nil || unreachable(err))
		for _, w := range made.Warnings {
			c.spec.Log.Warn().Str("server", c.spec.Server).Str("warning", c.said(errors.New(w))).Msg("the Docker engine warns")
		}
	})
	select {
	case <-b.done:
	case <-c.ctx.Done():
		return context.Canceled
	}
	if b.err != nil {
		return c.explain("make the container", b.err)
	}
	c.id = b.id
	return nil
}

// settings are those of the container. Everything that confines it is here.
func (c *Container) settings(image string) (*container.Config, *container.HostConfig, error) {
	iso := &c.spec.Isolation
	yes, patience := true, stopTimeout
	pids := int64(DefaultPids)
	if iso.Pids > 0 {
		pids = iso.Pids
	}
	cfg := &container.Config{
		Image: image, Entrypoint: []string{c.spec.Command}, Cmd: c.spec.Args, Env: c.spec.Env, User: iso.User,
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true, // whoever loses us sees its stdin end
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}, StopTimeout: &patience,
	}
	host := &container.HostConfig{
		AutoRemove: true, Init: &yes, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
		LogConfig: container.LogConfig{Type: "none"}, NetworkMode: container.NetworkMode(iso.Network), ReadonlyRootfs: iso.ReadOnly, ExtraHosts: iso.ExtraHosts,
		Resources: container.Resources{Memory: iso.Memory, MemorySwap: iso.Memory, NanoCPUs: int64(iso.CPUs * 1e9), PidsLimit: &pids},
	}
	if len(iso.Tmpfs) > 0 {
		host.Tmpfs = map[string]string{}
	}
	for _, t := range iso.Tmpfs {
		where, options, _ := strings.Cut(t, ":")
		host.Tmpfs[where] = options
	}
	for n, m := range iso.Mounts {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: c.source(m.Host, c.spec.realMount(n)), Target: m.Container, ReadOnly: m.ReadOnly})
	}
	if iso.Dir != "" {
		if !path.IsAbs(c.spec.Dir) {
			return nil, nil, refuse(fmt.Errorf("the working directory %q can't be mounted: a container has no such path", c.spec.Dir), "Write it in isolation.mounts, with the path it should have there")
		}
		cfg.WorkingDir = c.spec.Dir
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: c.source(c.spec.Dir, c.spec.RealDir), Target: c.spec.Dir, ReadOnly: iso.Dir == "ro"})
	}
	for _, g := range c.spec.Guards {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: c.source(g.Host, g.Host), Target: g.Container, ReadOnly: !g.Pin})
	}
	if iso.Cache {
		cfg.Env = withCacheEnv(cfg.Env)
	}
	return cfg, host, nil
}

func (c *Container) labels() map[string]string {
	return map[string]string{LabelHub: c.owner.hubID(), LabelOwner: c.owner.id, LabelServer: c.spec.Server, LabelDigest: c.spec.Digest}
}

// containerName is what people see in `docker ps`.
func containerName(server string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, server)
	return "mcpproxy-" + plain[:min(len(plain), 60)] + "-" + strings.ToLower(rand.Text()[:8])
}

// Enforced words the limits of a container, for people.
func Enforced(iso *config.Isolation) []string {
	pids := int64(DefaultPids)
	if iso.Pids > 0 {
		pids = iso.Pids
	}
	limits := []string{fmt.Sprintf("%d processes", pids)}
	if iso.Memory > 0 {
		limits = append(limits, units.BytesSize(float64(iso.Memory))+" of memory")
	}
	if iso.CPUs > 0 {
		limits = append(limits, fmt.Sprintf("%g processors", iso.CPUs))
	}
	return limits
}
