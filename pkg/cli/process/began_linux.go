package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// ticks are those of /proc in a second: the kernel shows the same number to all programs (USER_HZ, proc_pid_stat(5)).
const ticks = 100

// Began is when the process was started, by the clock of now; ok is false if that can't be told.
func (p Process) Began() (at time.Time, ok bool) {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return at, false
	}
	age := time.Duration(now.Nano()) - time.Duration(p.Start)*(time.Second/ticks)
	return time.Now().Add(-age), true
}
