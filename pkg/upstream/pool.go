package upstream

import (
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// Pool owns the instances that clients are attached to. Its zero value is empty. It is safe for concurrent use.
type Pool struct {
	mu        sync.Mutex
	instances map[Key]*Instance
}

// Key tells instances apart: clients that attach with equal keys share one.
type Key struct {
	Server string
	Scope  any // who shares it; comparable. A session, for an instance that is its own.
}

// Attach gives a client the instance of a key, or a new one made from spec, which is not started. What is sent to the
// client while more is at hand is held back at out, which may be nil.
func (p *Pool) Attach(key Key, spec func() Spec, client Client, out *jsonrpc.Outlet) *Attachment {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.instances[key]
	if in == nil {
		if p.instances == nil {
			p.instances = map[Key]*Instance{}
		}
		in = newInstance(spec())
		p.instances[key] = in
	}
	a := in.attach(client, out)
	a.pool, a.key = p, key
	return a
}

// Detach ends a client's use of its instance. The last one's end is the instance's, within about grace; who calls it
// again, with a shorter one, has it end sooner.
func (a *Attachment) Detach(grace time.Duration) {
	if a.leaveAlone() {
		a.Close(grace)
	}
}

// leaveAlone is leave; nobody can attach to what the last one has left.
func (a *Attachment) leaveAlone() (last bool) {
	if a.pool == nil {
		return a.leave()
	}
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if last = a.leave(); last && a.pool.instances[a.key] == a.Instance {
		delete(a.pool.instances, a.key)
	}
	return last
}
