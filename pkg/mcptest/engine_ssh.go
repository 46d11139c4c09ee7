package mcptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// SSHD is a private SSH server on loopback whose sessions have an engine as their $DOCKER_HOST.
type SSHD struct {
	Host string // ssh://mcptest-engine
	Bin  string // for the front of $PATH: an ssh that knows that host, the key and nothing of the user's

	t      testing.TB
	engine *Engine
	pid    int
}

const sshAlias = "mcptest-engine"

// NewSSHD starts an SSH server beside an engine: it ends with the test, or with
// the engine. A client with [SSHD.Bin] in front of its PATH reaches the engine as
// [SSHD.Host], by way of "docker system dial-stdio". Where OpenSSH or the docker
// command is missing the test is skipped; with MCPPROXY_TEST_NO_SKIP it fails.
func (e *Engine) NewSSHD(t testing.TB) *SSHD {
	t.Helper()
	for _, program := range []string{"sshd", "ssh", "ssh-keygen", "docker"} {
		if _, err := engineProgram(program); err != nil {
			missing(t, "needs OpenSSH and the docker command: %v", err)
		}
	}
	dir, err := os.MkdirTemp(e.Dir, "ssh-")
	if err != nil {
		t.Fatalf("mcptest: sshd: %v", err)
	}
	addr, err := freeAddr()
	if err != nil {
		t.Fatalf("mcptest: sshd: %v", err)
	}
	s := &SSHD{Host: "ssh://" + sshAlias, Bin: filepath.Join(dir, "bin"), t: t, engine: e}
	if err := s.write(dir, addr); err != nil {
		t.Fatalf("mcptest: sshd: %v", err)
	}
	if s.pid, err = e.keeper.spawn("sshd", "-D", "-e", "-f", filepath.Join(dir, "sshd_config")); err != nil {
		t.Fatalf("mcptest: sshd: %v", err)
	}
	t.Cleanup(func() {
		if s.pid != 0 && e.keeper.alive(s.pid) {
			s.Stop()
		}
	})
	up := waitUntil(engineTimeout, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil || !e.keeper.alive(s.pid)
	})
	if !up || !e.keeper.alive(s.pid) {
		t.Fatalf("mcptest: sshd did not start:\n%s", e.keeper.logTail())
	}
	return s
}

// Stop ends the server and the sessions that it has.
func (s *SSHD) Stop() {
	if err := s.engine.keeper.finish(s.pid, syscall.SIGTERM); err != nil {
		s.t.Errorf("mcptest: sshd: %v", err)
	}
	s.pid = 0
}

// Env gives what a client must have in its environment, after its own.
func (s *SSHD) Env() []string {
	return []string{"PATH=" + s.Bin + string(os.PathListSeparator) + os.Getenv("PATH"), "DOCKER_HOST=" + s.Host}
}

// write writes keys, both configurations and the ssh wrapper: ssh looks for a
// user's configuration in the home of the password file, not in $HOME.
func (s *SSHD) write(dir, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host_key", "client_key"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(key)).CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	client, err := os.ReadFile(in("client_key.pub"))
	if err != nil {
		return err
	}
	hostKey, err := os.ReadFile(in("host_key.pub"))
	if err != nil {
		return err
	}
	ssh, err := engineProgram("ssh")
	if err != nil {
		return err
	}
	server := []string{
		"ListenAddress " + addr, "HostKey " + in("host_key"), "AuthorizedKeysFile " + in("authorized_keys"), "PidFile none",
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin prohibit-password", "PrintMotd no",
		fmt.Sprintf("SetEnv DOCKER_HOST=unix://%s PATH=%s", s.engine.socket(), os.Getenv("PATH")),
	}
	config := []string{
		"Host " + sshAlias, "HostName " + host, "Port " + port, "User root", "IdentityFile " + in("client_key"), "IdentitiesOnly yes",
		"IdentityAgent none", "UserKnownHostsFile " + in("known_hosts"), "GlobalKnownHostsFile none", "BatchMode yes", "LogLevel ERROR",
	}
	if err := os.Mkdir(s.Bin, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"authorized_keys": string(client),
		"known_hosts":     fmt.Sprintf("[%s]:%s %s", host, port, hostKey),
		"sshd_config":     strings.Join(server, "\n") + "\n",
		"ssh_config":      strings.Join(config, "\n") + "\n",
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", ssh, in("ssh_config"))
	return os.WriteFile(filepath.Join(s.Bin, "ssh"), []byte(wrapper), 0o700)
}
