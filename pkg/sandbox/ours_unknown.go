//go:build !linux && !darwin

package sandbox

func parentPath() (string, bool) { return "", false }
