package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

const (
	settleAfter = time.Second     // nothing more is expected this long after the last list_changed
	settleMost  = 5 * time.Second // and this long after the handshake
	coalesce    = 100 * time.Millisecond
	rereadMost  = 5 * time.Second // between two readings of a list that changes all the time
	retryMost   = time.Minute     // between two readings of one that fails
	listTimeout = 30 * time.Second
)

// Known says how much of a server's lists has been read.
type Known int

const (
	Partial Known = iota // more may come
	Late                 // not all could be read, and it has had its time
	Whole                // all
)

// lists is what is known of a running server's lists. Guarded by Instance.mu.
type lists struct {
	ready     time.Time                        // end of the handshake
	changed   time.Time                        // last list_changed
	dirty     [catalog.Kinds]bool              // to be read (again)
	under     [catalog.Kinds]bool              // being read
	refused   [catalog.Kinds]bool              // answered with an error, so far
	failed    [catalog.Kinds]error             // why the last reading gave nothing; nil: it did not fail
	wake      chan struct{}                    // tells readLists of a change
	offers    [catalog.Kinds]map[string]bool   // what the server offers now; nil until it was read
	told      [catalog.Kinds]map[string]string // digests of the definitions that the clients were told of; nil until it was
	settled   bool                             // no more tools and prompts are expected to appear
	stale     bool                             // the connection is about to end: hold everything
	announces bool                             // the server sends list_changed for tools
}

func (l *lists) begin(h *Hello) {
	*l = lists{ready: time.Now(), wake: make(chan struct{}, 1)}
	for k, not := range h.undeclared() {
		l.dirty[k] = !not
	}
	l.announces = h.Declares("tools", "listChanged") || h.Declares("prompts", "listChanged")
	for k := range catalog.Kinds {
		if !l.dirty[k] {
			l.offers[k] = map[string]bool{}
		}
	}
	l.settle(time.Now())
}

// settle notes whether more tools and prompts are expected, and tells how much is known.
func (l *lists) settle(now time.Time) Known {
	// An error is an answer, but for tools: a server without them is of no use, so it may not be ready yet.
	has := func(k catalog.Kind) bool { return l.offers[k] != nil || l.refused[k] && k != catalog.Tools }
	due := func(k catalog.Kind) bool { return l.under[k] || l.dirty[k] && !l.refused[k] }
	read := has(catalog.Tools) && has(catalog.Prompts)
	quiet := !due(catalog.Tools) && !due(catalog.Prompts) && !now.Before(l.settles())
	late := now.Sub(l.ready) >= settleMost
	l.settled = l.settled || read && quiet || late
	switch {
	case !l.settled:
		return Partial
	case read && has(catalog.Templates) && has(catalog.Resources):
		return Whole
	case late:
		return Late
	}
	return Partial
}

// Errors of a call to a server that runs.
var (
	// ErrNotOffered is the cause when the server does not list what a call names.
	ErrNotOffered = errors.New("the server does not offer this at the moment; the call was not sent")
	// ErrNotListed is the cause when the server's list can't be read, so that its definition can't be compared with the
	// approved one.
	ErrNotListed = errors.New("the server does not list what it offers; the call was not sent")
)

// unlisted says why a list that the server declares can't be used, nil if each was read or may still be on its way. The
// tools come first: the others are only told where they can be read.
func (l *lists) unlisted(now time.Time) (catalog.Kind, error) {
	late := now.Sub(l.ready) >= settleMost
	for _, k := range []catalog.Kind{catalog.Tools, catalog.Prompts, catalog.Templates, catalog.Resources} {
		switch {
		case l.offers[k] != nil:
		case l.failed[k] != nil:
			return k, l.failed[k]
		case late && l.under[k]:
			return k, fmt.Errorf("%w to %s for %s", ErrNoList, k.List(), now.Sub(l.ready).Round(time.Second))
		}
	}
	return 0, nil
}

// ErrNoList is wrapped while a server has not answered a list, but is not given up.
var ErrNoList = errors.New("no answer")

// unlisted says why what the running server offers can't be told, nil if it can. usable tells that it can be used all
// the same: what can't be read is not the list that people need most. mu is held.
func (in *Instance) unlisted() (err *Error, usable bool) {
	if in.state != Ready {
		return nil, false
	}
	k, cause := in.lists.unlisted(time.Now())
	if cause == nil {
		return nil, false
	}
	var inner *Error
	if errors.As(cause, &inner) { // the server is named once
		cause = fmt.Errorf("%s: %w", inner.Step, inner.Cause)
	}
	err = &Error{Server: in.spec.Name, Step: "runs, but its list of " + k.Key() + " can't be read", Cause: cause,
		Remedy: `It is asked again, less and less often. Read its logs (upstream_servers, operation "logs"), fix what they report, and restart it (operation "restart")`}
	if in.conn != nil {
		err.Tail = tail(in.conn.Diagnostics())
	}
	tools := in.hello.Declares("tools")
	return err, tools && k != catalog.Tools
}

