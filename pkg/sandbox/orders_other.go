//go:build !unix

package sandbox

import "io/fs"

func names(fs.FileInfo) uint64 { return 1 }
