package config

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is the later of the times of a file's content and of its creation. Programs can set both.
func changed(info fs.FileInfo) time.Time {
	last := info.ModTime()
	if data, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		if at := time.Unix(0, data.CreationTime.Nanoseconds()); at.After(last) {
			last = at
		}
	}
	return last
}
