//go:build !linux

package sandbox

// Shows tells which paths a program would see; there are no sandboxes here.
func Shows(Spec) func(path string) bool { return func(string) bool { return true } }
