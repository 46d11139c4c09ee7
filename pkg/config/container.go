package config

import (
	"path"
	"slices"
	"strings"
)

// What a command is, as far as its words tell.

// valued are the options in front of an engine's command that take the next word as their value: those of docker, podman and nerdctl.
var valued = []string{"--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey",
	"--cgroup-manager", "--connection", "--identity", "--module", "--network-config-dir", "--root", "--runroot", "--runtime", "--storage-driver", "--storage-opt", "--tmpdir", "--url",
	"-a", "--address", "-n", "--namespace", "--snapshotter", "--data-root", "--cni-path", "--cni-netconfpath", "--hosts-dir"}

// OwnContainer tells whether the entry's command starts a container itself: docker run, podman run and the like. Such a server is not
// put into another one.
func (s *Server) OwnContainer() bool {
	setsPath := slices.ContainsFunc(s.Env, func(v Var) bool { return strings.EqualFold(v.Name, "PATH") })
	return s.Protocol == ProtocolStdio && StartsContainer(s.Command, s.Args, setsPath)
}

// engineDirs are where engines' commands are installed.
var engineDirs = []string{"/usr/bin", "/usr/local/bin", "/bin", "/snap/bin", "/opt/homebrew/bin", "c:/program files/docker/docker/resources/bin"}

// StartsContainer tells whether a command is docker run, or one that means the same. What could be another program of that name is not: a
// path to anywhere (a workspace has one), or a name that is looked for in a PATH that the entry sets.
func StartsContainer(command string, args []string, setsPath bool) bool {
	if !slices.Contains([]string{"docker", "podman", "nerdctl"}, baseName(command)) || !isLiteral(command) {
		return false
	}
	switch dir := path.Dir(strings.ReplaceAll(strings.ToLower(command), `\`, "/")); {
	case !strings.ContainsAny(command, `/\`):
		if setsPath {
			return false
		}
	case !slices.Contains(engineDirs, dir):
		return false
	}
	var words []string
	for i := 0; i < len(args) && len(words) < 2; i++ {
		switch {
		case slices.Contains(valued, args[i]):
			i++
		case !strings.HasPrefix(args[i], "-"):
			words = append(words, args[i])
		case len(words) > 0 && words[0] == "run":
			return true
		}
	}
	return len(words) > 0 && words[0] == "run" || len(words) == 2 && words[0] == "container" && words[1] == "run"
}
