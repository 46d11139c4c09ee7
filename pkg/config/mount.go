package config

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// Mounts are written as docker has them: host:container, host:container:ro. A path alone is the same inside.

const mountRemedy = `write "/host/path:/path/inside", with :ro behind it to make it read-only`

func mountOption(n int) string { return fmt.Sprintf("isolation.mounts[%d]", n) }

// samePath tells whether the mount was written as a path alone.
func (m Mount) samePath() bool { return m.Host == m.Container }

// written is the mount as a file has it.
func (m Mount) written() string {
	text := m.Host
	if !m.samePath() {
		text += ":" + m.Container
	}
	if m.ReadOnly {
		text += ":ro"
	}
	return text
}

// mapped is the mount with its paths changed; option is its full name.
func (m Mount) mapped(option string, change func(option, text string) string) Mount {
	same := m.samePath()
	m.Host = change(option, m.Host)
	if same {
		m.Container = m.Host
	} else {
		m.Container = change(option, m.Container)
	}
	return m
}

// isDrive tells whether a path begins with the letter of a Windows drive.
func isDrive(p string) bool {
	return len(p) >= 3 && (p[0]|0x20 >= 'a' && p[0]|0x20 <= 'z') && p[1] == ':' && (p[2] == '\\' || p[2] == '/')
}

// parseMount splits a mount as it is written. The colons of references and of a drive separate nothing.
func parseMount(text string) (Mount, *fault) {
	// a:/b is the directory a at /b; only what goes on tells that c:/a:/b has a drive.
	drive := isDrive(text) && (text[2] == '\\' || strings.Contains(text[2:], ":/"))
	var pieces []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "$${"):
			i += 2
		case strings.HasPrefix(text[i:], "${"):
			i += max(strings.IndexByte(text[i:], '}'), 0)
		case text[i] == ':' && !(i == 1 && drive):
			pieces = append(pieces, text[start:i])
			start = i + 1
		}
	}
	pieces = append(pieces, text[start:])
	var m Mount
	if last := len(pieces) - 1; last > 0 && (pieces[last] == dirReadOnly || pieces[last] == dirReadWrite) {
		m.ReadOnly = pieces[last] == dirReadOnly
		pieces = pieces[:last]
	}
	switch len(pieces) {
	case 1:
		m.Host, m.Container = pieces[0], pieces[0]
	case 2:
		m.Host, m.Container = pieces[0], pieces[1]
	case 3:
		return m, &fault{message: "has something other than ro or rw behind its paths", remedy: mountRemedy}
	default:
		return m, &fault{message: "has too many colons", remedy: mountRemedy}
	}
	return m, nil
}

// fault checks a mount as far as its paths are known: literal tells whether a path is.
func (m Mount) fault(literal func(string) bool) *fault {
	same := m.samePath()
	switch {
	case m.Host == "" || m.Container == "":
		return &fault{message: "has an empty path", remedy: mountRemedy}
	case m.Host == "~" || strings.HasPrefix(m.Host, "~/"):
		return &fault{message: "begins with ~, which is the shell's, and no shell runs here", remedy: "write ${env:HOME}/…"}
	case same && literal(m.Host) && (isDrive(m.Host) || strings.HasPrefix(m.Host, `\\`)):
		return &fault{message: "is a path of Windows, which cannot be the same inside", remedy: `write "C:\\path:/path/inside"`}
	case !same && literal(m.Container) && !strings.HasPrefix(m.Container, "/"):
		return &fault{message: "has a path inside that is not absolute", remedy: mountRemedy}
	case literal(m.Container) && path.Clean(m.Container) == "/":
		return &fault{message: "takes the place of the whole file system inside", remedy: mountRemedy}
	}
	return nil
}

func isLiteral(text string) bool { return !strings.Contains(text, "${") }

func (e *entry) isolationMounts(iso *Isolation, v hujson.Value) {
	e.isolationList(v, func(at hujson.Value) {
		text, ok := e.text(at, e.key, shown(at))
		if !ok || e.noSecret(at, text) {
			return
		}
		m, wrong := parseMount(text)
		if wrong == nil {
			wrong = m.fault(isLiteral)
		}
		if wrong != nil {
			e.fail(at, shown(at), e.key+": a mount "+wrong.message, wrong.remedy)
			return
		}
		inside := func(o Mount) bool { return path.Clean(o.Container) == path.Clean(m.Container) }
		if slices.ContainsFunc(iso.Mounts, inside) {
			e.fail(at, shown(at), e.key+": another mount is at this path inside", "remove one of the two")
			return
		}
		iso.Mounts = append(iso.Mounts, m)
	})
}

// placeMounts makes the paths of resolved mounts absolute, and checks what could not be checked while they were references. dir is the
// resolved working directory.
func (i *Isolation) placeMounts(dir, workspace string) error {
	taken := map[string]string{}
	take := func(place, what string) error {
		if other := taken[place]; other != "" {
			return fmt.Errorf("%s and %s are at one path inside – remove one of the two", other, what)
		}
		taken[place] = what
		return nil
	}
	for n := range i.Mounts {
		m := &i.Mounts[n]
		same := m.samePath()
		if f := m.fault(func(string) bool { return true }); f != nil {
			return errors.New(sentence(mountOption(n)+": a mount "+f.message, "", f.remedy))
		}
		switch {
		case filepath.IsAbs(m.Host):
			m.Host = filepath.Clean(m.Host)
		case isDrive(m.Host): // of the engine's machine
		case strings.HasPrefix(m.Host, "/"):
			m.Host = path.Clean(m.Host)
		case workspace != "":
			m.Host = filepath.Join(workspace, m.Host)
		default:
			return fmt.Errorf("%s is relative, and the session has no workspace – write an absolute path", mountOption(n))
		}
		if same {
			m.Container = m.Host
		}
		m.Container = path.Clean(m.Container)
		if f := m.fault(func(string) bool { return true }); f != nil {
			return errors.New(sentence(mountOption(n)+": a mount "+f.message, "", f.remedy))
		}
		if err := take(m.Container, mountOption(n)); err != nil {
			return err
		}
	}
	for n, t := range i.Tmpfs {
		place, _, _ := strings.Cut(t, ":")
		if err := take(place, fmt.Sprintf("isolation.tmpfs[%d]", n)); err != nil {
			return err
		}
	}
	switch {
	case i.Dir == "":
		return nil
	case dir == "":
		return errors.New("isolation.working_dir is asked for, and there is no working directory – write working_dir, or start the client in a project")
	case isDrive(dir) || strings.HasPrefix(dir, `\\`):
		return errors.New(`isolation.working_dir is a path of Windows, which cannot be the same inside – mount it: "mounts": ["C:\\path:/path/inside"]`)
	}
	return take(path.Clean(filepath.ToSlash(dir)), "isolation.working_dir")
}
