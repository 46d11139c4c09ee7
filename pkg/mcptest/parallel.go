package mcptest

import (
	"flag"
	"runtime"
	"strconv"
)

// MostlyWaiting lets more tests run side by side than there are processors, since they wait for other processes most of the time. The
// flag -parallel has precedence. Call it in TestMain before [testing.M.Run].
func MostlyWaiting() {
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		panic("mcptest: " + err.Error())
	}
}
