package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// foreign answers calls of the x32 instruction set, which have the same architecture and other numbers.
var foreign = rules{jump(unix.BPF_JGE, 0x40000000, 0, 1), fail(unix.ENOSYS)}

var forbiddenHere = []uint32{unix.SYS_KEXEC_FILE_LOAD, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_NFSSERVCTL, unix.SYS_CREATE_MODULE}

var semaphoreCalls = []uint32{unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP} // no calls of their own on other processors
