package launch

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// modesCount tells whether the permissions of a file are its own: some file systems (Windows drives under WSL, network and user-space
// ones) give every file the same.
func modesCount(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil {
		return true
	}
	switch uint32(fs.Type) {
	case unix.V9FS_MAGIC, unix.FUSE_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC:
		return false
	}
	return true
}

// changed is when the file or what is known of it was last changed, which its owner cannot set.
func changed(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return 0
}
