//go:build !linux

package cli

// keepFromServers does nothing where the system has no such switch, or keeps processes apart by itself.
func keepFromServers() {}
