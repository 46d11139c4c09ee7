package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

const (
	settled    = 75 * time.Second // longer than apiTimeout: so long a request of a crashed proxy may still be under way at the engine
	firstRetry = 2 * time.Second  // where an engine is away; then ever longer
	lastRetry  = 10 * time.Minute
	forgotten  = 30 * 24 * time.Hour // an engine that has not come back after this does not
)

// Sweep begins to remove the containers that crashed proxies of this state directory have left, and returns at once.
func (o *Owner) Sweep() {
	files, err := os.ReadDir(o.store.Path(ledgers))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // most often there is none
			o.log.Warn().Err(err).Msg("the records of crashed proxies' containers can't be listed")
		}
		return
	}
	for _, f := range files {
		name := path.Join(ledgers, f.Name())
		if strings.HasSuffix(name, ".json") && name != o.ledger() {
			o.look(func() { o.sweep(name) })
		}
	}
}

// sweep removes what one proxy has left, if it does not live any more. It tries again while an engine is away, and looks once more when
// nothing can be under way there.
func (o *Owner) sweep(name string) {
	for retry := o.retry; ; {
		select {
		case o.few <- struct{}{}:
		case <-o.ctx.Done():
			return
		}
		wait, err := o.sweepOnce(name)
		<-o.few
		switch {
		case o.ctx.Err() != nil:
			return
		case err != nil:
			event := o.log.Debug()
			if retry == o.retry {
				event = o.log.Warn()
			}
			event.Err(err).Str("file", name).Msg("containers of a crashed proxy could not be removed; tried again later")
			wait, retry = retry, min(2*retry, lastRetry)
		case wait == 0:
			return
		}
		select {
		case <-o.ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// sweepOnce tells after what time to look again, 0 for never.
func (o *Owner) sweepOnce(name string) (again time.Duration, err error) {
	unlock, ok, err := o.store.TryLock(name)
	if err != nil || !ok { // it lives, or another one is at it
		return 0, err
	}
	last := false
	defer func() { unlock(last) }()
	info, err := os.Lstat(o.store.Path(name))
	if err != nil { // another one was quicker
		last = true
		return 0, nil
	}
	age := time.Since(info.ModTime())
	err = o.removeNoted(name)
	switch {
	case err == nil && age < o.settled:
		return o.settled - age, nil
	case err != nil && age < forgotten:
		return 0, err
	}
	last = true
	return 0, os.Remove(o.store.Path(name))
}

// removeNoted removes every container that a ledger leads to.
func (o *Owner) removeNoted(name string) error {
	text, err := o.store.Read(name)
	if err != nil {
		return err
	}
	var ways []way
	if err := json.Unmarshal(text, &ways); err != nil {
		return err
	}
	hub, err := o.identity()
	if err != nil {
		return err
	}
	owner := strings.TrimSuffix(path.Base(name), ".json")
	var failed []error
	for _, w := range ways {
		failed = append(failed, o.removeAll(w, owner, hub))
	}
	return errors.Join(failed...)
}

// removeAll removes every container of an owner from an engine, by its exact id.
func (o *Owner) removeAll(w way, owner, hub string) error {
	endpoint, err := w.find()
	if err != nil {
		return err
	}
	e, err := endpoint.open()
	if err != nil {
		return err
	}
	defer e.close()
	ctx, cancel := context.WithTimeout(o.ctx, apiTimeout)
	defer cancel()
	left, err := e.api.ContainerList(ctx, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", LabelOwner+"="+owner), filters.Arg("label", LabelHub+"="+hub))})
	if err != nil && unreachable(err) {
		return e.there(err)
	} else if err != nil {
		return errors.New(quoted(err))
	}
	var failed []error
	for _, c := range left {
		if c.Labels[LabelOwner] != owner || c.Labels[LabelHub] != hub { // whatever the engine made of the filter
			continue
		}
		if _, err := e.remove(ctx, c.ID); err != nil {
			failed = append(failed, errors.New(quoted(err)))
			continue
		}
		o.log.Info().Str("server", c.Labels[LabelServer]).Str("container", c.ID).Msg("removed the leftovers of a crashed proxy")
	}
	return errors.Join(failed...)
}

// leave takes a container that could not be removed, by its id or name, to be removed later, as when its engine went away. With coming,
// one that is not there yet may still come to be.
func (o *Owner) leave(endpoint Endpoint, id string, coming bool) {
	begin := time.Now()
	o.mu.Lock()
	o.left++
	o.mu.Unlock()
	o.look(func() {
		for wait := o.retry / 2; ; wait = min(2*wait, time.Minute) {
			select {
			case <-o.ctx.Done():
				return
			case <-time.After(wait):
			}
			found, err := o.removeLater(endpoint, id)
			if err == nil && (found || !coming || time.Since(begin) > o.settled) {
				o.mu.Lock()
				o.left--
				o.mu.Unlock()
				return
			}
		}
	})
}

func (o *Owner) removeLater(endpoint Endpoint, id string) (found bool, err error) {
	e, err := endpoint.open()
	if err != nil {
		return false, err
	}
	defer e.close()
	ctx, cancel := context.WithTimeout(o.ctx, pingTimeout)
	defer cancel()
	return e.remove(ctx, id)
}
