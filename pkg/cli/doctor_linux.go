package cli

import "golang.org/x/sys/unix"

// freeBytes is the room that is left in the file system of a directory, 0 if that is not known.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &s) != nil {
		return 0
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
