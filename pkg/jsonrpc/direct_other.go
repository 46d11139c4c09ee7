//go:build !unix

package jsonrpc

import "os"

// directWriter is nil: a write may always wait here.
func directWriter(*os.File) func([]byte) (int, error) { return nil }

// NonBlocking returns f as it is.
func NonBlocking(f *os.File) (_ *os.File, restore func()) { return f, func() {} }
