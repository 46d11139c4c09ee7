package hub

import (
	"context"
	"errors"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Try starts one approved server as a session would, reads what it lists, and ends it: when it returns no process of it is left. What it
// lists is recorded as that of any other look: what is new or changed waits for a review.
func Try(ctx context.Context, opts Options, client session.Options, name string) (live *catalog.Snapshot, err error) {
	opts.Only = []string{name}
	h := New(opts)
	defer h.Close()
	h.trial = make(chan *inspection, 1)
	h.visit(ctx, client, func(ctx context.Context) {
		var f *inspection
		select {
		case f = <-h.trial:
		case <-ctx.Done():
			err = ctx.Err()
			return
		}
		if f == nil {
			err = h.untried(name)
			return
		}
		select {
		case <-f.done:
			live, err = f.result()
		case <-ctx.Done():
			err = ctx.Err()
		}
	})
	return live, err
}

// untried says why a server was not started.
func (h *Hub) untried(name string) error {
	for _, s := range h.State().all() {
		if server := h.Config(s).Server(name); server != nil {
			if err := upstream.Blocked(server); err != nil {
				return &upstream.Error{Server: name, Step: "is not available", Cause: err}
			}
		}
	}
	cause := errors.New("what is recorded of it can't be used: mcpproxy-stdio check")
	return &upstream.Error{Server: name, Step: "was not started", Cause: cause}
}

// result is what the look came to, once it is done.
func (f *inspection) result() (*catalog.Snapshot, error) {
	switch {
	case f.came.Err != nil:
		return nil, f.came.Err
	case f.came.Unlisted != nil && !f.came.Usable:
		return nil, f.came.Unlisted
	case f.live == nil:
		return nil, errors.New("it was stopped before it had listed what it offers")
	}
	return f.live, nil
}
