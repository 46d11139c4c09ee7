package sandbox

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// answer is what a filter says to a call; the kernel's interpreter in small.
func answer(t *testing.T, program []unix.SockFilter, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	data := make([]uint32, 16) // struct seccomp_data
	data[0], data[1] = number, arch
	for i, a := range args {
		data[4+2*i], data[5+2*i] = uint32(a), uint32(a>>32)
	}
	var acc uint32
	for pc := 0; pc < len(program); pc++ {
		i := program[pc]
		var met bool
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = data[i.K/4]
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= i.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			met = acc == i.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			met = acc >= i.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			met = acc > i.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			met = acc&i.K != 0
		default:
			t.Fatalf("instruction %d: unknown code %#x", pc, i.Code)
		}
		if met {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

// Many calls are denied by more than the filter, so that an attack does not show what it does.
func TestFilter(t *testing.T) {
	if auditArch == 0 {
		missing(t, "a filter for this processor")
	}
	const yes = unix.SECCOMP_RET_ALLOW
	no := func(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD
	type test struct {
		name   string
		number uint32
		args   []uint64
		want   uint32
	}
	args := func(a ...uint64) []uint64 { return a }
	both := []test{
		{"ptrace", unix.SYS_PTRACE, nil, no(unix.EPERM)},
		{"process_vm_writev", unix.SYS_PROCESS_VM_WRITEV, nil, no(unix.EPERM)},
		{"pidfd_getfd", unix.SYS_PIDFD_GETFD, nil, no(unix.EPERM)},
		{"mount", unix.SYS_MOUNT, nil, no(unix.EPERM)},
		{"umount2", unix.SYS_UMOUNT2, nil, no(unix.EPERM)},
		{"move_mount", unix.SYS_MOVE_MOUNT, nil, no(unix.EPERM)},
		{"open_tree", unix.SYS_OPEN_TREE, nil, no(unix.EPERM)},
		{"fsopen", unix.SYS_FSOPEN, nil, no(unix.EPERM)},
		{"pivot_root", unix.SYS_PIVOT_ROOT, nil, no(unix.EPERM)},
		{"chroot", unix.SYS_CHROOT, nil, no(unix.EPERM)},
		{"setns", unix.SYS_SETNS, nil, no(unix.EPERM)},
		{"unshare", unix.SYS_UNSHARE, nil, no(unix.EPERM)},
		{"bpf", unix.SYS_BPF, nil, no(unix.EPERM)},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, nil, no(unix.EPERM)},
		{"userfaultfd", unix.SYS_USERFAULTFD, nil, no(unix.EPERM)},
		{"kexec_load", unix.SYS_KEXEC_LOAD, nil, no(unix.EPERM)},
		{"finit_module", unix.SYS_FINIT_MODULE, nil, no(unix.EPERM)},
		{"add_key", unix.SYS_ADD_KEY, nil, no(unix.EPERM)},
		{"request_key", unix.SYS_REQUEST_KEY, nil, no(unix.EPERM)},
		{"io_uring_enter", unix.SYS_IO_URING_ENTER, nil, no(unix.EPERM)},
		{"open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, nil, no(unix.EPERM)},
		{"clone3", unix.SYS_CLONE3, nil, no(unix.ENOSYS)},
		{"clone of a thread", unix.SYS_CLONE, args(thread), yes},
		{"clone of a process", unix.SYS_CLONE, args(uint64(unix.SIGCHLD)), yes},
		{"clone with a user namespace", unix.SYS_CLONE, args(unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)), no(unix.EPERM)},
		{"clone with a network namespace", unix.SYS_CLONE, args(unix.CLONE_NEWNET), no(unix.EPERM)},
		{"prlimit of itself", unix.SYS_PRLIMIT64, args(0), yes},
		{"prlimit of another", unix.SYS_PRLIMIT64, args(1), no(unix.EPERM)},
		{"socketpair", unix.SYS_SOCKETPAIR, args(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK), yes},
		{"socketpair, datagram", unix.SYS_SOCKETPAIR, args(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), no(unix.EAFNOSUPPORT)},
		{"socketpair, other", unix.SYS_SOCKETPAIR, args(unix.AF_TIPC, unix.SOCK_STREAM), no(unix.EAFNOSUPPORT)},
		{"Unix", unix.SYS_SOCKET, args(unix.AF_UNIX), no(unix.EAFNOSUPPORT)},
		{"Unix, higher bits", unix.SYS_SOCKET, args(unix.AF_UNIX | 1<<32), no(unix.EAFNOSUPPORT)},
		{"vsock", unix.SYS_SOCKET, args(unix.AF_VSOCK), no(unix.EAFNOSUPPORT)},
		{"alg", unix.SYS_SOCKET, args(unix.AF_ALG), no(unix.EAFNOSUPPORT)},
		{"packet", unix.SYS_SOCKET, args(unix.AF_PACKET), no(unix.EAFNOSUPPORT)},
		{"netlink, events", unix.SYS_SOCKET, args(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT), no(unix.EAFNOSUPPORT)},
		{"openat", unix.SYS_OPENAT, nil, yes},
		{"execve", unix.SYS_EXECVE, nil, yes},
		{"futex", unix.SYS_FUTEX, nil, yes},
		{"connect", unix.SYS_CONNECT, nil, yes},
		{"seccomp", unix.SYS_SECCOMP, nil, yes},
		{"getpid", unix.SYS_GETPID, nil, yes},
		{"statx", unix.SYS_STATX, nil, yes},
		{"typing into a terminal", unix.SYS_IOCTL, args(0, unix.TIOCSTI), no(unix.EPERM)},
		{"typing into a terminal, higher bits", unix.SYS_IOCTL, args(0, unix.TIOCSTI|1<<32), no(unix.EPERM)},
		{"reading a terminal", unix.SYS_IOCTL, args(0, unix.TIOCLINUX), no(unix.EPERM)},
		{"asking a terminal", unix.SYS_IOCTL, args(0, unix.TCGETS), yes},
		{"asking for its size", unix.SYS_IOCTL, args(0, unix.TIOCGWINSZ), yes},
		{"asking how much can be read", unix.SYS_IOCTL, args(0, unix.TIOCINQ), yes},
		{"not to block", unix.SYS_IOCTL, args(0, 0x5421), yes},
		{"copying by reference", unix.SYS_IOCTL, args(0, unix.FICLONE), yes},
		{"listing interfaces", unix.SYS_IOCTL, args(0, unix.SIOCGIFCONF), yes},
		{"changing attributes", unix.SYS_IOCTL, args(0, unix.FS_IOC_SETFLAGS), no(unix.ENOTTY)},
		{"a snapshot of btrfs", unix.SYS_IOCTL, args(0, 0x50009401), no(unix.ENOTTY)},
		{"a virtual machine", unix.SYS_IOCTL, args(0, 0xae01), no(unix.ENOTTY)},
		{"a name", unix.SYS_PRCTL, args(unix.PR_SET_NAME), yes},
		{"a memory map", unix.SYS_PRCTL, args(unix.PR_SET_MM), no(unix.EINVAL)},
		{"cores to share", unix.SYS_PRCTL, args(unix.PR_SCHED_CORE), no(unix.EINVAL)},
		{"a control to come", unix.SYS_PRCTL, args(4711), no(unix.EINVAL)},
		{"the personality", unix.SYS_PERSONALITY, args(0xffffffff), yes},
		{"another personality", unix.SYS_PERSONALITY, args(0x0400000), no(unix.EPERM)},
		{"fanotify", unix.SYS_FANOTIFY_INIT, nil, no(unix.EPERM)},
		{"memfd_secret", unix.SYS_MEMFD_SECRET, nil, no(unix.EPERM)},
		{"statmount", unix.SYS_STATMOUNT, nil, no(unix.EPERM)},
		{"a call to come", newest + 1, nil, no(unix.ENOSYS)},
		{"a call far to come", 5000, nil, no(unix.ENOSYS)},
	}
	internet := func(want uint32) []test {
		return []test{
			{"IPv4", unix.SYS_SOCKET, args(unix.AF_INET, unix.SOCK_STREAM), want},
			{"IPv4, higher bits", unix.SYS_SOCKET, args(unix.AF_INET|1<<32, unix.SOCK_STREAM), want},
			{"IPv6", unix.SYS_SOCKET, args(unix.AF_INET6, unix.SOCK_DGRAM), want},
			{"netlink, routes", unix.SYS_SOCKET, args(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE), want},
		}
	}
	ipc := func(want uint32) []test {
		return []test{{"shmget", unix.SYS_SHMGET, nil, want}, {"msgget", unix.SYS_MSGGET, nil, want}, {"mq_open", unix.SYS_MQ_OPEN, nil, want}}
	}
	others := func(want, attributes uint32) []test {
		return []test{
			{"affinity of another", unix.SYS_SCHED_SETAFFINITY, args(4711), want}, {"its own affinity", unix.SYS_SCHED_SETAFFINITY, args(0), yes},
			{"priority of another", unix.SYS_SETPRIORITY, args(unix.PRIO_PROCESS, 4711), want}, {"its own priority", unix.SYS_SETPRIORITY, args(unix.PRIO_PROCESS, 0), yes},
			{"priority of a user", unix.SYS_SETPRIORITY, args(unix.PRIO_USER, 0), want}, {"priority of a group", unix.SYS_SETPRIORITY, args(unix.PRIO_PGRP, 0), want},
			{"disk priority of another", unix.SYS_IOPRIO_SET, args(1, 4711), want}, {"its own disk priority", unix.SYS_IOPRIO_SET, args(1, 0), yes},
			{"chown", unix.SYS_FCHOWNAT, nil, want}, {"setxattr", unix.SYS_SETXATTR, nil, attributes}, {"getxattr", unix.SYS_GETXATTR, nil, attributes},
			{"fsetxattr", unix.SYS_FSETXATTR, nil, attributes}, {"fgetxattr", unix.SYS_FGETXATTR, nil, yes},
		}
	}
	for _, f := range []struct {
		noSockets, hostIPC bool
		more               [][]test
	}{
		{false, false, [][]test{both, internet(yes), ipc(yes), others(yes, yes)}},
		{true, true, [][]test{both, internet(no(unix.EACCES)), ipc(no(unix.EPERM)), others(no(unix.EPERM), no(unix.EOPNOTSUPP))}},
	} {
		program, err := filter(f.noSockets, f.hostIPC, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, tests := range f.more {
			for _, c := range tests {
				if got := answer(t, program, auditArch, c.number, c.args...); got != c.want {
					t.Errorf("%s (no sockets: %v): got %#x, want %#x", c.name, f.noSockets, got, c.want)
				}
			}
		}
		if got := answer(t, program, unix.AUDIT_ARCH_I386, unix.SYS_OPENAT); got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("a 32-bit call: got %#x", got)
		}
		if got := answer(t, program, unix.AUDIT_ARCH_X86_64, 0x40000000|unix.SYS_OPENAT); auditArch == unix.AUDIT_ARCH_X86_64 && got != no(unix.ENOSYS) {
			t.Errorf("an x32 call: got %#x", got)
		}
	}
}

// Nothing passes but what is in a table.
func TestFilterIsAnAllowList(t *testing.T) {
	if auditArch == 0 {
		missing(t, "a filter for this processor")
	}
	for _, shared := range []bool{false, true} {
		program, err := filter(false, shared, false)
		if err != nil {
			t.Fatal(err)
		}
		allowed := slices.Concat(append(calls, callsHere)...)
		if !shared {
			allowed = slices.Concat(allowed, ownIPC, attributes, byPID, chownHere, []uint32{unix.SYS_FCHOWNAT, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET})
		}
		byArgument := append([]uint32{unix.SYS_CLONE, unix.SYS_PRLIMIT64, unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_PERSONALITY, unix.SYS_PRCTL,
			unix.SYS_IOCTL, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET}, byPID...)
		for number := range uint32(1024) {
			if slices.Contains(byArgument, number) {
				continue
			}
			if got := answer(t, program, auditArch, number); (got == unix.SECCOMP_RET_ALLOW) != slices.Contains(allowed, number) {
				t.Errorf("call %d (shared: %v): got %#x", number, shared, got)
			}
		}
		if len(program) > 4096 { // BPF_MAXINSNS
			t.Errorf("%d instructions", len(program))
		}
	}
}
