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
//
// What is in no table is denied: with EPERM, or with ENOSYS if it is newer than all that is known here, so that programs do without.

// newNamespaces are the flags of clone(2).
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// filter is what the program may ask the kernel for. noSockets takes the Internet's from it too, for where there is no network
// namespace to do so; local gives it Unix sockets; shared says that there are no namespaces at all: it has the processes, the System V objects and the paths of
// the person's.
func filter(noSockets, shared, local bool) ([]unix.SockFilter, error) {
	if auditArch == 0 {
		return nil, errors.New("its sandbox has no system call filter for the processor type " + runtime.GOARCH)
	}
	f := rules{load(archAt), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(unix.SECCOMP_RET_KILL_PROCESS), load(numberAt)}
	f = append(f, foreign...)
	f.on(unix.SYS_CLONE3, fail(unix.ENOSYS))
	f.on(unix.SYS_CLONE, argument(0), jump(unix.BPF_JSET, newNamespaces, 0, 1), fail(unix.EPERM), allow)
	f.on(unix.SYS_PRLIMIT64, argument(0), jump(unix.BPF_JEQ, 0, 1, 0), fail(unix.EPERM), allow) // 0 is the process itself
	f.sockets(noSockets, local)
	f.values(unix.SYS_PERSONALITY, 0, unix.EPERM, 0, 0xffffffff) // the latter asks
	f.values(unix.SYS_PRCTL, 0, unix.EINVAL, processControls...)
	f.on(unix.SYS_IOCTL, fileControls()...)
	allowed := slices.Concat(append(calls, callsHere)...)
	if shared {
		f.sharedAnswers()
	} else {
		allowed = slices.Concat(allowed, ownIPC, attributes, byPID, chownHere, []uint32{unix.SYS_FCHOWNAT, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET})
	}
	f.ranges(allowed)
	return append(f, jump(unix.BPF_JGT, newest, 0, 1), fail(unix.ENOSYS), fail(unix.EPERM)), nil
}

// sockets answers for their families.
func (f *rules) sockets(noSockets, local bool) {
	if local {
		f.on(unix.SYS_SOCKETPAIR, argument(0), jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 1), allow, fail(unix.EAFNOSUPPORT))
		f.on(unix.SYS_SOCKET, argument(0), jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 1), allow, load(numberAt)) // others come to the next rule
	}
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
}

// sharedAnswers are for what Landlock does not know: the program acts upon itself, and upon files that it could open.
func (f *rules) sharedAnswers() {
	for _, number := range attributes {
		f.on(number, fail(unix.EOPNOTSUPP)) // as of a file system that has none
	}
	for _, number := range byPID {
		f.on(number, argument(0), jump(unix.BPF_JEQ, 0, 1, 0), fail(unix.EPERM), allow)
	}
	// Whom a priority is for is told by two arguments: a process, and 0 for the one that calls.
	self := func(process uint32) []unix.SockFilter {
		return []unix.SockFilter{argument(0), jump(unix.BPF_JEQ, process, 0, 2), argument(1), jump(unix.BPF_JEQ, 0, 1, 0), fail(unix.EPERM), allow}
	}
	f.on(unix.SYS_SETPRIORITY, self(unix.PRIO_PROCESS)...)
	const whoProcess = 1 // IOPRIO_WHO_PROCESS
	f.on(unix.SYS_IOPRIO_SET, self(whoProcess)...)
}

// processControls are the options of prctl(2) that change nothing but the process itself, in ways that do no harm.
var processControls = []uint32{
	unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_PDEATHSIG, unix.PR_GET_PDEATHSIG, unix.PR_SET_DUMPABLE, unix.PR_GET_DUMPABLE,
	unix.PR_SET_CHILD_SUBREAPER, unix.PR_GET_CHILD_SUBREAPER, unix.PR_SET_TIMERSLACK, unix.PR_GET_TIMERSLACK,
	unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS, unix.PR_SET_SECCOMP, unix.PR_GET_SECCOMP, unix.PR_SET_PTRACER,
	unix.PR_CAPBSET_READ, unix.PR_CAPBSET_DROP, unix.PR_CAP_AMBIENT, unix.PR_GET_KEEPCAPS, unix.PR_SET_KEEPCAPS, unix.PR_GET_SECUREBITS,
	unix.PR_SET_THP_DISABLE, unix.PR_GET_THP_DISABLE, unix.PR_SET_VMA, unix.PR_GET_TID_ADDRESS, unix.PR_SET_MDWE, unix.PR_GET_MDWE,
	unix.PR_GET_SPECULATION_CTRL, unix.PR_SET_SPECULATION_CTRL, unix.PR_GET_AUXV, unix.PR_GET_TSC,
	unix.PR_SVE_SET_VL, unix.PR_SVE_GET_VL, unix.PR_SME_SET_VL, unix.PR_SME_GET_VL, unix.PR_PAC_RESET_KEYS, unix.PR_PAC_SET_ENABLED_KEYS,
	unix.PR_PAC_GET_ENABLED_KEYS, unix.PR_SET_TAGGED_ADDR_CTRL, unix.PR_GET_TAGGED_ADDR_CTRL,
}

// fileControls answers ioctl(2): terminals, but for what types or reads in somebody else's; questions about sockets and files; copies.
// Others change attributes of files that were opened for reading alone, or reach drivers.
func fileControls() (f []unix.SockFilter) {
	const terminals, sockets = 0x5400, 0x8900 // the second byte is the kind
	f = append(f, argument(1))
	for _, denied := range []uint32{unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCCONS, unix.TIOCSETD} {
		f = append(f, jump(unix.BPF_JEQ, denied, 0, 1), fail(unix.EPERM))
	}
	for _, control := range []uint32{unix.FICLONE, unix.FICLONERANGE, unix.FIDEDUPERANGE, unix.FS_IOC_GETFLAGS, fiemap, getAttributes, unix.BLKGETSIZE64} {
		f = append(f, jump(unix.BPF_JEQ, control, 0, 1), allow)
	}
	return append(f, and(0xff00), jump(unix.BPF_JEQ, terminals, 1, 0), jump(unix.BPF_JEQ, sockets, 0, 1), allow, fail(unix.ENOTTY))
}

const (
	fiemap        = 0xc020660b // FS_IOC_FIEMAP: where the holes of a file are
	getAttributes = 0x801c581f // FS_IOC_FSGETXATTR
)

const numberAt, archAt = 0, 4 // in struct seccomp_data

type rules []unix.SockFilter

// on adds what is done for a call, which ends with an answer. The accumulator holds the call's number before and after.
func (f *rules) on(number uint32, then ...unix.SockFilter) {
	*f = append(append(*f, jump(unix.BPF_JEQ, number, 0, uint8(len(then)))), then...)
}

// values allows a call whose argument has one of the values, and answers the others with an error.
func (f *rules) values(number uint32, arg uint32, or unix.Errno, values ...uint32) {
	then := []unix.SockFilter{argument(arg)}
	for _, v := range values {
		then = append(then, jump(unix.BPF_JEQ, v, 0, 1), allow)
	}
	f.on(number, append(then, fail(or))...)
}

// ranges allows calls. Their numbers lie close together: a few dozen ranges are compared, from the lowest.
func (f *rules) ranges(numbers []uint32) {
	slices.Sort(numbers)
	for i := 0; i < len(numbers); {
		end := i
		for end+1 < len(numbers) && numbers[end+1] <= numbers[end]+1 {
			end++
		}
		*f = append(*f, jump(unix.BPF_JGT, numbers[end], 2, 0), jump(unix.BPF_JGE, numbers[i], 0, 1), allow)
		i = end + 1
	}
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
