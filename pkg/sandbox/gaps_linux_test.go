package sandbox

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What is told as open is open with Landlock, and closed with every other method. (What is not told is closed: TestEscapes.)
func TestGaps(t *testing.T) {
	for _, g := range landlockGaps {
		t.Run(g.name, func(t *testing.T) {
			eachMethod(t, func(t *testing.T, m machine) {
				w := newWorld(t)
				on := w.id
				if g.name == "cmdline" || g.name == "kill" {
					on = strconv.Itoa(victim(t, w))
				}
				if g.name == "orders" {
					on = w.work + "/.npmrc"
					put(t, on, "", 0o644)
				}
				spec := w.attacker(t, g.name, on)
				spec.Dir, spec.DirAccess = w.work, "rw"
				r := m.run(t, spec)
				if m.Method == Landlock && (g.until == 0 || landlockABI() < g.until) {
					mustSucceed(t, r)
				} else {
					mustBeDenied(t, r)
				}
			})
		})
	}
}

// Everything that is told here is told in the README.
func TestGapsAreInTheReadme(t *testing.T) {
	if os.Getenv(setuidEnv) != "" {
		return // these are run once more as a user, from elsewhere; see TestAsUser
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		missing(t, "the README")
	}
	for _, g := range landlockGaps {
		what, _, _ := strings.Cut(g.what, " (")
		if !strings.Contains(string(readme), what) {
			t.Errorf("%q is not in the README", g.what)
		}
	}
	if got := len(gapsOf(abiScope)); got != len(gapsOf(abiScope-1))-1 {
		t.Errorf("ABI %d has %d gaps", abiScope, got)
	}
}
