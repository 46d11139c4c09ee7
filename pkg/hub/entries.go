package hub

import (
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// know reads what is recorded of entries that were not known; nothing is held while it reads.
func (h *Hub) know(servers []*config.Server) {
	for _, s := range servers {
		h.mu.Lock()
		known := h.entries[keyOf(s)] != nil
		h.mu.Unlock()
		if known {
			continue
		}
		recorded, lately := readRecorded(h.book, s, h.log), readLately(h.opts.Store, keyOf(s))
		h.mu.Lock()
		if h.entries[keyOf(s)] == nil {
			h.entries[keyOf(s)] = recorded
		}
		if _, known := h.lately[keyOf(s)]; !known && h.lately != nil {
			h.lately[keyOf(s)] = lately
		}
		h.mu.Unlock()
	}
}

// baseline is that of a configuration, taken now if the file was never run. What this hub has run is not run for the first time when
// somebody removes the state directory: then the empty baseline is written back, for other processes too.
func (h *Hub) baseline(c *config.Config) (*quarantine.Baseline, error) {
	doubt := ""
	switch {
	case h.ran.Load():
		doubt = quarantine.RemovedBaseline
	case !c.Exists && h.broken != nil:
		doubt = quarantine.BrokenFile
	case !c.Exists:
		doubt = quarantine.MissingFile
	case h.opts.Doubt != nil:
		doubt = h.opts.Doubt(c)
	}
	base, err := h.book.TakeBaseline(c, doubt)
	if base != nil && !h.ran.Swap(true) {
		h.work.Go(func() {
			if err := h.book.Remember(c.Path, base); err != nil {
				h.log.Warn().Err(err).Msg("which file was run can't be recorded")
			}
		})
	}
	return base, err
}

// doubtIn takes the trust of a first run back when the folder that is open turns out to hold the configuration: what a repository names is
// not the user's own. It does so once, since what a person decides afterwards counts.
func (h *Hub) doubtIn(folder string) {
	if h.opts.DoubtIn == nil || h.inside.Load() {
		return
	}
	doubt := h.opts.DoubtIn(h.opts.ConfigPath, folder)
	if doubt == "" {
		return
	}
	base, err := h.book.ReadBaseline(h.opts.ConfigPath)
	if err != nil || base == nil || base.Doubt != "" || base.Taken.Before(h.began) || h.inside.Swap(true) {
		return
	}
	if err := h.book.DoubtFile(h.userConfig(), doubt); err != nil {
		h.log.Error().Err(err).Msg("that the configuration lies in the folder that is open can't be recorded")
	}
	h.recall()
}

// settle records the baseline of a configuration that was never run, tightens policies that have become stricter, and reads what is
// known of the servers. The caller holds reload or is New, and not mu.
func (h *Hub) settle(c *config.Config) {
	base, err := h.baseline(c)
	if err != nil {
		h.log.Error().Err(err).Msg("the servers of the first run can't be recorded as the person's own; they are held")
	}
	a := Approval{Written: c.Approval, Confirmed: config.ApprovalHuman}
	if base != nil {
		a.Confirmed, a.Doubt = base.Approval, base.Doubt
		if tighter := quarantine.Stricter(a.Written, a.Confirmed); tighter != a.Confirmed {
			if err := h.book.ConfirmApproval(c.Path, tighter); err == nil {
				a.Confirmed = tighter
			}
		}
	}
	if base != nil && c.ApprovalConfirm == config.ConfirmDesktop && !base.Desktop {
		if err := h.book.ConfirmDesktop(c.Path, true); err != nil { // else an edit takes it back unnoticed
			h.log.Warn().Err(err).Msg("that digits are shown on the desktop can't be recorded")
		}
	}
	h.mu.Lock()
	h.approval = a
	h.mu.Unlock()
	switch p := a.Policy(); {
	case p != a.Written:
		h.log.Warn().Str("written", a.Written).Str("in_force", p).Msg("the policy of approval waits for a person: mcpproxy-stdio approve --policy")
	case p == config.ApprovalOff || p == config.ApprovalHost:
		h.log.Warn().Str("approval", p).Msg("servers are approved without a person: the configuration says so")
	}
	h.know(c.Servers)
	if err != nil {
		h.mu.Lock()
		for _, s := range c.Servers {
			if e := h.entries[keyOf(s)]; e.Record == nil && e.Failed == nil {
				h.entries[keyOf(s)] = newRecorded(nil, err)
			}
		}
		h.mu.Unlock()
	}
	h.retryFailed()
	for _, s := range c.Servers {
		h.tighten(s)
	}
}

// warnOfNames tells of servers in the user's file whose names can be taken for one another; they are the person's own choice.
func (h *Hub) warnOfNames(c *config.Config) {
	var names confusables.Names
	for _, s := range c.Servers {
		if other := names.Near(s.Name); other != "" {
			h.log.Warn().Str("server", s.Name).Str("other", other).Msg("two servers have names that can be taken for one another")
		}
		names.Add(s.Name)
	}
}

const (
	retryFirst = 2 * time.Second
	retryMost  = 10 * time.Minute
)

// retryFailed looks again, later and later, at the records that could not be read or written: a disk is full for a while.
func (h *Hub) retryFailed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	failed := false
	for _, e := range h.entries {
		failed = failed || e.Failed != nil
	}
	if !failed || h.retrying {
		if !failed {
			h.retryIn = retryFirst
		}
		return
	}
	h.retrying = true
	wait := max(h.retryIn, retryFirst)
	h.retryIn = min(2*wait, retryMost)
	h.work.Go(func() {
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(wait):
		}
		h.reload.Lock()
		defer h.reload.Unlock()
		h.mu.Lock()
		h.retrying = false
		for k, e := range h.entries {
			if e.Failed != nil {
				delete(h.entries, k)
			}
		}
		c := h.config
		var all []*config.Server
		for _, sc := range h.scopes {
			all = append(all, sc.Written.Servers...)
		}
		h.mu.Unlock()
		h.settle(c)
		h.know(all)
		h.apply()
	})
}

