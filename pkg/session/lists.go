package session

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// views caches the catalog as this session sees it: the host's, with the resources that its own running servers list.
type views struct {
	mu   sync.Mutex
	live map[string][][]byte // raw resources by server
	view *catalog.View       // nil: to be made anew
	told map[catalog.LeftOut]bool
}

func (s *Session) view() *catalog.View {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.views.view == nil {
		sources := append([]catalog.Source(nil), s.host.Sources(s)...)
		for i, src := range sources {
			if items, ok := s.views.live[src.Server]; ok && src.Snapshot != nil {
				own := *src.Snapshot
				own.Items[catalog.Resources] = items
				sources[i].Snapshot = &own
			}
		}
		s.views.view = catalog.NewView(sources, s.host.Config(s).MaxNameLength, s.owners)
		s.tellLeftOut(s.views.view.LeftOut())
	}
	return s.views.view
}

// mostLeftOut bounds what is told of items that are left out of lists.
const mostLeftOut = 100

// tellLeftOut logs, once each, which items clients are not shown; views.mu is held.
func (s *Session) tellLeftOut(all []catalog.LeftOut) {
	for _, l := range all {
		if s.views.told[l] || len(s.views.told) >= mostLeftOut {
			continue
		}
		s.views.told[l] = true
		s.log.Warn().Str("server", l.Server).Str("list", l.Kind.List()).Str("item", strconv.QuoteToASCII(l.ID)).Msg("item left out of the list: " + l.Reason)
	}
}

// noteListed notes that the client was shown a list: what it names stays its server's.
func (s *Session) noteListed(k catalog.Kind) {
	if k != catalog.Resources && k != catalog.Templates {
		return
	}
	view := s.view()
	items := view.Items(k)
	for _, it := range items[:min(len(items), mostListed)] {
		if k == catalog.Resources {
			view.Shows(it.Server, it.Original)
		} else if it.Name == it.Original {
			view.ShowsTemplate(it.Server, it.Original)
		}
	}
}

// mostListed bounds what is noted of a list, so that it does not displace what results have shown.
const mostListed = 4000

// setLive records the resources a running server lists; nil items forget them.
func (s *Session) setLive(server string, items [][]byte, known bool) {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if known {
		s.views.live[server] = items
	} else {
		delete(s.views.live, server)
	}
	s.views.view = nil
}

// CatalogChanged is called by the host when its sources changed.
func (s *Session) CatalogChanged() {
	s.ForgetCatalog()
	s.announce(false, catalog.Tools, catalog.Prompts, catalog.Resources)
}

// ForgetCatalog has the session make its view anew when it is next asked for. Nothing is announced.
func (s *Session) ForgetCatalog() {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	s.views.view = nil
}

// list serves the four list methods from the catalog. Resources are data: running servers are asked for them.
func (s *Session) list(c *upstream.Call, k catalog.Kind) {
	cursor := mcp.String(c.Request.Raw, c.Request.Params.Cursor)
	s.spawn(func() {
		if cursor == "" {
			s.host.AwaitFirst(s.ctx, s, "")
		}
		if k == catalog.Resources && cursor == "" {
			s.askResources()
		}
		page, err := s.page(k, cursor)
		if errors.Is(err, catalog.ErrCursor) {
			s.fail(c, mcp.InvalidParams, "Invalid params: "+err.Error(), nil)
			return
		}
		if cursor == "" {
			s.notice.serve(k, page)
			s.noteListed(k)
		}
		s.result(c, page)
	})
}

// page renders a list as this client sees it: without what its own running instances turn out not to have.
func (s *Session) page(k catalog.Kind, cursor string) ([]byte, error) {
	running := map[string]*upstream.Attachment{}
	for _, in := range s.running() {
		running[in.Name()] = in
	}
	hide := func(it catalog.Item) bool {
		in := running[it.Server]
		if in == nil || it.Server == "" || k == catalog.Resources { // our own tools are what they are
			return false
		}
		offers, known := in.Offers(k, it.Original)
		return known && !offers
	}
	return s.view().Page(k, cursor, hide)
}

// askMost is how long a list waits for one server: one that is busy is listed as it last was.
const askMost = 2 * time.Second

// askResources reads the list of resources of each running server, all at once.
func (s *Session) askResources() {
	var all sync.WaitGroup
	for _, in := range s.running() {
		if in.Name() == "" || !in.Hello().Declares("resources") {
			continue
		}
		all.Go(func() {
			if items, err := in.ReadList(catalog.Resources, askMost); err == nil {
				s.setLive(in.Name(), s.host.Screen(in.Name(), items), true)
			}
		})
	}
	all.Wait()
}

