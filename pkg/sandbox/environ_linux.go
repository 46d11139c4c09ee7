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

// carried is put in front of the program's variables on the way to it: what they mean to a loader (LD_PRELOAD), to Go or to bubblewrap
// must not come about before the program is confined.
const carried = "MCPPROXY_SANDBOXED_"

func carry(env []string) []string {
	out := make([]string, len(env))
	for i, kv := range env {
		out[i] = carried + kv
	}
	return out
}

// uncarry is the program's environment out of the hook's.
func uncarry(env []string) []string {
	out := []string{}
	for _, kv := range env {
		if kv, ok := strings.CutPrefix(kv, carried); ok {
			out = append(out, kv)
		}
	}
	return out
}
