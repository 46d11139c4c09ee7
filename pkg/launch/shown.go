package launch

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// What a confined server lacks is compared here with what its entry names, before it is started: it would start, be listed, and fail at the
// first call.

// Lack is what an entry names and its confinement does not give.
type Lack struct {
	text string // what, and the line that gives it
	sure bool   // it cannot work without
}

// Error implements error.
func (l *Lack) Error() string { return l.text }

// Words are those of the error; "" of a nil one.
func (l *Lack) Words() string {
	if l == nil {
		return ""
	}
	return l.text
}

// Sure tells whether the server is not to be started without it; else it is a reason to look at when the server fails.
// A nil Lack is nothing.
func (l *Lack) Sure() bool { return l != nil && l.sure }

// lacks compares an entry with the container (kind is config.IsolationDocker) or sandbox that it would get; program is the file that a
// sandbox would start, "" if it is not known. It is nil if nothing is missing, and for a launch that is only inspected, which gets no files.
func lacks(server *config.Server, l config.Launch, kind, program, workspace string) *Lack {
	iso := l.Isolation
	if iso.Inspected {
		return nil
	}
	fixed := *server.Isolation
	if kind == config.IsolationSandbox && !iso.Sockets {
		if browser := Browser(l.Command, l.Args); browser != "" {
			fixed.Sockets = true
			return &Lack{fmt.Sprintf("it drives a browser (%s), which needs Unix sockets, and its sandbox gives none – write %s", strconv.QuoteToASCII(browser), line(&fixed)), true}
		}
	}
	shown := inContainer(l)
	if kind == config.IsolationSandbox {
		shown = inSandbox(l, program, workspace)
	} else if !hostIsHere(iso.DockerHost) {
		return nil
	}
	var said []string
	sure, ro := false, false
	for _, n := range named(server, l) {
		real, exists := existing(n.path)
		own := kind == config.IsolationSandbox && hasOwn(n) || kind == config.IsolationDocker && ofImages(n.path)
		placed := !n.inDir || iso.Dir != "" // where the name leads is the same inside
		if real == "" || own && !n.inDir || n.inDir && !n.outside && placed || shown(n.path) && (placed || !n.outside) {
			continue
		}
		said = append(said, fmt.Sprintf("%s (%s)", strconv.QuoteToASCII(n.path), n.what))
		sure = sure || exists && !n.maybe
		if !placed {
			fixed.Dir = "ro"
		}
		if n.inDir && !n.outside {
			continue
		}
		m := n.mount(real, exists)
		ro = ro || m.ReadOnly
		if !slices.ContainsFunc(fixed.Mounts, func(other config.Mount) bool { return covers(other, m) }) {
			fixed.Mounts = append(slices.Clone(fixed.Mounts), m)
		}
	}
	if said == nil {
		return nil
	}
	place := "sandbox"
	if kind == config.IsolationDocker {
		place = "container"
	}
	text := fmt.Sprintf("its %s does not show it %s – write %s", place, strings.Join(said, ", "), line(&fixed))
	if ro {
		text += ", without :ro where it has to write"
	}
	return &Lack{text, sure}
}

// covers tells whether one mount gives what another would.
func covers(m, other config.Mount) bool {
	return m.Host == m.Container && (m.ReadOnly == other.ReadOnly || other.ReadOnly) && config.Inside(other.Host, m.Host)
}

// line is the isolation of an entry as it is written.
func line(iso *config.Isolation) string {
	return `"isolation": ` + strings.TrimSpace(string(iso.Written()))
}

// namedPath is a path that an entry names.
type namedPath struct {
	path    string
	what    string // where the entry names it
	ref     string // how a mount of it is written, where that is not the path
	inDir   bool   // it is named relative to the working directory, which is not shown
	outside bool   // it is named so, and leads out of that directory
	code    bool   // it is what is run
	maybe   bool   // it may be no file, or one that the server does without
}

