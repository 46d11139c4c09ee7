package sandbox

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Versions of Landlock's ABI, and the kernels that have them.
const (
	abiTruncate = 3 // Linux 6.2. What is older lets files be emptied that may not be written: it is not used.
	abiTCP      = 4 // Linux 6.7
	abiScope    = 6 // Linux 6.12: signals and abstract Unix sockets
)

// configs are Landlock's restrictions by ABI.
var configs = []landlock.Config{
	{}, landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6, landlock.V7, landlock.V8, landlock.V9, landlock.V10, landlock.V11,
}

// devices are what programs expect to be able to open, and can do no harm with.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

func landlockABI() int {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return abi
}

// restrict confines this thread, and so the program that it executes, without bubblewrap. Everything that Landlock knows of is
// asked for, nothing at best effort: what the kernel does not take is an error.
func (o order) restrict() error {
	abi := landlockABI()
	if abi < abiTruncate {
		return fmt.Errorf("its sandbox needs Landlock ABI %d (Linux 6.2); this kernel has %d", abiTruncate, abi)
	}
	program, err := filter(!o.Network, true, false)
	if err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("its capabilities cannot be dropped: %w", err)
	}
	config := configs[min(abi, len(configs)-1)]
	if o.Network {
		config.HandledAccessNet = 0
	}
	rules, err := o.rules()
	if err != nil {
		return err
	}
	if err := config.Restrict(rules...); err != nil { // sets no_new_privs
		return fmt.Errorf("its sandbox cannot be made with Landlock: %w", err)
	}
	return install(program)
}

// rules are by descriptor: nobody can put a link in the place of what was checked. The descriptors are closed when the program is executed.
func (o order) rules() ([]landlock.Rule, error) {
	rules := []landlock.Rule{landlock.RODirs("/proc"), landlock.RWFiles(devices...)}
	for _, g := range o.Grants {
		path := g.Path
		if path != selfExe { // a link of the kernel's
			fd, err := opened(path)
			if err != nil {
				return nil, fmt.Errorf("%q changed after it was checked: %w", path, err)
			}
			path = fmt.Sprintf("/proc/self/fd/%d", fd)
		}
		switch {
		case g.Write && g.File:
			rules = append(rules, landlock.RWFiles(path))
		case g.Write:
			rules = append(rules, landlock.RWDirs(path).WithRefer())
		case g.File:
			rules = append(rules, landlock.ROFiles(path))
		default:
			rules = append(rules, landlock.RODirs(path))
		}
	}
	return rules, nil
}

// enforceable refuses what Landlock cannot do: rights add up on the way down, so that nothing in a writable directory is read-only.
func enforceable(grants []grant) error {
	for _, inner := range grants {
		for _, outer := range grants {
			if outer.Write && !inner.Write && within(inner.Path, outer.Path) {
				return fmt.Errorf("%s cannot be read-only in %s, which is writable: that takes bubblewrap; install it, or list the two otherwise",
					inner.Path, outer.Path)
			}
		}
	}
	return nil
}

// dropCapabilities gives up, for root, what makes it more than another user.
func dropCapabilities() error {
	for c := uintptr(0); c < 64; c++ {
		if unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) == unix.EINVAL { // EPERM: no root, so there is nothing in the way of no_new_privs
			break
		}
	}
	unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
