package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-units"
)

// Exit says how a server in a container ended.
type Exit struct {
	Code   int // exit status; -1 if the engine does not tell
	OOM    bool
	Memory int64  // the limit, bytes; 0: none
	Note   string // what the status means, if that is known
}

func (e *Exit) Error() string {
	switch {
	case e.OOM && e.Memory > 0:
		return fmt.Sprintf("was killed: it used more memory than its limit of %s allows. Raise isolation.memory_limit", units.BytesSize(float64(e.Memory)))
	case e.OOM:
		return "was killed: the machine of the Docker engine ran out of memory"
	case e.Code == 137:
		return "was killed by SIGKILL"
	case e.Code < 0:
		return "ended; its Docker engine does not say how"
	}
	return fmt.Sprintf("exited with status %d", e.Code) + e.Note
}

const (
	dieWait = 3 * time.Second        // after the end of the streams the news of the end take some milliseconds
	oomWait = 300 * time.Millisecond // those of the reason come before, with the kernels seen
)

var errClosedOutput = errors.New("closed its output")

// status waits for the exit status.
func (c *Container) status() (int, error) {
	select {
	case code := <-c.died:
		return code, nil
	case <-c.ctx.Done():
		return 0, c.ctx.Err()
	case <-c.deaf: // as when the engine was killed: the streams end then too, and the server may run on
	case <-time.After(dieWait):
	}
	ctx, cancel := context.WithTimeout(c.ctx, pingTimeout)
	defer cancel()
	state, err := c.engine.api.ContainerInspect(ctx, c.id)
	switch {
	case errdefs.IsNotFound(err):
		return -1, nil
	case err != nil:
		return 0, err
	case state.State.Running:
		return 0, errClosedOutput
	case state.State.OOMKilled:
		c.mu.Lock()
		c.oom = true
		c.mu.Unlock()
	}
	return state.State.ExitCode, nil
}

// outOfMemory tells whether the kernel ended it for its memory. The news of that may come after that of the end.
func (c *Container) outOfMemory(code int) bool {
	for end := time.Now().Add(oomWait); ; time.Sleep(10 * time.Millisecond) {
		c.mu.Lock()
		oom := c.oom
		c.mu.Unlock()
		if oom || code != 137 || time.Now().After(end) {
			return oom && code != 0
		}
		select {
		case <-c.ctx.Done():
			return false
		default:
		}
	}
}

// tidy makes sure that the container is gone.
func (c *Container) tidy() {
	select {
	case <-c.attached:
		if c.ctx.Err() == nil {
			select { // it removes itself
			case <-c.destroyed:
				return
			case <-c.deaf:
			case <-time.After(dieWait):
			case <-c.owner.ctx.Done():
			}
		}
	default: // never started
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), pingTimeout)
	defer cancel()
	if err := c.engine.remove(ctx, c.id); err != nil {
		c.spec.Log.Warn().Str("server", c.spec.Server).Str("container", c.id).Err(err).Msg("the container could not be removed; tried again later")
		c.owner.leave(c.engine, c.id)
	}
}

// remove ends and removes a container; one that is gone is a success. It waits for a removal that is under way.
func (e *engine) remove(ctx context.Context, id string) error {
	for {
		err := e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if !errdefs.IsConflict(err) { // "removal … is already in progress"
			return fmt.Errorf("%s", quoted(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
