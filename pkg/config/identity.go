package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// RealPath is where a path leads, through all links, those of /proc included. What is not there yet is kept as it is.
func RealPath(path string) string {
	rest := ""
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return filepath.Clean(path)
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

// Inside tells whether a path is a directory, or below it. Both are absolute, and compared as they are written.
func Inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// FileID tells a file from all others of the machine, whatever its names; "" where that can't be told.
func FileID(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fileID(info)
}

// HasSeveralNames tells whether a file has hard links.
func HasSeveralNames(path string) bool {
	info, err := os.Stat(path)
	return err == nil && links(info) > 1
}

// Changed is when a file, or a link on the way to it, was last changed in any way: its content, its name, what a link means. The zero time
// stands for what can't be told.
func Changed(path string) (last time.Time) {
	for range maxLinks {
		target, _, entry := firstDecision(path)
		info, err := os.Lstat(entry)
		if err != nil {
			return last
		}
		if at := changed(info); at.After(last) {
			last = at
		}
		if target == "" {
			return last
		}
		path = target
	}
	return last
}
