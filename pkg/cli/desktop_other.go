//go:build !linux && !freebsd && !netbsd && !openbsd && !dragonfly

package cli

import (
	"context"
	"errors"
)

func notify(context.Context, string) (withdraw func(), err error) {
	return nil, errors.New("desktop notifications are not supported on this system yet")
}
