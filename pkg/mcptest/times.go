package mcptest

import (
	"os"
	"time"
)

// EnvStrictTimes names the variable that makes tests hold times. Without it a test waits as long as a slow, busy machine may need, and how long
// something took fails nothing: only what happened counts.
const EnvStrictTimes = "MCPPROXY_TEST_STRICT_TIMES"

// StrictTimes tells whether times are held.
func StrictTimes() bool { return os.Getenv(EnvStrictTimes) != "" }

// TooLong tells whether something took longer than it may, where times are held.
func TooLong(took, most time.Duration) bool { return took > most && StrictTimes() }

// Patience is how long a test waits for what takes at most so long on an idle machine.
func Patience(most time.Duration) time.Duration {
	if StrictTimes() {
		return most
	}
	return max(most, time.Minute)
}
