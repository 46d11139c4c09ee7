//go:build !unix

package config

import "io/fs"

func fileID(fs.FileInfo) string { return "" }

func links(fs.FileInfo) uint64 { return 1 }
