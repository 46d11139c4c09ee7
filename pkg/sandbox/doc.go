// Package sandbox runs one program with less of the machine than the person has who started it: on Linux, without Docker and
// without special rights. Bubblewrap (https://github.com/containers/bubblewrap) makes the sandbox where it works, else
// this program itself with the same namespaces (see namespace_linux.go), else
// Landlock (https://docs.kernel.org/userspace-api/landlock.html); with both come an allow-list of system calls, resource limits,
// no_new_privs and no capabilities. On other systems there is none, and the package says so.
//
// [Confine] gives what is to be started in the program's place: this very binary, which confines itself and then executes the
// program (see hook_linux.go). It passes on stdin, stdout, stderr and the environment; no byte goes through it.
//
// A confined program sees, under the paths they have outside: the system's programs and libraries and a few files of
// /etc, read-only; its own installation, read-only; a home and a temporary directory of its own; its working directory and the
// listed paths as asked. It has no other file of the person's, no /run and /var, no socket but of the Internet (and those only if
// asked), no other process to trace or signal, and no way to mount, to change its namespaces or to load something into the kernel.
//
// What it does not protect from:
//   - Faults of the kernel: the program talks to the same one. A container does so too; a virtual machine does not.
//   - Use of processor, disk and number of processes: there is no cgroup, and the memory limit holds for each process by itself.
//   - The network, once it is given: there is no filter of addresses, and services on the machine's loopback can be reached.
//   - What was listed: a listed "/" or home directory is given as a whole.
//   - With Landlock alone: what [Abilities.Gaps] tells, such as changing the mode and times of the person's files.
//
// What it costs a program: no 32-bit programs on a 64-bit system, no namespaces (Chromium needs --no-sandbox), unless [Spec.Sockets] no
// Unix sockets but socketpair(2) (Python's multiprocessing needs the start method "fork" or "spawn"), no io_uring, under Landlock neither
// /tmp by name nor POSIX and System V shared memory. Files of /etc are those of the start: a server that outlives a
// change of /etc/resolv.conf has to be started again. But for Landlock, SIGTERM ends a program at once; its time to end is that
// between the closing of its stdin and the signal.
package sandbox
