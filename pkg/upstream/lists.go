package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
)

const (
	settleAfter = time.Second     // lists are complete this long after the last list_changed
	settleMost  = 5 * time.Second // and no later than this after the handshake
	coalesce    = 100 * time.Millisecond
	listTimeout = 30 * time.Second
	maxPages    = 1000
	maxItems    = 100_000
)

// lists is what is known of a running server's lists. Guarded by Instance.mu.
type lists struct {
	ready     time.Time                      // end of the handshake
	changed   time.Time                      // last list_changed
	dirty     [catalog.Kinds]bool            // to be read (again)
	wake      chan struct{}                  // tells readLists of a change
	offers    [catalog.Kinds]map[string]bool // what the server offers now; nil until it was read
	snapshot  *catalog.Snapshot              // the lists as last read
	settled   bool                           // nothing more is expected to appear
	stale     bool                           // the connection is about to end: hold everything
	announces bool                           // the server sends list_changed for tools
}

func (l *lists) begin(h *Hello) {
	*l = lists{ready: time.Now(), wake: make(chan struct{}, 1)}
	l.dirty = [catalog.Kinds]bool{
		catalog.Tools:     h.Declares("tools"),
		catalog.Prompts:   h.Declares("prompts"),
		catalog.Templates: h.Declares("resources"),
		catalog.Resources: h.Declares("resources"),
	}
	l.announces = h.Declares("tools", "listChanged") || h.Declares("prompts", "listChanged")
	for k := range catalog.Kinds {
		if !l.dirty[k] {
			l.offers[k] = map[string]bool{}
		}
	}
	l.settled = l.dirty == [catalog.Kinds]bool{}
}

// hold tells whether a call has to wait although the server runs: a tool that a fresh instance does not offer (yet) may
// still appear, as servers add tools after the handshake.
func (l *lists) hold(c *Call) bool {
	if l.stale {
		return true
	}
	if c.Tool == "" || l.settled {
		return false
	}
	return !l.offers[catalog.Tools][c.Tool]
}

// settles is when the lists count as complete.
func (l *lists) settles() time.Time {
	if !l.announces {
		return l.ready
	}
	at := l.ready.Add(settleAfter)
	if l.changed.After(l.ready) {
		at = l.changed.Add(settleAfter)
	}
	if most := l.ready.Add(settleMost); at.After(most) {
		at = most
	}
	return at
}

// noteListChange marks a list to be read again.
func (in *Instance) noteListChange(m *jsonrpc.Message) {
	var kinds []catalog.Kind
	switch m.MethodName() {
	case protocol.ToolsChanged:
		kinds = []catalog.Kind{catalog.Tools}
	case protocol.PromptsChange:
		kinds = []catalog.Kind{catalog.Prompts}
	case protocol.ResChanged:
		kinds = []catalog.Kind{catalog.Resources, catalog.Templates}
	default:
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != Ready {
		return
	}
	in.lists.changed = time.Now()
	for _, k := range kinds {
		in.lists.dirty[k] = true
	}
	select {
	case in.lists.wake <- struct{}{}:
	default:
	}
}

// readLists reads the server's lists after the handshake and after each list_changed (a storm of them
// once), until the connection ends.
func (in *Instance) readLists(conn Conn, gone <-chan struct{}) {
	current := &catalog.Snapshot{Launch: in.spec.Launch}
	for {
		in.mu.Lock()
		if in.conn != conn || in.state != Ready {
			in.mu.Unlock()
			return
		}
		hello, dirty := in.hello, in.lists.dirty
		in.lists.dirty = [catalog.Kinds]bool{}
		wake := in.lists.wake
		in.mu.Unlock()

		var unread [catalog.Kinds]bool
		next := *current
		next.Taken, next.Capabilities, next.Instructions = time.Now(), hello.Capabilities, hello.Instructions
		for k := range catalog.Kinds {
			if !dirty[k] {
				continue
			}
			items, err := in.ReadList(k)
			if err != nil {
				in.spec.Log.Warn().Str("server", in.spec.Name).Str("list", k.List()).Err(err).Msg("list not read whole")
			}
			if errors.Is(err, errNoAnswer) {
				unread[k] = true // nothing is known, which is not the same as an empty list
				continue
			}
			next.Items[k] = items
		}
		current = &next
		missing := unread != [catalog.Kinds]bool{}
		if !missing && !in.listed(conn, current) {
			return
		}

		in.mu.Lock()
		pause := time.NewTimer(time.Until(in.lists.settles()))
		settled := in.lists.settled
		if missing && in.conn == conn {
			for k := range catalog.Kinds {
				in.lists.dirty[k] = in.lists.dirty[k] || unread[k] || dirty[k]
			}
			pause.Reset(settleMost)
		}
		in.mu.Unlock()
		if settled && !missing {
			pause.Stop()
		}
		select {
		case <-gone:
			pause.Stop()
			return
		case <-wake:
			time.Sleep(coalesce)
		case <-pause.C:
		}
		pause.Stop()
	}
}

// listed records lists just read. It tells whether the connection still lives.
func (in *Instance) listed(conn Conn, s *catalog.Snapshot) bool {
	var offers [catalog.Kinds]map[string]bool
	for k := range catalog.Kinds {
		offers[k] = make(map[string]bool, len(s.Items[k]))
		for _, raw := range s.Items[k] {
			offers[k][k.ID(raw)] = true
		}
	}
	in.mu.Lock()
	if in.conn != conn || in.state != Ready {
		in.mu.Unlock()
		return false
	}
	l := &in.lists
	l.offers, l.snapshot = offers, s
	if !l.settled && l.dirty == [catalog.Kinds]bool{} && !time.Now().Before(l.settles()) {
		l.settled = true
	}
	settled := l.settled
	in.mu.Unlock()
	in.owner.Listed(in, s, settled)
	in.release()
	return true
}

// ReadList asks the running server for all pages of one list. What was read is returned beside an error.
func (in *Instance) ReadList(k catalog.Kind) ([][]byte, error) {
	return in.ReadItems(k.List(), k.Key())
}

// ReadItems is ReadList for any method that lists: the items are in the member key of its result.
func (in *Instance) ReadItems(method, key string) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	var all [][]byte
	var cursor []byte
	for page := 0; ; page++ {
		var params []byte
		if cursor != nil {
			params = append(append([]byte(`{"cursor":`), cursor...), '}')
		}
		result, err := in.ask(ctx, method, params)
		if err != nil {
			return all, err
		}
		items, next, err := protocol.Items(result, key)
		if err != nil {
			return all, fmt.Errorf("%s: %w", method, err)
		}
		all = append(all, items...)
		switch {
		case next == nil:
			return all, nil
		case string(next) == string(cursor) || page >= maxPages || len(all) > maxItems:
			return all, fmt.Errorf("%s: the server pages on without an end; stopped after %d items", method, len(all))
		}
		cursor = next
	}
}

// Offers tells whether the running server offers an item now. known is false while that can't be said.
func (in *Instance) Offers(k catalog.Kind, id string) (offers, known bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.lists.offers[k][id], in.state == Ready && in.lists.settled
}
