package launch

import "golang.org/x/sys/unix"

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
