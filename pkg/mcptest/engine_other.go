//go:build !linux

package mcptest

import (
	"errors"
	"runtime"
	"syscall"
)

const (
	freeze = syscall.SIGTERM // never sent: there is no engine
	thaw   = syscall.SIGTERM
)

// engineMissing tells why there can be no engine here.
func engineMissing() error { return errors.New("there is none on " + runtime.GOOS) }

func (k *engineKeeper) link(engineOptions) (string, error) { return "", engineMissing() }

func engineKeeperMain(string) int { return 2 }
