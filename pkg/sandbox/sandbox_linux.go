package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// selfExe is the very program that runs, also after its file has been replaced by an update. A child that this process forks
// finds this program under it too.
const selfExe = "/proc/self/exe"

// order is what the re-executed process is told: paths and numbers, nothing of the program's environment.
type order struct {
	Method  Method   `json:"method"`
	Bwrap   *bwrap   `json:"bwrap,omitempty"`
	Dir     string   `json:"dir"`
	Grants  []grant  `json:"grants"`
	Links   []link   `json:"links,omitempty"`
	Tmp     string   `json:"tmp,omitempty"` // what /tmp is inside; "": what it is outside, if that is granted
	Network bool     `json:"network"`
	Sockets bool     `json:"sockets,omitempty"`
	Covered []string `json:"covered,omitempty"` // other programs' sockets in what it sees
	Memory  int64    `json:"memory,omitempty"`
}

func confine(spec Spec) (Confined, error) {
	m := found(context.Background())
	if m.Method == "" {
		return Confined{}, errors.New(m.Why)
	}
	return m.confine(spec)
}

func (m machine) confine(spec Spec) (_ Confined, err error) {
	if err := check(spec); err != nil {
		return Confined{}, err
	}
	p, err := newPrivate(spec.Private)
	if err != nil {
		return Confined{}, err
	}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	v := newView(spec.Home)
	if spec.Workspace != "" {
		v.workspace, _ = filepath.EvalSymlinks(spec.Workspace)
	}
	v.system()
	if err := v.program(spec.Path, spec.Env); err != nil {
		return Confined{}, err
	}
	if err := v.listed(spec); err != nil {
		return Confined{}, err
	}
	if m.Method != Landlock { // which cannot do that, see landlockGaps
		links, err := v.guard()
		if err != nil {
			return Confined{}, err
		}
		if links && m.Method == Bubblewrap && ownNamespaces() {
			m.Method = Namespaces
		}
	}
	var covered []string
	if spec.Sockets {
		if m.Method, err = m.forSockets(spec.Network); err != nil {
			return Confined{}, err
		}
		covered = v.othersSockets()
	}
	own, tmp, inTmp := []string{p.home}, p.tmp, ""
	if m.Method != Landlock && !v.visible("/tmp") { // with "/" the person has listed that too
		tmp, inTmp = "/tmp", p.tmp
	} else {
		own = append(own, p.tmp)
	}
	for _, dir := range own {
		if err := v.ours(dir, true); err != nil {
			return Confined{}, fmt.Errorf("the private directory %s of a sandbox cannot be used: %w", dir, cause(err))
		}
	}
	o := order{
		Method: m.Method, Bwrap: m.bwrap, Dir: p.home, Tmp: inTmp, Network: spec.Network, Memory: spec.Memory,
		Grants: v.sorted(), Links: v.links, Sockets: spec.Sockets, Covered: covered,
	}
	if spec.visibleDir() {
		o.Dir = spec.Dir
	}
	if m.Method == Landlock {
		if err := enforceable(o.Grants); err != nil {
			return Confined{}, err
		}
	}
	args, err := o.args(spec.Path, spec.Args)
	if err != nil {
		return Confined{}, err
	}
	return Confined{
		Path:    selfExe,
		Args:    args,
		Env:     carry(environ(spec.Env, p.home, tmp, v.visible)),
		Dir:     o.Dir,
		Release: p.release,
	}, nil
}

// args are those of this program as the hook.
func (o order) args(path string, args []string) ([]string, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return append([]string{hookArg, string(text), "--", path}, args...), nil
}

func (s Spec) visibleDir() bool { return s.Dir != "" && s.DirAccess != "" }

func check(spec Spec) error {
	switch spec.DirAccess {
	case "", "ro", "rw":
	default:
		return fmt.Errorf(`the access to the working directory is "ro" or "rw", not %q`, spec.DirAccess)
	}
	if spec.Memory < 0 {
		return fmt.Errorf("a memory limit of %d bytes is not valid", spec.Memory)
	}
	paths := []string{spec.Path, spec.Home}
	if spec.visibleDir() {
		paths = append(paths, spec.Dir)
	}
	for _, p := range spec.Paths {
		paths = append(paths, p.Path)
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%q is not an absolute path, which a sandbox needs", path)
		}
	}
	if info, err := os.Stat(spec.Path); err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not a program", spec.Path)
	}
	return nil
}
