package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

const (
	pingTimeout = 10 * time.Second // an engine far away, over ssh, needs some seconds
	apiTimeout  = 60 * time.Second // for what takes the engine a while, as making a container does
)

// engine is a client of one engine, and what is known of it.
type engine struct {
	Endpoint
	api *client.Client

	mu   sync.Mutex
	info *system.Info // nil: not asked yet
}

// know asks the engine, once, what it is and can do.
func (e *engine) know(ctx context.Context) (*system.Info, error) {
	e.mu.Lock()
	info := e.info
	e.mu.Unlock()
	if info != nil {
		return info, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	got, err := e.api.Info(ctx)
	if err != nil {
		switch {
		case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
			return nil, context.Canceled
		case ctx.Err() == nil && !unreachable(err):
			return nil, refuse(fmt.Errorf("the Docker engine at %s answers with an error: %s", e.Host, quoted(err)), "Look at its log, or restart it")
		}
		return nil, e.there(err)
	}
	if got.OSType != "linux" {
		return nil, refuse(fmt.Errorf("the Docker engine at %s runs %s containers, and what keeps servers confined is Linux's", e.Host, got.OSType), "Switch it to Linux containers")
	}
	e.mu.Lock()
	e.info = &got
	e.mu.Unlock()
	return &got, nil
}

// lacking names the first limit that was asked for and that the engine would silently leave out.
func lacking(info *system.Info, iso *config.Isolation) error {
	missing := func(option, what string) error {
		return refuse(fmt.Errorf("the Docker engine cannot limit %s (its kernel or its cgroups, version %s, do not let it)", what, info.CgroupVersion),
			"Enable that on the engine's machine (rootless engines need cgroup v2 with delegation), or remove isolation."+option)
	}
	switch {
	case iso.Memory > 0 && !info.MemoryLimit:
		return missing("memory_limit", "memory")
	case iso.CPUs > 0 && !(info.CPUCfsQuota && info.CPUCfsPeriod):
		return missing("cpu_limit", "processors")
	case iso.Pids > 0 && !info.PidsLimit:
		return missing("pids_limit", "processes")
	}
	return nil
}

// unreachable tells an engine that is away from one that answers with an error.
func unreachable(err error) bool {
	var network net.Error
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// Condition is what is found of an engine, for people.
type Condition struct {
	Endpoint Endpoint
	Info     *system.Info // nil: it does not answer
	Err      error
}

// Examine asks the engine of an endpoint how it is.
func Examine(ctx context.Context, endpoint Endpoint) Condition {
	c := Condition{Endpoint: endpoint}
	api, err := endpoint.open()
	if err != nil {
		c.Err = err
		return c
	}
	defer api.Close()
	c.Info, c.Err = (&engine{Endpoint: endpoint, api: api}).know(ctx)
	return c
}
