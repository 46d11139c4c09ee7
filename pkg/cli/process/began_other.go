//go:build !linux

package process

import (
	"runtime"
	"time"
)

// Began is when the process was started; ok is false if that can't be told.
func (p Process) Began() (at time.Time, ok bool) {
	switch {
	case p.Start == 0:
		return at, false
	case runtime.GOOS == "darwin":
		return time.UnixMicro(int64(p.Start)), true
	case runtime.GOOS == "windows":
		return time.Unix(0, int64(p.Start)), true
	}
	return at, false
}
