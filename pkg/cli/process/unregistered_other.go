//go:build !linux

package process

// unregistered finds nothing here: what was removed from the state directory is not known.
func (s System) unregistered(string, []Client) []Client { return nil }
