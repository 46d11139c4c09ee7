package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Labels of our containers and volumes.
const (
	LabelHub    = "io.github.mcpproxy-stdio.hub"    // whose state directory: a random id
	LabelOwner  = "io.github.mcpproxy-stdio.owner"  // which running proxy: a random id
	LabelServer = "io.github.mcpproxy-stdio.server" // the entry's name
	LabelDigest = "io.github.mcpproxy-stdio.digest" // of the launch, as approvals are bound to it
)

const (
	ledgers = "containers" // directory in the store: a file for each proxy that has used an engine
	hubFile = "containers/hub"
)

// Owner makes containers for one running proxy, and removes what crashed ones have left. It is safe for concurrent use; nothing is
// touched before it is first needed.
type Owner struct {
	store *store.Store
	log   zerolog.Logger
	id    string // of this proxy
	ctx   context.Context
	close context.CancelFunc
	work  sync.WaitGroup // containers
	looks sync.WaitGroup // after what others and this one have left
	few   chan struct{}  // bounds how many look at a time

	settled, retry time.Duration // see sweep.go

	mu     sync.Mutex
	closed bool // nothing new begins
	left   int  // containers that may still be there

	writing sync.Mutex // the ledger below, with its file
	hub     string     // "": not known yet
	ways    []way
	unlock  func(last bool) // of the ledger; nil: there is none yet
}

// NewOwner makes an owner that keeps its notes in st.
func NewOwner(st *store.Store, log zerolog.Logger) *Owner {
	o := &Owner{store: st, log: log, id: rand.Text(), few: make(chan struct{}, 4), settled: settled, retry: firstRetry}
	o.ctx, o.close = context.WithCancel(context.Background())
	return o
}

// run runs a container's life, unless the owner is closed.
func (o *Owner) run(life func()) bool { return o.unlessClosed(&o.work, life) }

// look runs what looks after leftovers, until ctx ends.
func (o *Owner) look(f func()) bool { return o.unlessClosed(&o.looks, f) }

func (o *Owner) unlessClosed(group *sync.WaitGroup, f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	group.Go(f)
	return true
}

// Close waits up to grace for the containers that are being removed. What may be left then is removed by the next proxy.
func (o *Owner) Close(grace time.Duration) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	done := make(chan struct{})
	go func() { o.work.Wait(); close(done) }()
	clean := true
	select {
	case <-done:
	case <-time.After(grace):
		clean = false
	}
	o.close()
	o.looks.Wait()
	o.mu.Lock()
	clean = clean && o.left == 0
	o.mu.Unlock()
	o.writing.Lock()
	defer o.writing.Unlock()
	if o.unlock == nil {
		return
	}
	if clean {
		os.Remove(o.store.Path(o.ledger()))
	}
	o.unlock(clean)
	o.unlock = nil
}

func (o *Owner) ledger() string { return ledgers + "/" + o.id + ".json" }

// note writes down, before a container is made, at which engine.
func (o *Owner) note(w way) (err error) {
	o.writing.Lock()
	defer o.writing.Unlock()
	if o.ctx.Err() != nil {
		return o.ctx.Err()
	}
	if o.hub == "" {
		if o.hub, err = o.identity(); err != nil {
			return err
		}
	}
	if o.unlock == nil {
		unlock, ok, err := o.store.TryLock(o.ledger())
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("another process holds the lock of %s", o.store.Path(o.ledger()))
		}
		o.unlock = unlock
	}
	if slices.ContainsFunc(o.ways, func(known way) bool { return known.String() == w.String() }) {
		return os.Chtimes(o.store.Path(o.ledger()), time.Time{}, time.Now())
	}
	ways := append(slices.Clip(o.ways), w)
	text, err := json.Marshal(ways)
	if err != nil {
		return err
	}
	if err := o.store.Write(o.ledger(), text); err != nil {
		return err
	}
	o.ways = ways
	return nil
}

// identity is that of the state directory: two users of one engine, or two homes of one, are never taken for each other.
func (o *Owner) identity() (id string, err error) {
	err = o.store.Update(hubFile, func(old []byte) ([]byte, error) {
		if id = strings.TrimSpace(string(old)); id != "" {
			return nil, nil
		}
		id = rand.Text()
		return []byte(id + "\n"), nil
	})
	return id, err
}

func (o *Owner) hubID() string {
	o.writing.Lock()
	defer o.writing.Unlock()
	return o.hub
}
