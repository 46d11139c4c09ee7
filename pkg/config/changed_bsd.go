//go:build darwin || freebsd || netbsd

package config

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is the later of the times of a file's content and of its other attributes: the former can be set by anybody.
func changed(info fs.FileInfo) time.Time {
	last := info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if at := time.Unix(st.Ctimespec.Unix()); at.After(last) {
			last = at
		}
	}
	return last
}
