package mcptest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	freeze = syscall.SIGSTOP
	thaw   = syscall.SIGCONT
)

// engineMissing tells why there can be no engine here.
func engineMissing() error {
	if os.Getenv(EnvEngine) == "" {
		return errors.New(EnvEngine + " is not set; engines are started where it is, as in .ci/run")
	}
	if os.Getuid() != 0 {
		return errors.New("dockerd runs as root")
	}
	if _, err := engineProgram("dockerd"); err != nil {
		return err
	}
	// Root in a container may not make namespaces.
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("no namespaces: %w", err)
	}
	return nil
}

// engineMounts gives what is mounted at or under a folder, as seen from this process; what is to be unmounted first comes first.
func engineMounts(dir string) []string {
	b, _ := os.ReadFile("/proc/self/mounts")
	var found []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1]+"/", dir+"/") {
			found = append(found, f[1])
		}
	}
	slices.Reverse(found)
	return found
}

// link joins the keeper's network namespace with ours and gives our address on
// that link. The link goes with the namespace.
func (k *engineKeeper) link(o engineOptions) (ours string, err error) {
	if !o.bridge {
		return "", nil
	}
	name := linkName(k.pid)
	ours, theirs, err := linkAddresses()
	if err == nil {
		err = ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(k.pid))
	}
	if err == nil {
		err = ip("addr", "add", ours+"/30", "dev", name)
	}
	if err == nil {
		err = ip("link", "set", name, "up")
	}
	if err == nil {
		_, err = k.order(engineOrder{Do: "link", Argv: []string{theirs + "/30", ours}}, engineTimeout)
	}
	return ours, err
}

func linkName(keeper int) string { return "mcpt" + strconv.Itoa(keeper) }

// linkAddresses picks two addresses of the range for tests of interconnections, RFC 2544 appendix C.2.2, that nobody here has.
func linkAddresses() (ours, theirs string, err error) {
	used, err := net.InterfaceAddrs()
	if err != nil {
		return "", "", err
	}
	for range 100 {
		net4 := net.IPv4(198, 18+byte(rand.IntN(2)), byte(rand.IntN(256)), byte(rand.IntN(64)*4)).To4()
		free := true
		for _, a := range used {
			n, ok := a.(*net.IPNet)
			free = free && (!ok || !n.Contains(net4))
		}
		if free {
			one, two := net.IPv4(net4[0], net4[1], net4[2], net4[3]+1), net.IPv4(net4[0], net4[1], net4[2], net4[3]+2)
			return one.String(), two.String(), nil
		}
	}
	return "", "", errors.New("no free addresses for a link")
}

func ip(args ...string) error {
	program, err := engineProgram("ip")
	if err != nil {
		return fmt.Errorf("needs iproute2: %w", err)
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
