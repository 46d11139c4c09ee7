package sandbox

import (
	"path/filepath"
	"slices"
	"strings"
)

// environ is the program's environment with the private places. XDG directories that are not visible go: most programs
// make what is missing and would fail, without the variable they take a place below HOME. XDG_RUNTIME_DIR is nothing but sockets.
func environ(env []string, home, tmp string, visible func(string) bool) []string {
	out := []string{"HOME=" + home, "TMPDIR=" + tmp}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "HOME" || name == "TMPDIR" || name == "XDG_RUNTIME_DIR":
			continue
		case name == "TMP" || name == "TEMP":
			kv = name + "=" + tmp
		case strings.HasPrefix(name, "XDG_") && strings.Contains(value, "/"):
			kept := slices.DeleteFunc(strings.Split(value, ":"), func(path string) bool {
				return filepath.IsAbs(path) && !visible(path)
			})
			if len(kept) == 0 {
				continue
			}
			kv = name + "=" + strings.Join(kept, ":")
		}
		out = append(out, kv)
	}
	return out
}