// Unread tells whether a server declares tools, and its list of them was not read.
func Unread(live *catalog.Snapshot) bool {
	return live.Items[catalog.Tools] == nil && mcp.Declares(live.Capabilities, "tools")
}

// judge tells whether a call has to wait although the server runs, or is refused. It is sent only after its client has
// seen the live definition of what it names, and admits it; what a fresh instance does not offer (yet) may still
// appear.
func (l *lists) judge(c *Call, admit func(catalog.Kind, string, string) error) (wait bool, refused error) {
	switch {
	case l.stale:
		return true, nil
	case c.Item == "" || c.Kind == catalog.Resources || admit == nil:
		return false, nil
	}
	digest, listed := l.told[c.Kind][c.Item]
	switch {
	case listed:
		return false, admit(c.Kind, c.Item, digest)
	case !l.settled, l.told[c.Kind] == nil && l.offers[c.Kind] != nil, l.offers[c.Kind][c.Item]: // it was read, and the clients are being told
		return true, nil
	case l.told[c.Kind] == nil && l.failed[c.Kind] != nil:
		return false, fmt.Errorf("%w: %w", ErrNotListed, l.failed[c.Kind])
	case l.told[c.Kind] == nil:
		return false, ErrNotListed
	}
	return false, ErrNotOffered
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
	case mcp.ToolsChanged:
		kinds = []catalog.Kind{catalog.Tools}
	case mcp.PromptsChanged:
		kinds = []catalog.Kind{catalog.Prompts}
	case mcp.ResourcesChanged:
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

// reading is what readLists knows of one list.
type reading struct {
	next time.Time     // not to be read before
	last time.Time     // when it was read
	gap  time.Duration // to the next time, growing while it is read again and again
}

type listResult struct {
	kind  catalog.Kind
	items [][]byte
	err   error
}

// readLists reads the server's lists after the handshake and after each list_changed (a storm of them once),
// until the connection ends. One that is slow or fails does not hold up the others.
func (in *Instance) readLists(conn Conn, gone <-chan struct{}) {
	var lists [catalog.Kinds]reading
	results := make(chan listResult, len(lists))
	in.mu.Lock()
	hello, wake := in.hello, in.lists.wake
	in.mu.Unlock()
	if hello == nil {
		return
	}
	current := &catalog.Snapshot{Launch: in.spec.Launch, Taken: time.Now(), Capabilities: hello.Capabilities, Instructions: hello.Instructions, Unreadable: hello.Unreadable}
	if c, ok := conn.(interface{ Image() string }); ok {
		current.Image = c.Image()
	}
	origin := originOf(conn)
	current.Path, current.Programs, current.Engine, current.Installed = origin.Path, origin.Programs, origin.Engine, origin.Installed
	var digests [catalog.Kinds]map[string]string
	for k, read := range hello.undeclared() {
		if read {
			digests[k] = map[string]string{}
		}
	}
	told, came := Partial, true
	for {
		now := time.Now()
		in.mu.Lock()
		if in.conn != conn || in.state != Ready {
			in.mu.Unlock()
			return
		}
		known := in.lists.settle(now)
		wait := time.Hour // nothing is due: a change wakes
		if known != Whole && now.Sub(in.lists.ready) < settleMost {
			wait = in.lists.ready.Add(settleMost).Sub(now)
			if quiet := in.lists.settles().Sub(now); quiet > 0 {
				wait = min(wait, quiet)
			}
		}
		for k := range catalog.Kinds {
			l := &lists[k]
			switch due := l.next.Sub(now); {
			case !in.lists.dirty[k] || in.lists.under[k]:
			case due > 0:
				wait = min(wait, due)
			default:
				in.lists.dirty[k], in.lists.under[k] = false, true
				in.runs.Go(func() {
					items, err := in.ReadList(k, listTimeout)
					if items == nil {
						items = [][]byte{} // nil is a list not read
					}
					results <- listResult{k, items, err}
				})
			}
		}
		in.mu.Unlock()
		if known != told {
			told, came = known, true
			in.mu.Lock()
			in.live, in.known = current, known
			in.mu.Unlock()
			for _, a := range in.clients() {
				a.client.Listed(a, current, known)
			}
		}
		if came { // only now, when the clients know the definitions
			in.release(conn, digests)
		}
		came = false
		pause := time.NewTimer(wait)
		select {
		case <-gone:
			pause.Stop()
			return
		case <-wake:
			in.mu.Lock()
			for k, dirty := range in.lists.dirty {
				if now := time.Now(); dirty && lists[k].next.Before(now) {
					lists[k].next = now.Add(coalesce) // more are likely to follow
				}
			}
			in.mu.Unlock()
		case r := <-results:
			l := &lists[r.kind]
			came = true
			next := *current
			next.Taken, next.Items[r.kind] = time.Now(), r.items
			news := r.err == nil && !slices.EqualFunc(r.items, current.Items[r.kind], bytes.Equal)
			switch now := time.Now(); {
			case r.err != nil:
				l.gap = min(max(2*l.gap, time.Second), retryMost)
			case now.Sub(l.last) > 2*rereadMost:
				l.gap, l.last = coalesce, now
			default:
				l.gap, l.last = min(2*l.gap, rereadMost), now
			}
			l.next = time.Now().Add(l.gap)
			if !in.listed(conn, r) {
				break
			}
			digests[r.kind] = digestsOf(r.kind, r.items)
			if current = &next; news || told != Partial {
				told = Known(-1) // to be told again
			}
		case <-pause.C:
		}
		pause.Stop()
	}
}

// digestsOf are the digests of a list's items by ID. Of several of one ID the first counts.
func digestsOf(k catalog.Kind, items [][]byte) map[string]string {
	digests := make(map[string]string, len(items))
	if k == catalog.Resources {
		return digests // data
	}
	for _, raw := range items {
		if id := k.ID(raw); digests[id] == "" {
			digests[id] = catalog.Digest(raw)
		}
	}
	return digests
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// listed takes in one list that was read, or notes that it has to be read again; nothing being known of a list is not
// the same as its being empty. It tells whether the list was read.
func (in *Instance) listed(conn Conn, r listResult) bool {
	if r.err != nil {
		in.spec.Log.Warn().Str("server", in.spec.Name).Str("list", r.kind.List()).Err(r.err).Msg("list not read")
	}
	offers := make(map[string]bool, len(r.items))
	for _, raw := range r.items {
		offers[r.kind.ID(raw)] = true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.conn != conn || in.state != Ready {
		return false
	}
	in.lists.under[r.kind] = false
	in.lists.failed[r.kind] = r.err
	if in.lists.refused[r.kind] = errors.Is(r.err, errRefused); r.err != nil {
		in.lists.dirty[r.kind] = true
		return false
	}
	in.lists.offers[r.kind] = offers
	return true
}

// ReadList asks the running server for all pages of one list, within a time.
func (in *Instance) ReadList(k catalog.Kind, most time.Duration) ([][]byte, error) {
	stand := k.Instead
	if k == catalog.Resources {
		stand = nil
	}
	return in.readItems(k.List(), k.Key(), stand, most)
}

// ReadItems is ReadList for any method that lists data: the items are in the member key of its result. What may not
// stand in a list beside what other servers have is left out. Definitions are not: people are told of those that can't
// be read.
func (in *Instance) ReadItems(method, key string, most time.Duration) ([][]byte, error) {
	return in.readItems(method, key, nil, most)
}

// readItems reads a list within its limits. What is too large to be kept has its place taken by what instead returns;
// it is nil for data.
func (in *Instance) readItems(method, key string, instead func(item []byte) []byte, most time.Duration) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	var all [][]byte
	var cursor []byte
	for page, size := 1, 0; ; page++ {
		var params []byte
		if cursor != nil {
			params = append(append([]byte(`{"cursor":`), cursor...), '}')
		}
		result, err := in.ask(ctx, method, params)
		if errors.Is(err, errNotServed) {
			return nil, nil // declared, but not there: some servers do so
		}
		if err != nil {
			return all, err
		}
		items, next, err := mcp.Items(result, key, jsonrpc.MaxItems-len(all))
		if err != nil {
			return all, fmt.Errorf("its answer to %s has no list %q that can be read: %w", method, key, err)
		}
		size += len(result)
		all = append(all, in.keep(method, items, instead)...)
		full := len(all) >= jsonrpc.MaxItems || size >= jsonrpc.MaxList
		switch {
		case next == nil && !full:
			return all, nil
		case full || string(next) == string(cursor) || page >= jsonrpc.MaxPages || len(next) > jsonrpc.MaxName:
			in.spec.Log.Warn().Str("server", in.spec.Name).Str("list", method).Int("items", len(all)).Int("bytes", size).
				Msg("the list is too long, or the server pages on without an end; it was cut")
			return all, nil
		}
		cursor = bytes.Clone(next)
	}
}

// keep copies the items of a page, of which nothing else is kept in memory.
func (in *Instance) keep(method string, items [][]byte, instead func(item []byte) []byte) [][]byte {
	var reason error
	size, left := 0, len(items)
	items = slices.DeleteFunc(items, func(item []byte) bool {
		if instead != nil {
			return false
		}
		err := jsonrpc.Check(item)
		if err != nil {
			reason = err
		}
		return err != nil
	})
	if left -= len(items); left > 0 {
		in.spec.Log.Warn().Str("server", in.spec.Name).Str("list", method).Int("entries", left).Err(reason).Msg("entries that can't be read are left out of the list")
	}
	for i, item := range items {
		if len(item) > jsonrpc.MaxItem {
			items[i] = instead(item)
		}
		size += len(items[i])
	}
	block := make([]byte, 0, size)
	for i, item := range items {
		start := len(block)
		block = append(block, item...)
		items[i] = block[start:len(block):len(block)]
	}
	return items
}

// Offers tells whether the running server offers an item now. known is false while that can't be said.
func (in *Instance) Offers(k catalog.Kind, id string) (offers, known bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.lists.offers[k][id], in.state == Ready && in.lists.settled && in.lists.offers[k] != nil
}