// notices coalesces list_changed: some clients read a list again for each one.
type notices struct {
	mu     sync.Mutex
	timer  *time.Timer
	since  time.Time // when the first of what is due came; zero: nothing is due
	due    [catalog.Kinds]bool
	forced [catalog.Kinds]bool
	served [catalog.Kinds]uint64 // hash of what the client was last given or told of; 0: never
	late   []string              // servers that came after the first list, in words
	read   chan struct{}         // closed when the client next reads the tools; nil: nobody waits
}

const (
	coalesce     = 50 * time.Millisecond // after the last change
	coalesceMost = time.Second           // after the first one: a server that goes on changing is heard
)

var seed = maphash.MakeSeed()

func (n *notices) serve(k catalog.Kind, page []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.served[k] = maphash.Bytes(seed, page) | 1
	if k == catalog.Tools && n.read != nil {
		close(n.read)
		n.read = nil
	}
}

// refreshMost is how long Refresh waits: some clients never read a list again.
const refreshMost = 1500 * time.Millisecond

// Refresh tells the client now that its lists changed, and waits a moment until it has read the tools: what the caller says next may
// be about a new one.
func (s *Session) Refresh(ctx context.Context) {
	n := &s.notice
	n.mu.Lock()
	if n.read == nil {
		n.read = make(chan struct{})
	}
	read, due := n.read, n.due[catalog.Tools]
	n.mu.Unlock()
	if !due || !s.sendNotices() {
		return
	}
	select {
	case <-read:
	case <-ctx.Done():
	case <-s.ctx.Done():
	case <-time.After(refreshMost):
	}
}

func (n *notices) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil {
		n.timer.Stop()
	}
	n.due = [catalog.Kinds]bool{}
}

// announce tells the client that lists changed, a moment later and once: if it has read them and would now read something else,
// or, forced, in any case.
func (s *Session) announce(forced bool, kinds ...catalog.Kind) {
	n := &s.notice
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range kinds {
		n.due[k] = true
		n.forced[k] = n.forced[k] || forced
	}
	if n.since.IsZero() {
		n.since = time.Now()
	}
	if wait := min(coalesce, coalesceMost-time.Since(n.since)); n.timer == nil {
		n.timer = time.AfterFunc(wait, func() { s.spawn(func() { s.sendNotices() }) })
	} else {
		n.timer.Reset(wait)
	}
}

// sendNotices tells whether it announced another list of tools.
func (s *Session) sendNotices() (tools bool) {
	n := &s.notice
	n.mu.Lock()
	due, forced := n.due, n.forced
	late := n.late
	n.due, n.forced, n.since, n.late = [catalog.Kinds]bool{}, [catalog.Kinds]bool{}, time.Time{}, nil
	n.mu.Unlock()
	defer s.tellLate(late)
	for k, method := range map[catalog.Kind]string{catalog.Tools: mcp.ToolsChanged, catalog.Prompts: mcp.PromptsChanged, catalog.Resources: mcp.ResourcesChanged} {
		if !due[k] {
			continue
		}
		differs := s.differs(k)
		if k == catalog.Resources { // one notification is for both lists
			differs = s.differs(catalog.Templates) || differs
		}
		if differs || forced[k] {
			s.write(jsonrpc.Whole(jsonrpc.NewNotification(method, nil)))
			tools = tools || k == catalog.Tools
		}
	}
	return tools
}

// CameLate is called by the host when a server that the first list went without has been listed.
func (s *Session) CameLate(server string, tools int) {
	s.notice.mu.Lock()
	s.notice.late = append(s.notice.late, fmt.Sprintf("%s (%d)", strconv.Quote(server), tools))
	s.notice.mu.Unlock()
	s.announce(false, catalog.Tools)
}

// tellLate names the servers whose tools came after the first list: several clients never read it again.
func (s *Session) tellLate(late []string) {
	if len(late) > 0 {
		slices.Sort(late)
		s.Warn("These servers were listed after the first list of tools was given; in brackets how many tools each has: " + strings.Join(late, ", ") +
			". Read the list again to see them, or start a new session in a client that does not; they can be called by name at once")
	}
}

// differs tells whether the client would now read another list than it was given or told of, and notes that it is told.
func (s *Session) differs(k catalog.Kind) bool {
	page, err := s.page(k, "")
	if err != nil {
		return false
	}
	hash := maphash.Bytes(seed, page) | 1
	s.notice.mu.Lock()
	defer s.notice.mu.Unlock()
	if was := s.notice.served[k]; was == 0 || was == hash {
		return false
	}
	s.notice.served[k] = hash
	return true
}
