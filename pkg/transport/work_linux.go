package transport

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of times in /proc (proc_pid_stat(5)); it is 100 on every system Go runs on.
const userHZ = 100

// Work is the processor time that the server and its descendants have used: one that says nothing while it downloads works, one that
// hangs does not.
func (s *Stdio) Work() time.Duration {
	ticks := 0
	for pids := []int{s.tree.pid}; len(pids) > 0; {
		pid := pids[0]
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		pids = pids[1:]
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		for i := 11; i < 15 && i < len(fields); i++ { // its own, and of children that have ended
			n, _ := strconv.Atoi(fields[i])
			ticks += n
		}
		children, _ := childrenOf(pid)
		pids = append(pids, children...)
	}
	return time.Duration(ticks) * time.Second / userHZ
}
