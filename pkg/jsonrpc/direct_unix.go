//go:build unix

package jsonrpc

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// directWriter returns a write that never waits, nil if the file's descriptor is a blocking one.
func directWriter(f *os.File) func([]byte) (int, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	nonblocking := false
	err = conn.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		nonblocking = err == nil && flags&unix.O_NONBLOCK != 0
	})
	if err != nil || !nonblocking {
		return nil
	}
	return func(b []byte) (n int, err error) {
		cerr := conn.Write(func(fd uintptr) bool {
			for {
				n, err = syscall.Write(int(fd), b)
				if !errors.Is(err, syscall.EINTR) {
					return true
				}
			}
		})
		if errors.Is(err, syscall.EAGAIN) {
			return 0, nil
		}
		if err == nil {
			err = cerr
		}
		return max(n, 0), err
	}
}

// NonBlocking returns f's stream as a file that can be written to without waiting, when it is a pipe or a socket; else f. Restore
// undoes it for others who share the stream.
func NonBlocking(f *os.File) (_ *os.File, restore func()) {
	fd := int(f.Fd())
	info, err := f.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return f, func() {}
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || syscall.SetNonblock(fd, true) != nil {
		return f, func() {}
	}
	return os.NewFile(uintptr(fd), f.Name()), func() { syscall.SetNonblock(fd, flags&unix.O_NONBLOCK != 0) }
}
