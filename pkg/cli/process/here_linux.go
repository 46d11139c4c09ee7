package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ptsMajor is the device number of the terminals that programs make (Documentation/admin-guide/devices.txt).
const ptsMajor = 136

// Here returns the processes of this machine, or of this container. A process is read once. It is for one goroutine.
func Here() System {
	read := map[int]Process{}
	find := func(pid int) (Process, bool) {
		if p, ok := read[pid]; ok {
			return p, true
		}
		p, ok := readProcess(pid)
		if ok {
			read[pid] = p
		}
		return p, ok
	}
	return System{Find: find, Holders: holders, Named: named}
}

func proc(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

func readProcess(pid int) (p Process, ok bool) {
	stat, err := os.ReadFile(proc(pid, "stat"))
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')') // the title may have any characters
	if err != nil || open < 0 || end < open {
		return p, false
	}
	f := strings.Fields(string(stat[end+1:])) // from state, the third of proc(5)
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return p, false
	}
	p.PID, p.Title = pid, string(stat[open+1:end])
	p.Parent, _ = strconv.Atoi(f[1])
	tty, _ := strconv.ParseUint(f[4], 10, 32)
	if tty != 0 {
		p.TTY = device(uint32(tty>>8&0xfff), uint32(tty&0xff|tty>>12&0xfff00))
	}
	p.Start, _ = strconv.ParseUint(f[19], 10, 64)
	if exe, err := os.Readlink(proc(pid, "exe")); err == nil {
		p.Name = strings.TrimSuffix(filepath.Base(exe), " (deleted)")
	}
	p.Args, p.Environ = texts(proc(pid, "cmdline")), texts(proc(pid, "environ"))
	p.Piped = piped(proc(pid, "fd/0")) && piped(proc(pid, "fd/1"))
	return p, true
}

func piped(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// texts reads a list of texts that each end in a NUL.
func texts(file string) []string {
	data, _ := os.ReadFile(file)
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

func device(major, minor uint32) uint64 { return uint64(major)<<32 | uint64(minor) }

// TTY returns the terminal that a file is. console is true where no program is at its other end.
func TTY(f *os.File) (tty uint64, console bool) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0, false
	}
	major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev)
	if major == 5 && minor == 0 { // /dev/tty, whichever that is
		p, _ := readProcess(os.Getpid())
		return p.TTY, p.TTY != 0 && p.TTY>>32 != ptsMajor
	}
	return device(major, minor), major != ptsMajor
}

// holders looks for the terminal's other end among the files of all processes that may be looked at.
func holders(tty uint64) (all []int) {
	if tty>>32 != ptsMajor {
		return nil
	}
	want := fmt.Appendf(nil, "tty-index:\t%d\n", uint32(tty))
	for _, pid := range pids() {
		fds, _ := os.ReadDir(proc(pid, "fd"))
		for _, fd := range fds {
			link, err := os.Readlink(proc(pid, "fd/"+fd.Name()))
			if err != nil || filepath.Base(link) != "ptmx" {
				continue
			}
			if info, err := os.ReadFile(proc(pid, "fdinfo/"+fd.Name())); err == nil && bytes.Contains(info, want) {
				all = append(all, pid)
				break
			}
		}
	}
	return all
}

func named(title string) (all []Process) {
	for _, pid := range pids() {
		if comm, err := os.ReadFile(proc(pid, "comm")); err == nil && strings.TrimSuffix(string(comm), "\n") == title {
			if p, ok := readProcess(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

func pids() (all []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// Boot names the time since the machine was started: a start time of another one means nothing.
func Boot() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}
