package config

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// isolationAsked is an isolation object as it stands in a file.
type isolationAsked struct {
	Isolation                         // what is not written is zero
	set       map[string]hujson.Value // the options that are written
	at        hujson.Value            // the object
}

// typeAt is where the type is written, else the object.
func (a *isolationAsked) typeAt() hujson.Value {
	for _, key := range []string{"type", "enabled"} {
		if at, ok := a.set[key]; ok {
			return at
		}
	}
	return a.at
}

// isolation reads an entry's object. What it comes to is known once the whole file is read: see finishIsolation.
func (e *entry) isolation(_ *Server, v hujson.Value) {
	e.asked = e.readIsolation(v)
}

// readIsolation reads an object. It is nil if it cannot be read at all.
func (e *entry) readIsolation(v hujson.Value) *isolationAsked {
	a := &isolationAsked{set: map[string]hujson.Value{"type": v}, at: v}
	if v.Value.Kind() != '"' { // a text stands for an object with that type: "docker" is {"type": "docker"}
		var ok bool
		if a.set, ok = members(e, v, isolationOptions); !ok {
			return nil
		}
	}
	readAll(e, "isolation.", a.set, isolationOptions, &a.Isolation)
	return a
}

func (e *entry) isolationEnabled(i *Isolation, at hujson.Value) {
	switch enabled := e.boolean(at, true); {
	case !enabled:
		i.Type = IsolationNone
	case i.Type == IsolationNone:
		e.fail(at, IsolationNone, "isolation.enabled and isolation.type contradict each other", "remove one of the two")
	case i.Type == "":
		i.Type = IsolationDocker // what the configurations that have it mean
	}
}

func (e *entry) isolationAllowNone(i *Isolation, at hujson.Value) {
	if !e.global {
		e.warn(at, "", "isolation.allow_none counts only in the isolation object at the top of your own file, and is ignored here", "remove it")
		return
	}
	i.AllowNone = e.boolean(at, false)
}

// plain reads a string that has no references.
func (e *entry) plain(v hujson.Value) (string, bool) {
	text, ok := e.text(v, e.key, shown(v))
	if ok && !isLiteral(text) {
		e.fail(v, shown(v), e.key+" cannot have references", "write the value out; image, mounts and docker_host may have them")
		return "", false
	}
	return text, ok
}

// noSecret refuses a reference to a secret where it would be shown, and tells whether it did.
func (e *entry) noSecret(at hujson.Value, text string) bool {
	parts, _ := e.server.parse(e.key, text)
	secret := slices.ContainsFunc(parts, func(p part) bool { return p.kind == partKeyring })
	if secret {
		e.fail(at, "", e.key+" refers to a secret, and is shown to whoever looks", "write it out, or use ${env:NAME}; secrets belong in env")
	}
	return secret
}

// outside reads a string that decides whom the machine talks to before the server runs. A workspace's entry must not send the user's
// variables there.
func (e *entry) outside(v hujson.Value) (string, bool) {
	text, ok := e.text(v, e.key, shown(v))
	switch {
	case !ok || e.noSecret(v, text):
		return "", false
	case e.workspace && !isLiteral(text):
		e.fail(v, shown(v), e.key+" cannot have references in a workspace's file", "write the value out, or copy the entry to your own file")
		return "", false
	case text == "":
		e.fail(v, `""`, e.key+" is empty", "remove it, or write what belongs there")
		return "", false
	}
	return text, true
}

func (e *entry) isolationList(v hujson.Value, each func(hujson.Value)) {
	list, ok := v.Value.(*hujson.Array)
	if !ok {
		e.fail(v, kindName(v), e.key+" must be an array of strings", `write ["…", "…"]`)
		return
	}
	for _, at := range list.Elements {
		each(at)
	}
}

func (e *entry) isolationFault(v hujson.Value, f *fault) bool {
	if f != nil {
		e.fail(v, f.text, e.key+" "+f.message, f.remedy)
	}
	return f == nil
}

func (e *entry) isolationImage(iso *Isolation, v hujson.Value) {
	text, ok := e.outside(v)
	if ok && (!isLiteral(text) || e.isolationFault(v, imageFault(text))) {
		iso.Image = text
	}
}

func (e *entry) isolationHost(iso *Isolation, v hujson.Value) {
	text, ok := e.outside(v)
	if ok && (!isLiteral(text) || e.isolationFault(v, dockerHostFault(text))) {
		iso.DockerHost = text
	}
}

// amount is a number, or a string that has one.
func (e *entry) amount(v hujson.Value) string {
	switch v.Value.Kind() {
	case '"':
		return textOf(v)
	case '0':
		return string(v.Value.(hujson.Literal))
	}
	return ""
}

func (e *entry) isolationMemory(iso *Isolation, v hujson.Value) {
	n, f := memoryOf(e.amount(v))
	if f != nil {
		f.text = shown(v)
	}
	if e.isolationFault(v, f) {
		iso.Memory = n
	}
}

func (e *entry) isolationCPUs(iso *Isolation, v hujson.Value) {
	text := e.amount(v)
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !only(text, ".+-") || !(n > 0 && n <= 4096): // only: no infinity, no hexadecimal
		e.fail(v, shown(v), "isolation.cpu_limit is not a number of processors", `write "0.5" or "2"`)
	case n < 0.01:
		e.fail(v, shown(v), "isolation.cpu_limit is less than 0.01, the least that Docker gives", `write "0.01" or more, or remove it for no limit`)
	default:
		iso.CPUs = n
	}
}

