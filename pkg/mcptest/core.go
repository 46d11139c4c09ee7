package mcptest

import (
	"bytes"
	"io"
	"maps"
	"strconv"
	"sync"
	"time"
)

// core is what all sessions of one upstream share: its options, its lists, and
// what it has seen.
type core struct {
	opts     Server
	builtins map[string]builtin
	caps     []byte
	stderr   io.Writer
	exit     func(code int) // ends the peer at once: a process, or its connections
	kill     func()         // the same by SIGKILL

	// rawOut writes bytes as they stand, and with last set nothing after them.
	// Nil where there is no single stream.
	rawOut func(data []byte, last bool)

	mu          sync.Mutex
	textVersion int
	edition     int // of the lists; cursors of another one are refused
	added       []item
	dropped     map[string]bool
	tools       []item // made of the above when nil
	counts      map[string]int
	last        map[string][]byte // by method, but tools/call by tool
	lastByTool  map[string][]byte
	lastTool    string
	cancelled   []string
	sessions    map[*session]struct{}
	taskCount   int // given out so far
	rug         rug
}

// item is an entry of a list. needs names a client capability.
type item struct {
	name  string
	raw   []byte
	needs string
}

func newCore(opts Server, stderr io.Writer) *core {
	opts = opts.withDefaults()
	c := &core{
		opts:        opts,
		builtins:    map[string]builtin{},
		caps:        opts.Capabilities,
		stderr:      stderr,
		textVersion: opts.TextVersion,
		dropped:     map[string]bool{},
		counts:      map[string]int{},
		last:        map[string][]byte{},
		lastByTool:  map[string][]byte{},
		sessions:    map[*session]struct{}{},
		rug:         newRug(opts.Rug),
	}
	for _, t := range builtinTools() {
		c.builtins[t.name] = t
	}
	return c
}

// capabilities gives what initialize declares under a revision.
func (c *core) capabilities(version string) []byte {
	if c.caps != nil {
		return c.caps
	}
	b := []byte(`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{}`)
	if version >= "2025-03-26" {
		b = append(b, `,"completions":{}`...)
	}
	if version >= "2025-11-25" {
		b = append(b, `,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`...)
	}
	return append(b, '}')
}

// record counts a message and keeps its line.
func (c *core) record(method string, line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[method]++
	c.last[method] = append(c.last[method][:0], line...)
}

// recordTool does so for a tools/call. The tools that look at the records are
// counted, but leave the last lines as they are.
func (c *core) recordTool(name string, line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts["tools/call"]++
	switch name {
	case "last", "count", "cancelled":
		return
	}
	c.lastByTool[name] = append(c.lastByTool[name][:0], line...)
	c.lastTool = name
}

func (c *core) countsCopy() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// lastLine gives the last line of a method, for tools/call of one tool or of any.
func (c *core) lastLine(method, tool string) (line []byte, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if method != "tools/call" {
		line, known = c.last[method]
		return bytes.Clone(line), known
	}
	if tool == "" {
		tool = c.lastTool
	}
	line, known = c.lastByTool[tool]
	return bytes.Clone(line), known
}

// toolItems gives the tools in order: built in, extra, generated, added.
func (c *core) toolItems() []item {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tools != nil {
		return c.tools
	}
	list := make([]item, 0, len(c.builtins)+c.opts.Tools)
	add := func(it item) {
		if !c.dropped[it.name] {
			list = append(list, it)
		}
	}
	for _, t := range builtinTools() {
		if t.wanted(c.opts.Builtins) {
			it := item{name: t.name, raw: t.define(c.textVersion, c.opts.SchemaVersion)}
			if c.opts.CapabilityTools {
				it.needs = t.needs
			}
			add(it)
		}
	}
	for _, raw := range c.opts.ExtraTools {
		add(item{name: unquote(member(raw, "name")), raw: raw})
	}
	for i := 1; i <= c.opts.Tools; i++ {
		name := generatedName(i)
		text := "Generated tool number " + strconv.Itoa(i) + " of the scripted upstream " + c.opts.Name
		add(item{name: name, raw: toolJSON(name, versioned(text, c.textVersion), generatedSchema(c.opts.SchemaVersion), `,"annotations":{"readOnlyHint":true}`)})
	}
	for _, it := range c.added {
		add(it)
	}
	if c.rug.pulled {
		list = laid(list, c.opts.Rug.Tools)
	}
	c.tools = list
	return list
}

// changeTools alters what the tool list is made of and tells every session.
func (c *core) changeTools(change func()) {
	c.mu.Lock()
	change()
	c.edition++
	c.tools = nil
	c.mu.Unlock()
	c.broadcast(notification("notifications/tools/list_changed", nil))
}

func (c *core) broadcast(frame []byte) {
	for _, s := range c.allSessions() {
		s.send(frame)
	}
}

func (c *core) allSessions() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*session, 0, len(c.sessions))
	for s := range c.sessions {
		list = append(list, s)
	}
	return list
}

func (c *core) noteCancelled(id, reason []byte) {
	entry := append([]byte(`{"requestId":`), orNull(id)...)
	entry = append(append(entry, `,"reason":`...), orNull(reason)...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelled = append(c.cancelled, string(append(entry, '}')))
}

func (c *core) nextTask() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taskCount++
	return c.opts.TaskPrefix + strconv.Itoa(c.taskCount)
}

// exitLater ends the peer after a while, as ExitAfterInit asks for.
func (c *core) exitLater(d time.Duration) { time.AfterFunc(d, func() { c.exit(c.opts.ExitCode) }) }

func orNull(b []byte) []byte {
	if b == nil {
		return []byte("null")
	}
	return b
}
