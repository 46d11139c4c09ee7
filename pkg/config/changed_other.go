//go:build !linux && !darwin && !freebsd && !netbsd && !windows

package config

import (
	"io/fs"
	"time"
)

func changed(info fs.FileInfo) time.Time { return info.ModTime() }
