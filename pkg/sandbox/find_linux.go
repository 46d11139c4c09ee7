package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// probeLimit bounds one try to run something in a sandbox. It takes milliseconds, and a second where an editor starts all at once.
const probeLimit = 10 * time.Second

// machine is what a sandbox is made with here.
type machine struct {
	Abilities
	bwrap *bwrap
}

// again is how long something less than bubblewrap is taken for all there is: a machine out of breath fails a probe once.
const again = 30 * time.Second

// attempt is one look for what sandboxes are made with.
type attempt struct {
	done   chan struct{} // closed when result and at are set
	result machine
	at     time.Time
}

// stale tells whether it is worth looking again.
func (s *attempt) stale() bool {
	select {
	case <-s.done:
		return s.result.Method != Bubblewrap && s.result.Method != Namespaces && time.Since(s.at) > again
	default:
		return false
	}
}

var (
	finding sync.Mutex
	latest  *attempt // nil: nobody has looked yet
)

func find(ctx context.Context) Abilities { return found(ctx).Abilities }

// found looks once a process, unless that showed less than bubblewrap; a caller that gives up does not end the search, which its bounds end.
func found(ctx context.Context) machine {
	finding.Lock()
	if latest == nil || latest.stale() {
		s := &attempt{done: make(chan struct{})}
		latest = s
		go func() {
			s.result, s.at = look(), time.Now()
			close(s.done)
		}()
	}
	s := latest
	finding.Unlock()
	select {
	case <-s.done:
		return s.result
	case <-ctx.Done():
		return machine{Abilities: Abilities{Why: "checking this machine's sandbox failed: " + context.Cause(ctx).Error()}}
	}
}

func look() machine {
	m, noBwrap := lookForBwrap()
	if noBwrap == nil {
		return m
	}
	m, noNamespaces := lookForNamespaces()
	if noNamespaces == nil {
		return m
	}
	m, noLandlock := lookForLandlock()
	if noLandlock == nil {
		m.Why = fmt.Sprintf("%v; nor can this program make namespaces (%v)", noBwrap, noNamespaces)
		return m
	}
	return machine{Abilities: Abilities{Why: fmt.Sprintf("no sandbox can be made here: %v; this program cannot make namespaces (%v); and %v", noBwrap, noNamespaces, noLandlock)}}
}

// lookForBwrap lets bubblewrap tell its version from within a sandbox.
func lookForBwrap() (machine, error) {
	for _, path := range bwrapPlaces {
		if unix.Access(path, unix.X_OK) != nil {
			continue
		}
		version, err := output(path, "--version")
		if err != nil {
			return machine{}, fmt.Errorf("%s does not run: %w", path, err)
		}
		number, recent := bwrapVersion(version)
		m := machine{Abilities{Method: Bubblewrap, Version: number}, &bwrap{path, recent}}
		v := newView("/")
		v.system()
		inside, err := try(order{Method: Bubblewrap, Bwrap: m.bwrap, Dir: "/", Grants: v.sorted(), Links: v.links}, path, "--version")
		if err == nil && inside != version {
			err = errors.New("it printed something unexpected inside")
		}
		if err != nil {
			return machine{}, fmt.Errorf("bubblewrap cannot make a sandbox here (%w)%s", err, userNamespaces())
		}
		return m, nil
	}
	return machine{}, errors.New("bubblewrap is not installed; install it (apt install bubblewrap, dnf install bubblewrap)")
}

// ownNamespaces tells whether this program can make namespaces here, also where bubblewrap does.
var ownNamespaces = sync.OnceValue(func() bool { _, err := lookForNamespaces(); return err == nil })

// lookForNamespaces runs this program in namespaces of its own, where it looks whether it is confined.
func lookForNamespaces() (machine, error) {
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return machine{}, err
	}
	m := machine{Abilities: Abilities{Method: Namespaces, Version: "Linux " + unix.ByteSliceToString(kernel.Release[:])}}
	v := newView("/")
	v.system()
	if _, err := try(order{Method: Namespaces, Dir: "/", Grants: v.sorted(), Links: v.links}, selfExe, hookArg, probeArg); err != nil {
		return machine{}, err
	}
	return m, nil
}

// lookForLandlock runs this program confined, which looks whether it is.
func lookForLandlock() (machine, error) {
	abi := landlockABI()
	if abi < abiTruncate {
		return machine{}, fmt.Errorf("the kernel lacks Landlock ABI %d (Linux 6.2, with landlock among the security modules in its parameter lsm=)", abiTruncate)
	}
	m := machine{Abilities: Abilities{Method: Landlock, Version: fmt.Sprintf("ABI %d", abi), Gaps: gapsOf(abi)}}
	v := newView("/")
	v.system() // of which this program needs nothing, unless it is linked dynamically
	if _, err := try(order{Method: Landlock, Dir: "/", Grants: append(v.sorted(), grant{Path: selfExe, File: true})}, selfExe, hookArg, probeArg); err != nil {
		return machine{}, fmt.Errorf("the kernel's Landlock cannot make a sandbox here (%w)", err)
	}
	return m, nil
}

// try runs a program in a sandbox and gives what it prints.
func try(o order, path string, args ...string) (string, error) {
	hook, err := o.args(path, args)
	if err != nil {
		return "", err
	}
	return output(selfExe, hook...)
}

func output(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{}
	cmd.WaitDelay = time.Second
	token, err := Token()
	if err != nil {
		return "", err
	}
	defer token.Close()
	cmd.ExtraFiles = []*os.File{token}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %v", probeLimit)
	} else if line := lastLine(stderr.String()); err != nil && line != "" {
		err = errors.New(line)
	}
	return string(out), err
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// userNamespaces tells what usually keeps bubblewrap from working, and the remedy.
func userNamespaces() string {
	is := func(file, value string) bool {
		b, err := os.ReadFile("/proc/sys/" + file)
		return err == nil && strings.TrimSpace(string(b)) == value
	}
	switch {
	case is("kernel/apparmor_restrict_unprivileged_userns", "1"):
		return "; AppArmor keeps programs from user namespaces: an administrator can allow bubblewrap (Ubuntu: apt install apparmor-profiles, then enable its profile bwrap-userns-restrict)"
	case is("kernel/unprivileged_userns_clone", "0"):
		return "; only root may create user namespaces: an administrator can change that (sysctl kernel.unprivileged_userns_clone=1)"
	case is("user/max_user_namespaces", "0"):
		return "; user namespaces are turned off: an administrator can change that (sysctl user.max_user_namespaces=10000)"
	}
	return ""
}

// probed is the exit status of a program that looks around in its sandbox: 0 if it is one.
func probed() int {
	_, err := os.ReadDir("/")
	var root unix.Statfs_t // with namespaces it may list the root, which is one of its own
	own := unix.Statfs("/", &root) == nil && root.Type == unix.TMPFS_MAGIC && root.Flags&unix.ST_RDONLY != 0 && os.Getppid() == 1
	fd, socketErr := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil && !own || socketErr == nil {
		fmt.Fprintln(os.Stderr, "it isolates nothing:", err, fd, socketErr)
		return 1
	}
	return 0
}
