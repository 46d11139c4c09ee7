package sandbox

import (
	"os/exec"
	"testing"
)

// What a start costs: of a program that does nothing, without and with a sandbox.
func BenchmarkStart(b *testing.B) {
	spec := Spec{Path: "/bin/true", Home: newWorld(b).home, Network: true}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(spec.Path).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, method := range []Method{Bubblewrap, Namespaces, Landlock} {
		m := machineOf(b, method)
		b.Run(string(m.Method), func(b *testing.B) {
			for b.Loop() {
				c, err := m.confine(spec)
				if err != nil {
					b.Fatal(err)
				}
				cmd := exec.Command(c.Path, c.Args...)
				cmd.Env = []string{"A=1"}
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				c.Release()
			}
		})
		b.Run(string(m.Method)+"/prepare", func(b *testing.B) {
			for b.Loop() {
				c, err := m.confine(spec)
				if err != nil {
					b.Fatal(err)
				}
				c.Release()
			}
		})
	}
}
