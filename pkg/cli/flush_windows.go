package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// flushInput forgets what was typed before a question was shown.
func flushInput(in *os.File) { _ = windows.FlushConsoleInputBuffer(windows.Handle(in.Fd())) }