// tighten takes down a policy that has become stricter, so that a later loosening is seen; with the policy off it approves what is held.
func (h *Hub) tighten(s *config.Server) {
	h.mu.Lock()
	e := h.entries[keyOf(s)]
	off := h.approval.Policy() == config.ApprovalOff
	h.mu.Unlock()
	change := func(r *quarantine.Record) error {
		if off && r.State(s) != quarantine.Approved && !s.Quarantined && !r.Rejected() {
			r.Baseline(s, "off")
			return nil
		}
		if off && r.Enables(s) {
			r.Policy.Off = false
			return nil
		}
		if !r.Tighten(s) {
			return quarantine.ErrUnchanged
		}
		return nil
	}
	probe := &quarantine.Record{}
	if e.Record != nil {
		probe = e.Record.Clone()
	}
	if e.Failed != nil || change(probe) != nil {
		return
	}
	if r, err := h.book.Update(s.Path, s.Name, change); err == nil {
		h.mu.Lock()
		h.entries[keyOf(s)] = newRecorded(r, nil)
		h.mu.Unlock()
	}
}

// recall reads what other processes have recorded.
func (h *Hub) recall() {
	h.reload.Lock()
	defer h.reload.Unlock()
	h.mu.Lock()
	keys := make(map[key]uint64, len(h.entries))
	doubted := map[key]bool{}
	for k, e := range h.entries {
		if keys[k] = 0; e.Record != nil {
			keys[k], doubted[k] = e.Record.Generation, e.Record.Doubt != ""
		}
	}
	c := h.config
	h.mu.Unlock()
	if base, err := h.baseline(c); err == nil {
		h.mu.Lock()
		other := h.approval.Confirmed != base.Approval || h.approval.Doubt != base.Doubt
		h.approval.Confirmed, h.approval.Doubt = base.Approval, base.Doubt
		h.mu.Unlock()
		if other {
			h.settle(c)
			h.apply()
		}
	}
	for k, generation := range keys {
		switch r, err := h.book.Read(k.path, k.name); {
		case err != nil:
		case r != nil && r.Doubt != "" && !doubted[k]:
			h.log.Warn().Str("server", k.name).Str("reason", r.Doubt).Msg("what was approved of it does not count any more; it is held")
			h.forget(k, generation, r)
		case r != nil && r.Generation > generation:
			h.adopt(k, r)
		case r == nil && generation > 0: // it is gone, and nothing of it had been approved
			h.forget(k, generation, nil)
		}
	}
}

// forget puts what is left of a record in its place, nil for nothing, unless another was written since.
func (h *Hub) forget(k key, generation uint64, left *quarantine.Record) {
	h.mu.Lock()
	e := h.entries[k]
	gone := e != nil && (e.Record == nil || e.Record.Generation == generation)
	if gone {
		h.entries[k] = newRecorded(left, nil)
	}
	h.mu.Unlock()
	if gone {
		h.apply()
	}
}

// adopt takes a record that was written over, unless a newer one is known.
func (h *Hub) adopt(k key, r *quarantine.Record) {
	h.mu.Lock()
	old := h.entries[k]
	if old != nil && old.Record != nil && old.Record.Generation >= r.Generation {
		h.mu.Unlock()
		h.forgetCatalogs() // who adopted it may not have come to that yet, and a list is about to be served
		return
	}
	e := newRecorded(r, nil)
	h.entries[k] = e
	if r.Inspect == "" {
		delete(h.tried, k)
	}
	f := h.firsts[k]
	h.mu.Unlock()
	h.forgetCatalogs() // before apply ends the wait of a list
	h.apply()
	if old != nil {
		h.warnChanged(k, old.Record, r)
	}
	if old != nil && old.Record != nil && len(lacking(old.Gate, quarantine.OfStart(r))) > 0 { // what a start waited for was approved
		if f != nil {
			f.in.Start()
		}
		for _, s := range h.all() {
			h.work.Go(s.StartEager)
		}
	}
	if old != nil && e.Snapshot.SameDefinitions(old.Snapshot) {
		return
	}
	for _, s := range h.all() { // the list of resources is each session's own
		s.CatalogChanged()
	}
}

// forgetCatalogs has every session make its view anew.
func (h *Hub) forgetCatalogs() {
	for _, s := range h.all() {
		s.ForgetCatalog()
	}
}

// fail takes down that a record can't be written: what can't be pinned is not run.
func (h *Hub) fail(k key, err error) {
	h.log.Error().Str("server", k.name).Err(err).Msg("what it offers can't be recorded; it is held")
	h.mu.Lock()
	e := &Recorded{Failed: err}
	if old := h.entries[k]; old != nil {
		e.Record = old.Record
	}
	h.entries[k] = e
	h.mu.Unlock()
	h.apply()
	h.retryFailed()
}
