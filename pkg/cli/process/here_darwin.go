package process

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Here returns the processes of this machine. Who holds the other end of a terminal is not told here: it is taken from the ancestors.
func Here() System {
	return System{Find: readProcess, Holders: func(uint64) []int { return nil }}
}

func readProcess(pid int) (p Process, ok bool) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(k.Proc.P_pid) != pid {
		return p, false
	}
	p.PID, p.Parent = pid, int(k.Eproc.Ppid)
	p.Start = uint64(k.Proc.P_starttime.Sec)*1_000_000 + uint64(k.Proc.P_starttime.Usec)
	p.Title = unix.ByteSliceToString(k.Proc.P_comm[:])
	if k.Eproc.Tdev > 0 {
		p.TTY = uint64(k.Eproc.Tdev)
	}
	p.Name = p.Title
	if args, err := unix.SysctlRaw("kern.procargs2", pid); err == nil {
		p.readArgs(args)
	}
	return p, true
}

// readArgs reads what the kernel keeps of execve(2): the number of arguments, the program's path, padding, arguments, environment.
func (p *Process) readArgs(data []byte) {
	if len(data) < 4 {
		return
	}
	n := int(binary.LittleEndian.Uint32(data))
	file, rest, ok := bytes.Cut(data[4:], []byte{0})
	if !ok {
		return
	}
	p.Name = filepath.Base(string(file))
	all := strings.Split(string(bytes.TrimLeft(rest, "\x00")), "\x00")
	n = min(max(n, 0), len(all))
	p.Args = all[:n]
	for _, kv := range all[n:] {
		if kv == "" {
			break
		}
		p.Environ = append(p.Environ, kv)
	}
}

// TTY returns the terminal that a file is. console is true where no program is at its other end.
func TTY(f *os.File) (tty uint64, console bool) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0, false
	}
	if major, minor := unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)); major == 2 && minor == 0 { // /dev/tty
		p, _ := readProcess(os.Getpid())
		return p.TTY, false
	}
	return uint64(uint32(st.Rdev)), false
}

// Boot names the time since the machine was started; start times are absolute here.
func Boot() string { return "" }