// mount is what shows the path. Code is shown with the directory that it is in, unless that has more than one project's files; what is to be
// written does not exist yet, and needs the directory.
func (n namedPath) mount(real string, exists bool) config.Mount {
	home, _ := os.UserHomeDir()
	shown := real
	if dir := filepath.Dir(n.path); exists && n.code && dir != home && filepath.Dir(dir) != dir && isFile(n.path) {
		shown = dir
	}
	if n.ref != "" && shown == n.path {
		shown = n.ref
	}
	return config.Mount{Host: shown, Container: shown, ReadOnly: exists}
}

// named are the absolute paths in arguments and variables, and relative ones of what is run. Those that come from a keyring are a secret.
func named(server *config.Server, l config.Launch) (paths []namedPath) {
	add := func(text, written, what string, code, maybe bool) {
		if p := pathIn(text); p != "" && !strings.Contains(written, "${keyring:") {
			n := namedPath{path: p, what: what, code: code, maybe: maybe}
			if rest, ok := strings.CutPrefix(written, "${workspaceFolder}"); ok && strings.HasSuffix(text, rest) {
				n.ref = written
			}
			paths = append(paths, n)
		}
	}
	first := NamedByArgument(l.Command)
	for i, arg := range l.Args {
		written := arg
		if len(server.Args) == len(l.Args) {
			written = server.Args[i]
		}
		what, text, option := fmt.Sprintf("argument %d", i+1), arg, strings.HasPrefix(arg, "-")
		if option {
			_, text, _ = strings.Cut(arg, "=")
			_, written, _ = strings.Cut(written, "=")
		}
		add(text, written, what, first && !option, option && topmost(text))
		relative := text != "" && !filepath.IsAbs(text) && (text == "." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || first && !option && isFile(filepath.Join(l.Dir, text)))
		if relative && l.Dir != "" {
			p := filepath.Join(l.Dir, text)
			paths = append(paths, namedPath{path: p, what: what, inDir: true, outside: !config.Inside(p, l.Dir)})
		}
		first = first && option
	}
	for _, v := range l.Env {
		if decidesPlace(v.Name) {
			continue
		}
		written := ""
		for _, w := range server.Env {
			if w.Name == v.Name {
				written = w.Value
			}
		}
		add(v.Value, written, "variable "+v.Name, false, topmost(v.Value) || strings.Contains(strings.ToUpper(v.Name), "LOG"))
	}
	return paths
}

// pathIn is the absolute path that a text is, "" if it is none.
func pathIn(text string) string {
	if rest, ok := strings.CutPrefix(text, "file://"); ok {
		if u, err := url.Parse(text); err == nil && (u.Host == "" || u.Host == "localhost") {
			rest = u.Path
		}
		text = rest
	}
	if !filepath.IsAbs(text) || strings.ContainsAny(text, "\x00\n") {
		return ""
	}
	return filepath.Clean(text)
}

// topmost tells whether a path is one at the top of the file system, which can as well be the path of an address: /home, /data.
func topmost(p string) bool {
	return filepath.Dir(filepath.Dir(filepath.Clean(p))) == filepath.Dir(filepath.Clean(p))
}

