//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"runtime"
)

var errSystem = errors.New(`there is no sandbox on ` + runtime.GOOS + `, only on Linux; use "isolation": {"type": "docker"}`)

func find(context.Context) Abilities { return Abilities{Why: errSystem.Error()} }

func confine(Spec) (Confined, error) { return Confined{}, errSystem }
