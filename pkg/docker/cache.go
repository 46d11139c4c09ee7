package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
)

// cacheDir is where the cache is mounted. It is a directory that images have, and that everybody may write: a new volume takes over its
// rights, so that the image's own user, whoever that is, can use it.
const cacheDir = "/var/tmp"

// cacheEnv leads package runners to the cache.
var cacheEnv = []string{
	"npm_config_cache=" + cacheDir + "/npm", "YARN_CACHE_FOLDER=" + cacheDir + "/yarn", "BUN_INSTALL_CACHE_DIR=" + cacheDir + "/bun", "DENO_DIR=" + cacheDir + "/deno",
	"UV_CACHE_DIR=" + cacheDir + "/uv", "UV_TOOL_DIR=" + cacheDir + "/uv-tools", "PIP_CACHE_DIR=" + cacheDir + "/pip", "PIPX_HOME=" + cacheDir + "/pipx",
	"GOMODCACHE=" + cacheDir + "/go/mod", "GOCACHE=" + cacheDir + "/go/build",
}

// withCacheEnv adds to an environment the variables that are not in it.
func withCacheEnv(env []string) []string {
	all := slices.Clone(env)
	for _, kv := range cacheEnv {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(env, func(given string) bool { return strings.HasPrefix(given, name+"=") }) {
			all = append(all, kv)
		}
	}
	return all
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
		return "", c.explain("make the cache", err)
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