// decidesPlace tells whether a variable says where programs look or keep something of their own: a place that is not shown is passed over,
// or the sandbox gives another.
func decidesPlace(name string) bool {
	name = strings.ToUpper(name)
	return strings.Contains(name, "CACHE") || slices.Contains(list("places"), name) ||
		slices.ContainsFunc([]string{"XDG_", "NPM_CONFIG_", "UV_", "PIP_", "PIPX_", "YARN_", "BUN_"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// existing is the path, or the directory that it would be made in, if that is there; "" for neither. Such a directory at the top is too wide
// to be meant.
func existing(p string) (real string, exists bool) {
	if _, err := os.Stat(p); err == nil {
		return p, true
	}
	home, _ := os.UserHomeDir()
	dir := filepath.Dir(p)
	if info, err := os.Stat(dir); err == nil && info.IsDir() && dir != home && filepath.Dir(filepath.Dir(dir)) != filepath.Dir(dir) {
		return dir, false
	}
	return "", false
}

// hasOwn tells whether a sandbox has a place of its own there, where the path may be made, or whether it is no place for files.
func hasOwn(n namedPath) bool {
	p := n.path
	return p == "/" || p == "/tmp" || filepath.Dir(p) == "/tmp" && isFile(p) && !n.code ||
		slices.ContainsFunc([]string{"/proc", "/dev", "/sys"}, func(dir string) bool { return config.Inside(p, dir) })
}

// ofImages tells whether images have such paths too, so that another file may be meant.
func ofImages(p string) bool {
	p = filepath.ToSlash(p)
	if strings.Count(p, "/") < 2 {
		return true
	}
	top, _, _ := strings.Cut(p[1:], "/")
	return slices.Contains([]string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "opt", "var", "tmp", "proc", "dev", "sys", "run", "srv", "app", "workspace", "data", "mnt", "nix"}, top)
}

// hostIsHere tells whether an engine mounts files of this machine.
func hostIsHere(dockerHost string) bool {
	if dockerHost == "" {
		dockerHost = os.Getenv("DOCKER_HOST")
	}
	return !strings.HasPrefix(dockerHost, "tcp://") && !strings.HasPrefix(dockerHost, "ssh://")
}

func inContainer(l config.Launch) func(string) bool {
	return func(p string) bool {
		under := func(dir string) bool { return path.Clean(dir) == p || strings.HasPrefix(p, path.Clean(dir)+"/") }
		return l.Isolation.Dir != "" && under(l.Dir) || slices.ContainsFunc(l.Isolation.Mounts, func(m config.Mount) bool { return under(m.Container) }) ||
			slices.ContainsFunc(l.Isolation.Tmpfs, func(t string) bool { place, _, _ := strings.Cut(t, ":"); return under(place) })
	}
}

func inSandbox(l config.Launch, program, workspace string) func(string) bool {
	spec := sandbox.Spec{Path: program, Dir: l.Dir, DirAccess: l.Isolation.Dir, Workspace: workspace}
	spec.Home, _ = os.UserHomeDir()
	for _, v := range l.Env {
		spec.Env = append(spec.Env, v.Name+"="+v.Value)
	}
	for _, m := range l.Isolation.Mounts {
		spec.Paths = append(spec.Paths, sandbox.Path{Path: m.Host})
	}
	shows := sandbox.Shows(spec)
	return func(p string) bool {
		if _, err := os.Lstat(p); err != nil {
			p = filepath.Dir(p)
		}
		return shows(p)
	}
}

// Browser names what drives a browser of its own in a command line, "" if nothing is known to.
func Browser(command string, args []string) string {
	if slices.ContainsFunc(args, func(arg string) bool {
		return slices.ContainsFunc([]string{"--cdp-endpoint", "--cdpEndpoint", "--extension", "--browser-url", "--browserUrl", "--ws-endpoint", "--wsEndpoint", "--remote"},
			func(option string) bool { return arg == option || strings.HasPrefix(arg, option+"=") }) // a browser that runs elsewhere
	}) {
		return ""
	}
	words := []string{Base(command)}
	if NamedByArgument(command) {
		for _, arg := range args {
			if !strings.HasPrefix(arg, "-") {
				words = append(words, arg)
				break
			}
		}
	}
	for _, word := range words {
		for _, name := range []string{"playwright", "puppeteer", "chrome-devtools-mcp"} {
			if strings.Contains(strings.ToLower(word), name) {
				return word
			}
		}
	}
	for _, arg := range args {
		_, value, ok := strings.Cut(arg, "=")
		if !ok {
			value = arg
		}
		base := strings.TrimSuffix(path.Base(filepath.ToSlash(value)), "-browser")
		if filepath.IsAbs(value) && slices.Contains([]string{"chromium", "chrome", "google-chrome", "google-chrome-stable", "msedge", "brave", "firefox"}, base) {
			return base
		}
	}
	return ""
}
