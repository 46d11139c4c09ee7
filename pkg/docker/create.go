package docker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// DefaultPids is how many processes and threads a container may have where nothing else is written.
const DefaultPids = 256

// stopTimeout is how long, in seconds, an engine that is itself stopped waits for a server that ignores SIGTERM.
const stopTimeout = 3

// cacheDir is where the cache is mounted. It is a directory that images have, and that everybody may write: a new volume takes over its
// rights, so that the image's own user, whoever that is, can use it.
const cacheDir = "/var/tmp"

// cacheEnv leads package runners to the cache.
var cacheEnv = []string{
	"npm_config_cache=" + cacheDir + "/npm", "YARN_CACHE_FOLDER=" + cacheDir + "/yarn", "BUN_INSTALL_CACHE_DIR=" + cacheDir + "/bun", "DENO_DIR=" + cacheDir + "/deno",
	"UV_CACHE_DIR=" + cacheDir + "/uv", "UV_TOOL_DIR=" + cacheDir + "/uv-tools", "PIP_CACHE_DIR=" + cacheDir + "/pip", "PIPX_HOME=" + cacheDir + "/pipx",
	"GOMODCACHE=" + cacheDir + "/go/mod", "GOCACHE=" + cacheDir + "/go/build",
}

// create makes the container of an image, by its id, and sets c.id. The request is not given up half-way: a container that is made
// must be known.
func (c *Container) create(image string) error {
	iso := &c.spec.Isolation
	cfg, host, err := c.settings(image)
	if err != nil {
		return err
	}
	if err := c.owner.note(c.spec.Endpoint.way); err != nil {
		return refuse(fmt.Errorf("no container is made, since it could not be noted: %w", err), "Make the state directory writable")
	}
	cfg.Labels = c.labels()
	if iso.Cache {
		v, err := c.cacheVolume()
		if err != nil {
			return err
		}
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: v, Target: cacheDir})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), apiTimeout)
	defer cancel()
	var platform *ocispec.Platform
	if iso.Platform != "" {
		parts := append(strings.Split(iso.Platform, "/"), "", "")
		platform = &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
	}
	made, err := c.engine.api.ContainerCreate(ctx, cfg, host, nil, platform, containerName(c.spec.Server))
	if err != nil {
		return c.explain("to make the container", err)
	}
	c.id = made.ID
	for _, w := range made.Warnings {
		c.spec.Log.Warn().Str("server", c.spec.Server).Str("warning", quoted(fmt.Errorf("%s", w))).Msg("the Docker engine warns")
	}
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
		AutoRemove: true, Init: &yes, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"},
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
	for _, m := range iso.Mounts {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Host, Target: m.Container, ReadOnly: m.ReadOnly})
	}
	if iso.Dir != "" {
		if !path.IsAbs(c.spec.Dir) {
			return nil, nil, refuse(fmt.Errorf("the working directory %q cannot be mounted: it has no such path in a container", c.spec.Dir), "Write it in isolation.mounts, with the path it should have there")
		}
		cfg.WorkingDir = c.spec.Dir
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: c.spec.Dir, Target: c.spec.Dir, ReadOnly: iso.Dir == "ro"})
	}
	if iso.Cache {
		given := func(name string) bool {
			return slices.ContainsFunc(c.spec.Env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		}
		for _, kv := range cacheEnv {
			if name, _, _ := strings.Cut(kv, "="); !given(name) {
				cfg.Env = append(slices.Clip(cfg.Env), kv)
			}
		}
	}
	return cfg, host, nil
}

func (c *Container) labels() map[string]string {
	return map[string]string{LabelHub: c.owner.hubID(), LabelOwner: c.owner.run, LabelServer: c.spec.Server, LabelDigest: c.spec.Digest}
}

func (o *Owner) hubID() string {
	o.writing.Lock()
	defer o.writing.Unlock()
	return o.hub
}

// containerName is what people see in `docker ps`.
func containerName(server string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, server)
	return "mcpproxy-" + plain + "-" + strings.ToLower(rand.Text()[:8])
}

// cacheVolume is the volume that keeps what this very launch of this server has downloaded; those of its earlier launches, and of nobody
// else, are removed.
func (c *Container) cacheVolume() (string, error) {
	ctx, cancel := context.WithTimeout(c.ctx, apiTimeout)
	defer cancel()
	hub := c.owner.hubID()
	sum := sha256.Sum256([]byte(strings.Join([]string{hub, c.spec.Config, c.spec.Server, c.spec.Digest}, "\x00")))
	name := "mcpproxy-cache-" + hex.EncodeToString(sum[:12])
	of := sha256.Sum256([]byte(c.spec.Config))
	labels := map[string]string{LabelHub: hub, LabelServer: c.spec.Server, LabelDigest: c.spec.Digest, labelConfig: hex.EncodeToString(of[:12])}
	if _, err := c.engine.api.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: labels}); err != nil {
		return "", c.explain("to make the cache", err)
	}
	same := filters.NewArgs()
	for _, label := range []string{LabelHub, LabelServer, labelConfig} {
		same.Add("label", label+"="+labels[label])
	}
	if old, err := c.engine.api.VolumeList(ctx, volume.ListOptions{Filters: same}); err == nil {
		for _, v := range old.Volumes {
			if v.Name != name && v.Labels[LabelServer] == c.spec.Server {
				c.engine.api.VolumeRemove(ctx, v.Name, false) // one in use stays until the next time
			}
		}
	}
	return name, nil
}

const labelConfig = "io.github.mcpproxy-stdio.config" // digest of the configuration file's path

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
