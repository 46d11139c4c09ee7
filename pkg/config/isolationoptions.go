package config

import (
	"path"
	"slices"
	"strings"
)

// isolationOptions are the options of isolation, in the order of the documentation.
var isolationOptions = options[Isolation]{
	{
		name: "type", values: []string{IsolationDocker, IsolationSandbox, IsolationAuto, IsolationNone},
		meaning: "`docker`: in a container; `sandbox`: on Linux, without Docker; " +
			"`auto`: a container where a Docker engine answers, else a sandbox; `none`. Default `docker`",
		field: func(i *Isolation) any { return &i.Type }, get: func(i *Isolation) any { return i.Type },
	},
	{
		name: "enabled", kind: "boolean",
		meaning: "`true` is `\"type\": \"docker\"`, as some other clients' files have it",
		read:    (*entry).isolationEnabled,
	},
	{
		name: "allow_none", top: true,
		meaning: "at the top of your own file: `auto` may run a server as it is " +
			"where there is neither an engine nor a sandbox",
		field: func(i *Isolation) any { return &i.AllowNone }, read: (*entry).isolationAllowNone,
	},
	{
		name: "image", docker: true,
		meaning: "of the container; default by command: `node:24` (npx, node, npm, yarn), " +
			"`ghcr.io/astral-sh/uv:python3.13-bookworm` (uvx, uv, python, pip, pipx), " +
			"`golang:1.26`, `oven/bun:1`, `denoland/deno:2`",
		field: func(i *Isolation) any { return &i.Image }, read: (*entry).isolationImage, refs: true,
	},
	{
		name: "memory_limit", kind: "string or number",
		meaning: "`\"512m\"`, `\"2g\"`; in a sandbox of each process by itself",
		field:   func(i *Isolation) any { return &i.Memory }, read: (*entry).isolationMemory,
	},
	{
		name: "cpu_limit", kind: "string or number",
		meaning: "processors: `\"0.5\"`, `2`",
		field:   func(i *Isolation) any { return &i.CPUs }, read: (*entry).isolationCPUs,
		container: true,
	},
	{
		name: "pids_limit", kind: "string or number",
		meaning: "processes and threads; default 256",
		field:   func(i *Isolation) any { return &i.Pids }, read: (*entry).isolationPids,
		container: true,
	},
	{
		name: "network", standard: NetworkBridge,
		meaning: "`bridge` (default): a container reaches out, and is not reached; a sandbox has the machine's network; " +
			"`none`; or the name of one of the engine's networks ¹",
		field: func(i *Isolation) any { return &i.Network }, read: (*entry).isolationNetwork,
		beyond: func(i *Isolation) bool {
			return i.Network != "" && i.Network != NetworkBridge && i.Network != NetworkNone
		},
	},
	{
		name: "mounts",
		meaning: "what of your files it sees: `\"/path\"`, `\"/path:ro\"`, `\"/path:/path/inside:ro\"` ¹; default nothing. " +
			"`${workspaceFolder}` and `${env:NAME}` can be used",
		more:  "; what is written relative, or with the former, [has to lie in the workspace](#isolation)",
		field: func(i *Isolation) any { return &i.Mounts }, read: (*entry).isolationMounts, refs: true,
		beyond: func(i *Isolation) bool { return slices.ContainsFunc(i.Mounts, Mount.beyondSandbox) },
	},
	{
		name: "working_dir", kind: "string", takes: "boolean",
		meaning: "show it its working directory, and start it there: `\"ro\"` or `\"rw\"`; default: it does not see it",
		field:   func(i *Isolation) any { return &i.Dir }, read: (*entry).isolationDir,
	},
	{
		name: "user", takes: "number",
		meaning: "default: the image's own",
		field:   func(i *Isolation) any { return &i.User }, read: (*entry).isolationUser,
		container: true,
	},
	{
		name:    "read_only",
		meaning: "the container's file system can't be written",
		field:   func(i *Isolation) any { return &i.ReadOnly }, broken: true,
	},
	{
		name:    "tmpfs",
		meaning: "where the container can write in memory: `[\"/run:size=16m\"]`",
		field:   func(i *Isolation) any { return &i.Tmpfs }, read: (*entry).isolationTmpfs,
		container: true,
	},
	{
		name: "cache",
		meaning: "in a container: keep what npx, uvx and the like download, for this very server alone; default `false`. " +
			"In a sandbox: keep its home, with all that it writes there, " +
			"until the server is removed or its launch changed; default `true`",
		field: func(i *Isolation) any { return &i.Cache }, read: (*entry).isolationCache,
		get: (*Isolation).cache, set: func(to, from *Isolation) { to.Cache, to.Fresh = from.Cache, from.Fresh },
	},
	{
		name: "unix_sockets",
		meaning: "lets a sandboxed server use Unix sockets, which browsers need (`@playwright/mcp`, Puppeteer …): " +
			"its own ones, and none that another program has in what it is shown when it starts. " +
			"With a network it takes Linux 6.12. A container has its own anyway",
		field: func(i *Isolation) any { return &i.Sockets },
	},
	{
		name: "pull", values: []string{PullMissing, PullAlways, PullNever}, standard: PullMissing, docker: true,
		meaning: "`missing` (default), `always`, `never`",
		field:   func(i *Isolation) any { return &i.Pull },
	},
	{
		name:    "platform",
		meaning: "such as `linux/amd64`",
		field:   func(i *Isolation) any { return &i.Platform }, read: (*entry).isolationPlatform,
		container: true,
	},
	{
		name: "docker_host", docker: true,
		meaning: "the engine: `unix:///path`, `tcp://host:2376` with TLS, `ssh://user@host`; " +
			"default as for the docker command: `DOCKER_HOST`, the context in use. Mounts are of that machine",
		field: func(i *Isolation) any { return &i.DockerHost }, read: (*entry).isolationHost, refs: true,
		beyond: func(i *Isolation) bool {
			return strings.HasPrefix(i.DockerHost, "tcp://") || strings.HasPrefix(i.DockerHost, "ssh://")
		},
	},
	{
		name:    "extra_hosts",
		meaning: "`[\"name:address\"]`",
		field:   func(i *Isolation) any { return &i.ExtraHosts }, read: (*entry).isolationExtraHosts,
		container: true,
	},
}

// beyondSandbox tells whether a sandbox, which shows paths as they are, cannot give the mount.
func (m Mount) beyondSandbox() bool { return path.Clean(m.Host) != path.Clean(m.Container) }

// cache is the option as it is written; nil where it says nothing.
func (i *Isolation) cache() any {
	switch {
	case i.Cache:
		return true
	case i.Fresh && i.Type != IsolationDocker && i.Type != IsolationNone:
		return false
	}
	return nil
}
