package jsonrpc

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize holds a large message with few switches between writer and reader.
const pipeSize = 1 << 20

// WidenPipe enlarges the buffer of a pipe. It is a favour: on another kind of file, or when the system refuses, nothing happens.
func WidenPipe(f *os.File) {
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	}
}
