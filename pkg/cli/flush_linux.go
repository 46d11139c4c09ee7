package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// flushInput forgets what was typed before a question was shown.
func flushInput(in *os.File) { _ = unix.IoctlSetInt(int(in.Fd()), unix.TCFLSH, unix.TCIFLUSH) }