// maxPids is the most that Linux can have.
const maxPids = 1 << 22

func (e *entry) isolationPids(iso *Isolation, v hujson.Value) {
	n, err := strconv.ParseInt(e.amount(v), 10, 64)
	if err != nil || n < 1 || n > maxPids {
		e.fail(v, shown(v), "isolation.pids_limit is not a number of processes", "write a whole number from 1 to 4194304, such as 256")
		return
	}
	iso.Pids = n
}

func (e *entry) isolationNetwork(iso *Isolation, v hujson.Value) {
	name, ok := e.plain(v)
	switch {
	case !ok:
		return
	case strings.HasPrefix(name, "container:"):
		e.fail(v, shown(v), "isolation.network of another container is nothing to build on: it ends with that container", "name a network that both are in")
		return
	case !isEngineName(name):
		e.fail(v, shown(v), "isolation.network is not the name of a network", `write "bridge", "none" or the name of a network of the engine`)
		return
	case name == networkHost:
		e.warn(v, shown(v), "isolation.network host lets the server reach everything that listens on the engine's machine", `write "bridge" unless it has to`)
	}
	iso.Network = name
}

func (e *entry) isolationDir(iso *Isolation, v hujson.Value) {
	switch kind := v.Value.Kind(); {
	case kind == 'f':
		iso.Dir = ""
	case kind == '"' && (textOf(v) == dirReadOnly || textOf(v) == dirReadWrite):
		iso.Dir = textOf(v)
	default:
		e.fail(v, shown(v), "isolation.working_dir says how the working directory is shown: false, ro or rw", `write "ro"; the directory itself is working_dir of the entry`)
	}
}

func (e *entry) isolationCache(iso *Isolation, v hujson.Value) {
	failures := e.failures
	iso.Cache = e.boolean(v, false)
	iso.Fresh = !iso.Cache && e.failures == failures
}

func (e *entry) isolationUser(iso *Isolation, v hujson.Value) {
	text := e.amount(v)
	if v.Value.Kind() != '0' {
		var ok bool
		if text, ok = e.plain(v); !ok {
			return
		}
	}
	user, group, grouped := strings.Cut(text, ":")
	if !isEngineName(user) && !isUnderscored(user) || grouped && !isEngineName(group) && !isUnderscored(group) {
		e.fail(v, shown(v), "isolation.user is not a user", `write "1000", "1000:1000" or a name that the image knows, such as "node"`)
		return
	}
	iso.User = text
}

// isUnderscored accepts what Unix systems name accounts of their own: _apt.
func isUnderscored(name string) bool {
	name, ok := strings.CutPrefix(name, "_")
	return ok && isEngineName(name)
}

func (e *entry) isolationTmpfs(iso *Isolation, v hujson.Value) {
	e.isolationList(v, func(at hujson.Value) {
		text, ok := e.plain(at)
		if !ok {
			return
		}
		place, options, has := strings.Cut(text, ":")
		clean := path.Clean(place)
		switch {
		case !strings.HasPrefix(place, "/") || clean == "/" || !printable(place) || has && (options == "" || !only(options, "=,.%-_")):
			e.fail(at, shown(at), "isolation.tmpfs is neither a path inside nor one with options", `write "/tmp" or "/tmp:size=64m"`)
			return
		case slices.ContainsFunc(iso.Tmpfs, func(o string) bool { other, _, _ := strings.Cut(o, ":"); return other == clean }):
			e.fail(at, shown(at), "isolation.tmpfs has this path twice", "remove one of the two")
			return
		}
		if has {
			clean += ":" + options
		}
		iso.Tmpfs = append(iso.Tmpfs, clean)
	})
}

func (e *entry) isolationPlatform(iso *Isolation, v hujson.Value) {
	text, ok := e.plain(v)
	if !ok {
		return
	}
	pieces := strings.Split(text, "/")
	wrong := func(piece string) bool { return piece == "" || !only(piece, "_.") || strings.ToLower(piece) != piece }
	if len(pieces) < 2 || len(pieces) > 3 || slices.ContainsFunc(pieces, wrong) {
		e.fail(v, shown(v), "isolation.platform is not a system and its architecture", `write "linux/amd64" or "linux/arm64"`)
		return
	}
	iso.Platform = text
}

func (e *entry) isolationExtraHosts(iso *Isolation, v hujson.Value) {
	e.isolationList(v, func(at hujson.Value) {
		text, ok := e.plain(at)
		if !ok {
			return
		}
		name, address := text, ""
		if i := strings.IndexAny(text, ":="); i >= 0 {
			name, address = text[:i], text[i+1:]
		}
		if address != "host-gateway" {
			ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
			if err != nil || ip.Zone() != "" {
				address = ""
			} else {
				address = ip.String()
			}
		}
		if address == "" || !isEngineName(name) {
			e.fail(at, shown(at), "isolation.extra_hosts is not a name and its address", `write "db:10.0.0.5" or "db:host-gateway"`)
			return
		}
		iso.ExtraHosts = append(iso.ExtraHosts, name+":"+address)
	})
}
