package mcptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// Nothing is left of an engine, not even of one whose owner is killed.
func TestEngineLeavesNothing(t *testing.T) {
	const hold = "MCPTEST_HOLD_ENGINE"
	how := os.Getenv(hold)
	if how != "" {
		e := NewEngine(t, WithBridge(), WithDisk(64<<20))
		runInside(t, e, e.LoadServer(t))
		if _, err := net.InterfaceByName(linkName(e.keeper.pid)); err != nil {
			t.Error(err)
		}
		fmt.Println("held:", e.Dir, e.keeper.pid)
		if how == "kill" {
			killSelf()
		}
		return
	}
	NewEngine(t) // skips
	for _, how := range []string{"end", "kill"} {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), hold+"="+how, "TMPDIR="+t.TempDir()) // what it is building is left, if it is killed
		out, err := cmd.CombinedOutput()
		if (err != nil) != (how == "kill") {
			t.Fatalf("%s: %v: %s", how, err, out)
		}
		m := regexp.MustCompile(`held: (\S+) ([0-9]+)`).FindStringSubmatch(string(out))
		if m == nil {
			t.Fatalf("printed %s", out)
		}
		pid, _ := strconv.Atoi(m[2])
		timeout := engineTimeout
		if how == "end" {
			timeout = 0
		}
		if !WaitGone(pid, timeout) {
			t.Errorf("%s: its keeper is left", how)
		}
		if left := ProcessesWithEnv(m[1]); left != nil {
			t.Errorf("%s: processes %v are left", how, left)
		}
		for _, p := range processes() {
			if strings.Contains(CommandLine(p), m[1]) {
				t.Errorf("%s: left: %s", how, CommandLine(p))
			}
		}
		if _, err := os.Stat(m[1]); err == nil {
			t.Errorf("%s: its folder is left", how)
		}
		if left := append(engineMounts(m[1]), controlGroups(filepath.Base(m[1]))...); len(left) > 0 {
			t.Errorf("%s: %v are left", how, left)
		}
		gone := waitUntil(leakTimeout, func() bool { _, err := net.InterfaceByName(linkName(pid)); return err != nil })
		if !gone {
			t.Errorf("%s: its link is left", how)
		}
	}
}

// runInside starts a container whose stdin is held open.
func runInside(t testing.TB, e *Engine, image string) {
	t.Helper()
	config := container.Config{Image: image, OpenStdin: true, AttachStdin: true}
	host := container.HostConfig{NetworkMode: "bridge", LogConfig: container.LogConfig{Type: "none"}}
	c, err := e.API.ContainerCreate(t.Context(), &config, &host, nil, nil, "")
	if err == nil {
		err = e.API.ContainerStart(t.Context(), c.ID, container.StartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if state, err := e.API.ContainerInspect(t.Context(), c.ID); err != nil || !state.State.Running {
		t.Fatalf("it does not run: %v", err)
	}
}
