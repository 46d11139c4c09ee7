package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
)

// Guard is a file or directory in a writable mount that becomes a mount of its own: read-only, or as a directory that cannot be
// renamed. Its path on the host has no links in it.
type Guard struct {
	Host, Container string
	Pin             bool
}

// place is a file or directory below the workspace. The engine takes it by its path, and looks that up when it starts the
// container, so that a link put there in between would decide what is mounted.
type place struct {
	path string // no link is on the way to it
	was  os.FileInfo
}

func (s *Spec) realMount(n int) string {
	if n < len(s.RealMounts) {
		return s.RealMounts[n]
	}
	return ""
}

// source is what the engine is given of a path: where it leads, if that was checked.
func (c *Container) source(path, real string) string {
	if real == "" {
		return path
	}
	info, _ := os.Lstat(real) // nil: what is not there is told by the engine
	c.places = append(c.places, place{real, info})
	return real
}

// moved tells of a place that is another one than when the container was made.
func (c *Container) moved() error {
	for _, p := range c.places {
		now, err := os.Lstat(p.path)
		if err != nil && p.was == nil { // it may be on the engine's machine
			continue
		}
		real, _ := filepath.EvalSymlinks(p.path)
		if err != nil || p.was == nil || real != p.path || !os.SameFile(now, p.was) {
			return refuse(fmt.Errorf("%q was replaced while the container was made", p.path),
				"Find out what replaces it, then start the server again")
		}
	}
	return nil
}

// startUnmoved starts the container if what it mounts is still what was checked. It looks once more afterwards: what is left is
// somebody who replaces it and puts it back within the milliseconds of the start.
func (c *Container) startUnmoved(ctx context.Context) error {
	if err := c.moved(); err != nil {
		return err
	}
	if err := c.engine.api.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		return c.explain("start the container", err)
	}
	return c.moved()
}
