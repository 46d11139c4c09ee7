package sandbox

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What comes before the program (our own loader, bubblewrap) sees none of its variables, by which it could be made to run something
// unconfined; and no argument has one.
func TestVariablesComeWithTheProgram(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		spec := newWorld(t).attacker(t, "env")
		spec.Env = append(spec.Env, "LD_PRELOAD=/nowhere.so", "TOKEN="+secret, "EMPTY=", "LINES=a\nb", "GODEBUG=x=y")
		c, err := m.confine(spec)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Release()
		for _, kv := range c.Env {
			if !strings.HasPrefix(kv, carried) {
				t.Errorf("the hook is given %s", kv)
			}
		}
		if strings.Contains(strings.Join(c.Args, " "), secret) {
			t.Error("an argument of the hook has a variable")
		}
		got := m.run(t, spec).stdout
		for _, want := range []string{"LD_PRELOAD=/nowhere.so", "TOKEN=" + secret, "EMPTY=", "LINES=a\nb", "GODEBUG=x=y"} {
			if !strings.Contains(got+"\n", want+"\n") {
				t.Errorf("the program has no %q:\n%s", want, got)
			}
		}
		if strings.Contains(got, carried) {
			t.Errorf("the program sees how its variables came:\n%s", got)
		}
	})
	m := machineOf(t, Bubblewrap)
	base := tree(t, "bwrap")
	put(t, base+"/bwrap", "#!/bin/sh\n/usr/bin/env\nfor a; do echo \"$a\"; done\n", 0o755)
	m.bwrap = &bwrap{Path: base + "/bwrap"}
	spec := newWorld(t).attacker(t, "env")
	spec.Env = append(spec.Env, "LD_PRELOAD=/nowhere.so", "TOKEN="+secret)
	c, err := m.confine(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = c.Env
	out, err := cmd.Output()
	lines := strings.Split(string(out), "\n")
	if err != nil || !slices.Contains(lines, "--seccomp") {
		t.Fatal(err, string(out))
	}
	if strings.Contains(string(out), "LD_PRELOAD") || strings.Contains(string(out), secret) || strings.Contains(string(out), carried) {
		t.Errorf("bubblewrap is given the variables of the program:\n%s", out)
	}
}
