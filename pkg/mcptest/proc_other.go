//go:build !linux

package mcptest

const listsProcesses = false

// Descendants gives nil where processes cannot be listed: see [SkipWithoutProcesses].
func Descendants(pid int) []int { return nil }

// ProcessesWithEnv gives nil where processes cannot be listed: see [SkipWithoutProcesses].
func ProcessesWithEnv(fragment string) []int { return nil }

// CommandLine gives "" where processes cannot be listed.
func CommandLine(pid int) string { return "" }
