//go:build unix

package transport

import (
	"fmt"
	"strings"
	"testing"
)

func FuzzParseStatus(f *testing.F) {
	for _, s := range []string{"pid 123\n", "exec 2\n", "exit 0\n", "signal 9\n", "exit -1\n", "exit 1 2\n", "exit\n", "pid 99999999999\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		kind, n, err := parseStatus(line)
		if err != nil {
			return
		}
		if n < 0 || !strings.Contains(" pid exec exit signal ", " "+kind+" ") {
			t.Fatalf("%q → %s %d", line, kind, n)
		}
		if kind2, n2, err := parseStatus(fmt.Sprintf("%s %d\n", kind, n)); err != nil || kind2 != kind || n2 != n {
			t.Fatalf("%q → %s %d → %s %d %v", line, kind, n, kind2, n2, err)
		}
		if exitError(kind, n).Error() == "" {
			t.Fatal("no words")
		}
	})
}
