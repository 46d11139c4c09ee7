package sandbox

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Errors that the filter answers with are those that programs are used to from somewhere: EPERM is Docker's, so is ENOSYS for
// clone3, whose flags a filter cannot see (libraries then use clone); EAFNOSUPPORT is systemd's and that of a kernel built without the
// family; EACCES says of a network that is off what it is: denied.
func errno(e unix.Errno) seccomp.Action { return seccomp.ActionErrno | seccomp.Action(e) }

// forbidden are system calls that no server needs and that reach other processes or the kernel's less tried parts. io_uring makes
// sockets past the filter; socketcall and ipc, of some 32-bit systems, hide what is asked for behind a pointer.
var forbidden = []string{
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd",
	"keyctl", "add_key", "request_key",
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount",
	"fspick", "mount_setattr", "quotactl", "quotactl_fd", "name_to_handle_at", "open_by_handle_at", "fanotify_init",
	"unshare", "setns",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "reboot", "swapon", "swapoff",
	"acct", "syslog", "iopl", "ioperm", "lookup_dcookie", "nfsservctl", "vhangup",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime",
	"socketcall", "ipc",
}

// sharedIPC reaches every process of the user where the program has no IPC namespace of its own.
var sharedIPC = []string{"shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"}

// newNamespaces are the flags of clone(2); CLONE_NEWTIME is not one of them.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// filter assembles what the program may not ask the kernel for. noSockets takes the Internet's from it too, for where there is no network namespace
// to do so; hostIPC says that there is no IPC namespace either.
//
// Values are compared as 64 bits while the kernel looks at 32: so nothing is denied because it equals something, but because
// it does not equal what is allowed (socket(AF_UNIX | 1<<32) is a Unix socket).
func filter(noSockets, hostIPC bool) ([]unix.SockFilter, error) {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		return nil, fmt.Errorf("the sandbox has no system call filter for this processor: %w", err)
	}
	denied := forbidden
	if hostIPC {
		denied = slices.Concat(denied, sharedIPC)
	}
	unknown := func(name string) bool { _, ok := info.SyscallNames[name]; return !ok }
	policy := seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: append([]seccomp.SyscallGroup{
		{Action: errno(unix.EPERM), Names: slices.DeleteFunc(slices.Clone(denied), unknown)},
		{Action: errno(unix.ENOSYS), Names: []string{"clone3"}},
		{Action: errno(unix.EPERM), NamesWithCondtions: []call{
			{Name: "clone", Conditions: conditions{{Argument: 0, Operation: seccomp.BitsSet, Value: newNamespaces}}},
			{Name: "prlimit64", Conditions: except(0, 0)}, // 0 is the process itself
		}},
	}, sockets(noSockets)...)}
	rules, err := policy.Assemble()
	if err != nil {
		return nil, fmt.Errorf("the sandbox's system call filter cannot be made: %w", err)
	}
	// The library lets another instruction set's calls pass, and with int 0x80 an amd64 program makes those of 386.
	guard := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4}, // seccomp_data.arch
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionKillProcess)},
	}
	raw, err := bpf.Assemble(append(guard, rules...))
	if err != nil {
		return nil, fmt.Errorf("the sandbox's system call filter cannot be made: %w", err)
	}
	var program []unix.SockFilter
	for _, i := range raw {
		program = append(program, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	return program, nil
}

type (
	call       = seccomp.NameWithConditions
	conditions = seccomp.ArgumentConditions
)

// sockets are the rules for socket(2), which makes none but of the Internet, and socketpair(2), which programs need to talk with their
// children: but no datagram sockets, since those can be sent elsewhere afterwards.
func sockets(none bool) []seccomp.SyscallGroup {
	stream := []uint64{}
	for _, kind := range []uint64{unix.SOCK_STREAM, unix.SOCK_SEQPACKET} {
		stream = append(stream, kind, kind|unix.SOCK_CLOEXEC, kind|unix.SOCK_NONBLOCK, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	}
	pairs := seccomp.SyscallGroup{Action: errno(unix.EAFNOSUPPORT), NamesWithCondtions: []call{
		{Name: "socketpair", Conditions: except(0, unix.AF_UNIX)},
		{Name: "socketpair", Conditions: except(1, stream...)},
	}}
	if none {
		denied := seccomp.SyscallGroup{Action: errno(unix.EACCES)}
		for _, family := range []uint64{unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK} {
			denied.NamesWithCondtions = append(denied.NamesWithCondtions,
				call{Name: "socket", Conditions: conditions{{Argument: 0, Operation: seccomp.Equal, Value: family}}})
		}
		return []seccomp.SyscallGroup{pairs, denied, {Action: errno(unix.EAFNOSUPPORT), Names: []string{"socket"}}}
	}
	return []seccomp.SyscallGroup{pairs, {Action: errno(unix.EAFNOSUPPORT), NamesWithCondtions: []call{
		{Name: "socket", Conditions: except(0, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK)},
		// Of AF_NETLINK the protocol that lists addresses and routes, which getaddrinfo(3) asks for.
		{Name: "socket", Conditions: append(except(0, unix.AF_INET, unix.AF_INET6), except(2, unix.NETLINK_ROUTE)...)},
	}}}
}

// except matches a call whose argument is none of the allowed values.
func except(argument uint32, allowed ...uint64) (all conditions) {
	for _, value := range allowed {
		all = append(all, seccomp.Condition{Argument: argument, Operation: seccomp.NotEqual, Value: value})
	}
	return all
}

// install puts the filter on this thread, for good. It needs no_new_privs.
func install(program []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return fmt.Errorf("the sandbox's system call filter cannot be installed: %w", e)
	}
	return nil
}

// inMemory makes a file of the filter, as bubblewrap reads it (struct sock_filter[]), that is inherited.
func inMemory(program []unix.SockFilter) (fd int, err error) {
	var b []byte
	for _, i := range program {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	fd, err = unix.MemfdCreate("seccomp", 0)
	if err == nil {
		_, err = unix.Pwrite(fd, b, 0) // leaves the position at the start
	}
	if err != nil {
		return 0, fmt.Errorf("the sandbox's system call filter cannot be passed on: %w", err)
	}
	return fd, nil
}
