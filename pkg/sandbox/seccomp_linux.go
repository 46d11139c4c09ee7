package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter is a classic BPF program (https://docs.kernel.org/userspace-api/seccomp_filter.html) of our own, for two reasons seen in
// elastic/go-seccomp-bpf 1.6: it lets calls of another instruction set pass, with which int 0x80 undoes an amd64 filter, and
// after a rule that looked at an argument it takes that for the call's number.
//
// Errors that it answers with are those that programs are used to from somewhere: EPERM is Docker's, so is ENOSYS for
// clone3, whose flags a filter cannot see (libraries then use clone); EAFNOSUPPORT is systemd's and that of a kernel built without the
// family; EACCES says of a network that is off what it is: denied.

// forbidden are system calls that no server needs and that reach other processes or the kernel's less tried parts. io_uring
// makes sockets past the filter.
var forbidden = []uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
	unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOVE_MOUNT,
	unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_KEXEC_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_REBOOT,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_VHANGUP,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
}

// sharedIPC reaches every process of the user where the program has no IPC namespace of its own.
var sharedIPC = []uint32{
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SEMGET, unix.SYS_SEMCTL,
	unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
}

// newNamespaces are the flags of clone(2).
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// filter is what the program may not ask the kernel for. noSockets takes the Internet's from it too, for where there is no network
// namespace to do so; hostIPC says that there is no IPC namespace either.
func filter(noSockets, hostIPC bool) ([]unix.SockFilter, error) {
	if auditArch == 0 {
		return nil, errors.New("its sandbox has no system call filter for the processor type " + runtime.GOARCH)
	}
	const numberAt, archAt = 0, 4 // in struct seccomp_data
	f := rules{load(archAt), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(unix.SECCOMP_RET_KILL_PROCESS), load(numberAt)}
	f = append(f, foreign...)
	for _, number := range slices.Concat(forbidden, forbiddenHere) {
		f.on(number, fail(unix.EPERM))
	}
	if hostIPC {
		for _, number := range slices.Concat(sharedIPC, semaphoreCalls) {
			f.on(number, fail(unix.EPERM))
		}
	}
	f.on(unix.SYS_CLONE3, fail(unix.ENOSYS))
	f.on(unix.SYS_CLONE, argument(0), jump(unix.BPF_JSET, newNamespaces, 0, 1), fail(unix.EPERM), allow)
	f.on(unix.SYS_PRLIMIT64, argument(0), jump(unix.BPF_JEQ, 0, 1, 0), fail(unix.EPERM), allow) // 0 is the process itself
	// A pair of datagram sockets is denied since those can be turned to somebody else afterwards; for the kernel SOCK_RAW is the same.
	f.on(unix.SYS_SOCKETPAIR, argument(0), jump(unix.BPF_JEQ, unix.AF_UNIX, 1, 0), fail(unix.EAFNOSUPPORT),
		argument(1), and(0xf), jump(unix.BPF_JEQ, unix.SOCK_STREAM, 2, 0), jump(unix.BPF_JEQ, unix.SOCK_SEQPACKET, 1, 0), fail(unix.EAFNOSUPPORT), allow)
	internet := allow
	if noSockets {
		internet = fail(unix.EACCES)
	}
	// Of AF_NETLINK there is the protocol that lists addresses and routes, which getaddrinfo(3) asks for.
	f.on(unix.SYS_SOCKET, argument(0), jump(unix.BPF_JEQ, unix.AF_INET, 4, 0), jump(unix.BPF_JEQ, unix.AF_INET6, 3, 0),
		jump(unix.BPF_JEQ, unix.AF_NETLINK, 0, 3), argument(2), jump(unix.BPF_JEQ, unix.NETLINK_ROUTE, 0, 1), internet, fail(unix.EAFNOSUPPORT))
	return append(f, allow), nil
}

type rules []unix.SockFilter

// on adds what is done for a call, which ends with an answer. The accumulator holds the call's number before and after.
func (f *rules) on(number uint32, then ...unix.SockFilter) {
	*f = append(append(*f, jump(unix.BPF_JEQ, number, 0, uint8(len(then)))), then...)
}

var allow = ret(unix.SECCOMP_RET_ALLOW)

func fail(e unix.Errno) unix.SockFilter { return ret(unix.SECCOMP_RET_ERRNO | uint32(e)) }
func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}
func and(mask uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask}
}
func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

// argument loads the lower half of an argument (of a little-endian machine), which is all that the kernel looks at where it is an int.
func argument(i uint32) unix.SockFilter { return load(16 + 8*i) }

func jump(test uint16, value uint32, ifTrue, ifFalse uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, K: value, Jt: ifTrue, Jf: ifFalse}
}

// install puts the filter on this thread, for good. It needs no_new_privs.
func install(program []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return fmt.Errorf("its system call filter cannot be installed: %w", e)
	}
	return nil
}

// encoded is the filter as bubblewrap reads it (struct sock_filter[]).
func encoded(program []unix.SockFilter) []byte {
	var b []byte
	for _, i := range program {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b
}

// inMemory makes a file that is inherited, and is nowhere on disk.
func inMemory(name string, content []byte) (fd int, err error) {
	if fd, err = unix.MemfdCreate(name, 0); err == nil {
		_, err = unix.Pwrite(fd, content, 0) // leaves the position at the start
	}
	return fd, err
}
