package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
)

// follow hears from the engine how the container ends. It returns once the engine tells.
func (c *Container) follow() error {
	ctx, cancel := context.WithCancelCause(c.ctx)
	late := time.AfterFunc(apiTimeout, func() { cancel(context.DeadlineExceeded) })
	news, err := c.engine.events(ctx, c.id)
	if !late.Stop() && err == nil {
		news.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		cancel(nil)
		return err
	}
	c.owner.work.Go(func() {
		defer cancel(nil)
		defer news.Close()
		bounded := &io.LimitedReader{R: news}
		for all := json.NewDecoder(bounded); ; {
			var e events.Message
			bounded.N = newsLimit
			if all.Decode(&e) != nil {
				close(c.deaf)
				return
			}
			if c.hear(e) {
				return
			}
		}
	})
	return nil
}

// hear takes what the engine tells, and tells whether it was the last.
func (c *Container) hear(e events.Message) bool {
	switch e.Action {
	case events.ActionOOM:
		c.outOfMemory()
	case events.ActionDie:
		code, err := strconv.Atoi(e.Actor.Attributes["exitCode"])
		if err != nil {
			code = -1
		}
		select {
		case c.died <- code:
		default:
		}
	case events.ActionDestroy, events.ActionRemove: // the latter is Podman's
		close(c.destroyed)
		return true
	}
	return false
}

// attend passes the streams on until they end, and tells how the server ended.
func (c *Container) attend() error {
	c.owner.work.Go(func() {
		<-c.ctx.Done()
		select {
		case <-c.ended: // what it said last is still to be read
		default:
			c.Stdout.Close() // nobody may be reading
		}
		c.conn.Close() // over ssh this takes a while
	})
	lost := demux(signed{c.out, func() { c.spoke.Store(true); c.spec.Sign() }}, signed{c.spec.Stderr, c.spec.Sign}, c.conn)
	code, err := c.status(lost != nil)
	switch {
	case err == nil:
		return c.exit(code)
	case c.ctx.Err() != nil:
		return context.Canceled
	case lost != nil:
		c.spec.Log.Debug().Str("server", c.spec.Server).Str("error", c.said(lost)).Msg("the streams of a container broke off")
	}
	return refuse(fmt.Errorf("the connection to the Docker engine at %s was lost", c.spec.Endpoint.Host), "")
}

// Write sends to the server's stdin. It waits until the server runs.
func (c *Container) Write(b []byte) (int, error) {
	select {
	case <-c.attached:
	case <-c.ended:
	}
	select {
	case <-c.ended:
		return 0, c.err
	default:
		return c.conn.Write(b)
	}
}

// CloseStdin ends the server's stdin.
func (c *Container) CloseStdin() {
	select {
	case <-c.attached:
		c.conn.CloseWrite()
	default:
	}
}

// Terminate asks the server to end (SIGTERM); one that does not run yet is killed.
func (c *Container) Terminate() {
	select {
	case <-c.attached:
		ctx, cancel := context.WithTimeout(c.ctx, pingTimeout)
		defer cancel()
		c.engine.api.ContainerKill(ctx, c.id, "SIGTERM")
	default:
		c.cancel()
	}
}

// Kill ends the container and removes it.
func (c *Container) Kill() { c.cancel() }

const (
	statsTimeout = 2 * time.Second
	statsLimit   = 1 << 20
)

// Work is the processor time that the server has used: one that says nothing while it downloads works, one that hangs does not. It asks the
// engine, at most once a second.
func (c *Container) Work() time.Duration {
	select {
	case <-c.attached:
	default:
		return 0
	}
	c.mu.Lock()
	work, recent := c.work, time.Since(c.asked) < time.Second
	if !recent {
		c.asked = time.Now()
	}
	c.mu.Unlock()
	if recent {
		return work
	}
	ctx, cancel := context.WithTimeout(c.ctx, statsTimeout)
	defer cancel()
	answer, err := c.engine.api.ContainerStatsOneShot(ctx, c.id)
	if err != nil {
		return work
	}
	defer answer.Body.Close()
	var stats container.StatsResponse
	if json.NewDecoder(io.LimitReader(answer.Body, statsLimit)).Decode(&stats) != nil {
		return work
	}
	work = time.Duration(stats.CPUStats.CPUUsage.TotalUsage)
	c.mu.Lock()
	c.work = work
	c.mu.Unlock()
	return work
}

// signed tells of a sign of life with each write.
type signed struct {
	io.Writer
	sign func()
}

func (s signed) Write(b []byte) (int, error) {
	s.sign()
	return s.Writer.Write(b)
}
