package launch

import (
	"io/fs"
	"syscall"
)

// changed is when the file or what is known of it was last changed, which its owner cannot set.
func changed(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return 0
}
