package sandbox

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const (
	nobody    = 65534
	setuidEnv = "MCPPROXY_TEST_SETUID" // a copy of the test binary that is root's and has the set-user-ID bit
)

// What most people are: all other tests again as a user without any rights.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("these tests run as a user already")
		return
	}
	if testing.Short() {
		t.Log("with -short they run once, not again as a user")
		return
	}
	base := tempDir(t)
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(selfExe)
	if err != nil {
		t.Fatal(err)
	}
	program, setuid, home := base+"/sandbox.test", base+"/setuid", base+"/home"
	put(t, program, string(self), 0o755)
	put(t, setuid, string(self), 0o755|os.ModeSetuid)
	for _, dir := range []string{home, home + "/tmp"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-test.v=" + map[bool]string{true: "true", false: "false"}[testing.Verbose()]}
	cmd := exec.Command(program, args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home+"/tmp", setuidEnv+"="+setuid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || testing.Verbose() {
		t.Logf("%s", out)
	}
	if err != nil {
		t.Error(err)
	}
}
