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
	case e.Code == killed && e.Memory > 0: // an engine that removes it at once may lose the news of why
		return fmt.Sprintf("was killed by SIGKILL, maybe since it used more memory than its limit of %s allows: then raise isolation.memory_limit", units.BytesSize(float64(e.Memory)))
	case e.Code == killed:
		return "was killed by SIGKILL"
	case e.Code < 0:
		return "ended; the Docker engine does not say how"
	}
	return fmt.Sprintf("exited with status %d", e.Code) + e.Note
}

const (
	dieWait = 3 * time.Second        // after the end of the streams the news of the end take some milliseconds
	oomWait = 300 * time.Millisecond // those of the reason come before, with the kernels seen
	oomLong = 5 * time.Second        // so long before its end a server may have lost a process to it
	killed  = 128 + 9                // status after SIGKILL
)

var errRuns = errors.New("it runs")

// status waits for the exit status, which is near unless the streams broke off.
func (c *Container) status(brokeOff bool) (int, error) {
	wait := dieWait
	if brokeOff {
		wait = 0
	}
	select {
	case code := <-c.died:
		return code, nil
	case <-c.ctx.Done():
		return 0, c.ctx.Err()
	case <-c.deaf: // as when the engine was killed: the streams end then too, and the server may run on
	case <-time.After(wait):
	}
	select {
	case code := <-c.died: // the last it told
		return code, nil
	default:
	}
	ctx, cancel := context.WithTimeout(c.ctx, pingTimeout)
	defer cancel()
	state, err := c.engine.api.ContainerInspect(ctx, c.id)
	switch {
	case errdefs.IsNotFound(err):
		return -1, nil
	case err != nil:
		return 0, err
	case state.ContainerJSONBase == nil || state.State == nil || state.State.Running:
		return 0, errRuns
	case state.State.OOMKilled:
		c.outOfMemory()
	}
	return state.State.ExitCode, nil
}

// outOfMemory notes that the kernel has killed a process of the container for its memory.
func (c *Container) outOfMemory() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.oom = time.Now()
}

// exit words an exit status.
func (c *Container) exit(code int) *Exit {
	e := &Exit{Code: code, Memory: c.spec.Isolation.Memory, OOM: c.forItsMemory(code)}
	if (code == 127 || code == 126) && !c.spoke.Load() { // what the init process says of a program that it cannot run
		e.Note = fmt.Sprintf(": the image %s has no program %q, or none that its user may run", c.spec.Isolation.Image, c.spec.Command)
	}
	return e
}

// forItsMemory tells whether a server that ended with that status did so since it, or a process of its, was killed for its memory. The
// news of that may come after that of the end.
func (c *Container) forItsMemory(code int) bool {
	for end := time.Now().Add(oomWait); ; time.Sleep(10 * time.Millisecond) {
		c.mu.Lock()
		oom := c.oom
		c.mu.Unlock()
		switch {
		case code == 0:
			return false
		case !oom.IsZero():
			return code == killed || time.Since(oom) < oomLong
		case code != killed || time.Now().After(end) || c.ctx.Err() != nil:
			return false
		}
	}
}

// tidy makes sure that the container is gone, or will be.
func (c *Container) tidy() {
	if c.birth == nil {
		return
	}
	<-c.birth.done
	switch {
	case c.birth.id != "":
	case c.birth.unsure: // it may yet come to be
		c.owner.leave(c.spec.Endpoint, c.birth.name, true)
		return
	default:
		return
	}
	select {
	case <-c.attached:
		if c.ctx.Err() == nil && c.removesItself() {
			return
		}
	default: // never started
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), pingTimeout)
	defer cancel()
	if _, err := c.engine.remove(ctx, c.birth.id); err != nil {
		c.spec.Log.Warn().Str("server", c.spec.Server).Str("container", c.birth.id).Str("error", quoted(err)).Msg("the container could not be removed; tried again later")
		c.owner.leave(c.spec.Endpoint, c.birth.id, false)
	}
}

// removesItself waits for it to do so, as AutoRemove makes it.
func (c *Container) removesItself() bool {
	select {
	case <-c.destroyed:
		return true
	case <-c.deaf:
	case <-time.After(dieWait):
	case <-c.ctx.Done():
	}
	return false
}

// remove ends and removes a container, and tells whether there was one. It waits for a removal that is under way.
func (e *engine) remove(ctx context.Context, id string) (found bool, err error) {
	for {
		err := e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		switch {
		case err == nil:
			return true, nil
		case errdefs.IsNotFound(err):
			return found, nil
		case !errdefs.IsConflict(err): // "removal … is already in progress"
			return false, err
		}
		found = true
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
