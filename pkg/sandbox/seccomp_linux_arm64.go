package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var (
	foreign       rules
	forbiddenHere = []uint32{unix.SYS_KEXEC_FILE_LOAD, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_NFSSERVCTL}
)

var semaphoreCalls = []uint32{unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP} // no calls of their own on other processors
