package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
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
	ledgers   = "containers" // directory in the store: a file for each proxy that has used an engine
	hubFile   = "containers/hub"
	settled   = time.Minute         // a request of a crashed proxy may still be under way at the engine
	forgotten = 30 * 24 * time.Hour // an engine that has not come back after this does not
)

// Owner makes containers for one running proxy, and removes what crashed ones have left. It is safe for concurrent use; nothing is
// touched before it is first needed.
type Owner struct {
	store *store.Store
	log   zerolog.Logger
	run   string
	ctx   context.Context
	end   context.CancelFunc
	work  sync.WaitGroup // containers
	looks sync.WaitGroup // after what others and this one have left

	mu      sync.Mutex
	engines map[string]*engine // by the way to them
	left    int                // containers that may still be there

	writing sync.Mutex // the ledger below, with its file
	hub     string     // "": not known yet
	ways    []way
	unlock  func(last bool) // of the ledger; nil: there is none yet
}

// NewOwner makes an owner that keeps its notes in st.
func NewOwner(st *store.Store, log zerolog.Logger) *Owner {
	o := &Owner{store: st, log: log, run: rand.Text(), engines: map[string]*engine{}}
	o.ctx, o.end = context.WithCancel(context.Background())
	return o
}

// Close waits up to grace for the containers that are being removed. What may be left then is removed by the next proxy.
func (o *Owner) Close(grace time.Duration) {
	done := make(chan struct{})
	go func() { o.work.Wait(); close(done) }()
	clean := true
	select {
	case <-done:
	case <-time.After(grace):
		clean = false
	}
	o.end()
	o.looks.Wait()
	o.mu.Lock()
	clean = clean && o.left == 0
	for _, e := range o.engines {
		e.api.Close()
	}
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

// engine is the client of an endpoint, made when it is first needed.
func (o *Owner) engine(endpoint Endpoint) (*engine, error) {
	key := endpoint.way.String()
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.engines[key]; e != nil {
		return e, nil
	}
	api, err := endpoint.open()
	if err != nil {
		return nil, err
	}
	e := &engine{Endpoint: endpoint, api: api}
	o.engines[key] = e
	return e, nil
}

// forget makes the next container begin anew with its engine: after it was away another one may be there, of another version.
func (o *Owner) forget(e *engine) {
	key := e.way.String()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.engines[key] == e {
		delete(o.engines, key)
	}
	e.api.Close() // idle connections: those in use stay
}

func (o *Owner) ledger() string { return ledgers + "/" + o.run + ".json" }

// note writes down, before a container is made, at which engine.
func (o *Owner) note(w way) (err error) {
	o.writing.Lock()
	defer o.writing.Unlock()
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
			return fmt.Errorf("the lock of %s is held by somebody else", o.store.Path(o.ledger()))
		}
		o.unlock = unlock
	}
	if slices.ContainsFunc(o.ways, func(known way) bool { return known.String() == w.String() }) {
		return os.Chtimes(o.store.Path(o.ledger()), time.Time{}, time.Now())
	}
	text, err := json.Marshal(append(o.ways, w))
	if err != nil {
		return err
	}
	if err := o.store.Write(o.ledger(), text); err != nil {
		return err
	}
	o.ways = append(o.ways, w)
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

// Sweep begins to remove the containers that crashed proxies of this state directory have left, and returns at once.
func (o *Owner) Sweep() {
	files, err := os.ReadDir(o.store.Path(ledgers))
	if err != nil {
		return // most often there is none
	}
	for _, f := range files {
		name := path.Join(ledgers, f.Name())
		if strings.HasSuffix(name, ".json") && name != o.ledger() {
			o.looks.Go(func() { o.sweep(name) })
		}
	}
}

// sweep removes what one proxy has left, if it does not live any more.
func (o *Owner) sweep(name string) {
	unlock, ok, err := o.store.TryLock(name)
	if err != nil || !ok {
		return
	}
	last := true
	defer func() { unlock(last) }()
	info, err := os.Lstat(o.store.Path(name))
	if err != nil {
		return // another one was quicker
	}
	last = false
	text, err := o.store.Read(name)
	var ways []way
	if err == nil {
		err = json.Unmarshal(text, &ways)
	}
	if err != nil {
		o.log.Warn().Err(err).Str("file", name).Msg("notes of a crashed proxy's containers cannot be read")
		return
	}
	owner := strings.TrimSuffix(path.Base(name), ".json")
	for _, w := range ways {
		if err = o.removeAll(w, owner); err != nil {
			o.log.Warn().Err(err).Msg("containers of a crashed proxy could not be looked for; the next start tries again")
			break
		}
	}
	age := time.Since(info.ModTime())
	if err == nil && age > settled || age > forgotten {
		os.Remove(o.store.Path(name))
		last = true
	}
}

// removeAll removes every container of an owner, by its exact id.
func (o *Owner) removeAll(w way, owner string) error {
	endpoint, err := w.find()
	if err != nil {
		return err
	}
	e, err := o.engine(endpoint)
	if err != nil {
		return err
	}
	hub, err := o.identity()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(o.ctx, apiTimeout)
	defer cancel()
	left, err := e.api.ContainerList(ctx, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", LabelOwner+"="+owner), filters.Arg("label", LabelHub+"="+hub))})
	if err != nil {
		return e.there(err)
	}
	var failed []error
	for _, c := range left {
		if err := e.remove(ctx, c.ID); err != nil {
			failed = append(failed, err)
			continue
		}
		o.log.Info().Str("server", c.Labels[LabelServer]).Str("container", c.ID).Msg("removed what a crashed proxy has left")
	}
	return errors.Join(failed...)
}

// leave takes a container that could not be removed to be removed later, as when its engine went away.
func (o *Owner) leave(e *engine, id string) {
	o.mu.Lock()
	o.left++
	o.mu.Unlock()
	o.looks.Go(func() {
		for wait := time.Second; ; wait = min(2*wait, time.Minute) {
			select {
			case <-o.ctx.Done():
				return
			case <-time.After(wait):
			}
			ctx, cancel := context.WithTimeout(o.ctx, pingTimeout)
			err := e.remove(ctx, id)
			cancel()
			if err == nil {
				o.mu.Lock()
				o.left--
				o.mu.Unlock()
				return
			}
		}
	})
}
