package mcptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// envEngineKeeper makes a process the launcher of a keeper, or the keeper. The
// launcher ends at once, so that the keeper is nobody's child: what runs in a
// container is none of a test's descendants, as it would not be elsewhere.
const envEngineKeeper = "MCPTEST_ENGINE_KEEPER"

const (
	keeperLaunch       = "launch"
	keeperLaunchBridge = "launch-bridge"
	keeperKeep         = "keep"
)

// engineOrder is what a keeper is told, a line of JSON for each. The end of its stdin ends it, and with it all that it started.
type engineOrder struct {
	Do     string         `json:"do"` // prepare, link, spawn, alive, signal, finish
	Dir    string         `json:"dir,omitempty"`
	Disk   int64          `json:"disk,omitempty"`
	Link   string         `json:"link,omitempty"` // address and gateway
	Argv   []string       `json:"argv,omitempty"`
	Pid    int            `json:"pid,omitempty"`
	Signal syscall.Signal `json:"signal,omitempty"`
}

type engineAnswer struct {
	Error string `json:"error,omitempty"`
	Pid   int    `json:"pid,omitempty"`
	Alive bool   `json:"alive,omitempty"`
}

// engineKeeper is a process that is the init of an engine's namespaces.
type engineKeeper struct {
	pid int
	log string // a file

	mu  sync.Mutex // one order at a time
	in  *os.File
	out *os.File
	buf *bufio.Reader
}

func startEngineKeeper(dir string, o engineOptions) (*engineKeeper, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &engineKeeper{log: filepath.Join(dir, "dockerd.log")}
	log, err := os.OpenFile(k.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	in, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	k.in = ours
	theirs, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	defer out.Close()
	k.out, k.buf = theirs, bufio.NewReader(theirs)
	cmd := exec.Command(self, selfArgs()...)
	how := keeperLaunch
	if o.bridge {
		how = keeperLaunchBridge
	}
	cmd.Env = append(os.Environ(), envEngineKeeper+"="+how)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, log
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("its launcher: %w\n%s", err, k.logTail()), k.close())
	}
	in.Close()
	out.Close()
	first, err := k.read(engineTimeout) // of the launcher
	k.pid = first.Pid
	if err == nil {
		_, err = k.order(engineOrder{Do: "prepare", Dir: dir, Disk: o.disk}, engineTimeout)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w (does TestMain call mcptest.Main?)\n%s", err, k.logTail()), k.end())
	}
	return k, nil
}

func (k *engineKeeper) order(o engineOrder, timeout time.Duration) (engineAnswer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, err := json.Marshal(o)
	if err != nil {
		return engineAnswer{}, err
	}
	if _, err := k.in.Write(append(b, '\n')); err != nil {
		return engineAnswer{}, fmt.Errorf("the keeper is gone: %w", err)
	}
	a, err := k.read(timeout)
	if err != nil {
		return a, fmt.Errorf("%s: %w", o.Do, err)
	}
	return a, nil
}

func (k *engineKeeper) read(timeout time.Duration) (a engineAnswer, err error) {
	if err := k.out.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return a, err
	}
	line, err := k.buf.ReadBytes('\n')
	if err != nil {
		return a, fmt.Errorf("no answer from the keeper: %w", err)
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("not a keeper's answer: %q", line)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (k *engineKeeper) spawn(program string, args ...string) (pid int, err error) {
	path, err := engineProgram(program)
	if err != nil {
		return 0, err
	}
	a, err := k.order(engineOrder{Do: "spawn", Argv: append([]string{path}, args...)}, engineTimeout)
	return a.Pid, err
}

func (k *engineKeeper) alive(pid int) bool {
	a, err := k.order(engineOrder{Do: "alive", Pid: pid}, engineTimeout)
	return err == nil && a.Alive
}

func (k *engineKeeper) signal(pid int, sig syscall.Signal) error {
	_, err := k.order(engineOrder{Do: "signal", Pid: pid, Signal: sig}, engineTimeout)
	return err
}

// finish signals a process that was spawned and waits until it and its children are gone.
func (k *engineKeeper) finish(pid int, sig syscall.Signal) error {
	_, err := k.order(engineOrder{Do: "finish", Pid: pid, Signal: sig}, engineSignals)
	return err
}

// end ends the keeper and waits until it is gone.
func (k *engineKeeper) end() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.in.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	if err == nil {
		err = k.out.SetReadDeadline(time.Now().Add(engineTimeout))
	}
	if err == nil {
		var rest bytes.Buffer
		if _, err = rest.ReadFrom(k.buf); err == nil && rest.Len() > 0 {
			err = fmt.Errorf("left behind: %s", bytes.TrimSpace(rest.Bytes()))
		}
	}
	if k.pid != 0 && !WaitGone(k.pid, engineTimeout) {
		err = errors.Join(err, fmt.Errorf("its keeper, process %d, is left", k.pid))
		if p, findErr := os.FindProcess(k.pid); findErr == nil {
			_ = p.Kill() // takes all of its namespace along
		}
	}
	return errors.Join(err, k.out.Close())
}

func (k *engineKeeper) close() error { return errors.Join(k.in.Close(), k.out.Close()) }

func (k *engineKeeper) logTail() string {
	b, _ := os.ReadFile(k.log)
	return string(b[max(0, len(b)-4000):])
}

// engineProgram finds a program of the system, which need not be in a user's PATH.
func engineProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}
