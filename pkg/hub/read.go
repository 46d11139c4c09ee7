package hub

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// What is read of files is told to the reconciler as facts. Who reads holds reading, so that an older file does not win.

// errEmptied: a full disk, or an editor in the middle of its work, leaves an empty file; nobody who wants no servers writes one.
var errEmptied = errors.New(`the file is empty – write {"mcpServers": {}} to have no servers`)

// load reads the configuration, under the store's key. Without the key no literal value is the approved one: what has any is held.
func (h *Hub) load() (*config.Config, error) {
	c, err := config.Load(h.opts.ConfigPath)
	if err != nil {
		return c, err
	}
	key, err := h.book.Key()
	if err != nil {
		h.log.Error().Err(err).Msg("the store's key can't be read; servers whose entries have literal values are held")
	}
	return c.Keyed(key), nil
}

// InForce says what counts while the file can't be read.
func InForce(c *config.Config) string {
	if c.Exists {
		return "the last good configuration is in force"
	}
	return "none of its servers is available until it is fixed"
}

// Reload takes in the configuration file as it is now. One that can't be read leaves the running one in force.
func (h *Hub) Reload() {
	h.reading.Lock()
	defer h.reading.Unlock()
	next, err := h.load()
	if info, serr := os.Stat(h.opts.ConfigPath); err == nil && serr == nil && info.Size() == 0 {
		err = errEmptied
	}
	if err != nil {
		h.tell(configBroken{err})
		now := h.State()
		h.log.Error().Err(err).Msg("configuration not applied; " + InForce(now.Config))
		for s := range now.sessions {
			s.Warn("The config file changed but can't be read; " + InForce(now.Config) + ". " + err.Error())
		}
		return
	}
	h.report(next)
	h.warnOfNames(next)
	h.starts.SetMost(next.MaxStarts)
	facts, read := h.settle(next, nil), configRead{next, map[string]source{}}
	for path := range h.State().sources {
		if path != "" {
			written, data := next.InWorkspace(path)
			facts, read.sources[path] = append(facts, h.know(written.Servers)), source{written, data}
		}
	}
	h.log.Info().Msg("configuration applied")
	h.tell(append(facts, read)...)
	for path := range h.State().sources {
		if _, known := read.sources[path]; path != "" && !known {
			h.rewrite(path)
		}
	}
	h.spawn(func() {
		select {
		case <-time.After(keptAfterRemoval):
			h.forgetRemoved()
		case <-h.ctx.Done(): // the next start does it
		}
	})
}

// keptAfterRemoval is how long the files of a sandboxed server outlive its entry: one that is moved within the file is gone for a moment.
const keptAfterRemoval = time.Minute

// forgetRemoved removes what sandboxed servers kept that the user's file does not have any more. A file that is not there, or can't be
// read, says nothing about its servers.
func (h *Hub) forgetRemoved() {
	st := h.State()
	if st.Broken != nil || !st.Config.Exists {
		return
	}
	if _, err := h.book.ReadBaseline(st.Config.Path); err != nil { // a state directory that is not used is left alone
		return
	}
	var names []string
	for _, s := range st.Config.Servers {
		names = append(names, s.Name)
	}
	sandbox.ForgetServers(h.opts.Store.Dir(), st.Config.Path, names)
}

func (h *Hub) report(c *config.Config) {
	for _, p := range c.Problems {
		h.log.Warn().Msg(p.String())
	}
}

// warnOfNames warns of servers in the user's file whose names can be taken for one another; they are the person's own choice.
func (h *Hub) warnOfNames(c *config.Config) {
	var names confusables.Names
	for _, s := range c.Servers {
		if other := names.Near(s.Name); other != "" {
			h.log.Warn().Str("server", s.Name).Str("other", other).Msg("two servers have names that can be taken for one another")
		}
		names.Add(s.Name)
	}
}

// know reads what is recorded of servers that are not known.
func (h *Hub) know(servers []*config.Server) firstRead {
	f, st := firstRead{map[key]*Recorded{}, map[key]Lately{}}, h.State()
	for _, s := range servers {
		if k := keyOf(s); st.recorded[k] == nil {
			f.recorded[k], f.lately[k] = readRecorded(h.book, s, h.log), readLately(h.opts.Store, k)
		}
	}
	return f
}

// baseline is that of a configuration, taken now if the file was never run. What this hub has run is not run for the first time when
// somebody removes the state directory: then the empty baseline is written back, for other processes too.
func (h *Hub) baseline(c *config.Config) (*quarantine.Baseline, error) {
	doubt := ""
	switch {
	case h.ran.Load():
		doubt = quarantine.RemovedBaseline
	case !c.Exists && h.State().Broken != nil:
		doubt = quarantine.BrokenFile
	case !c.Exists:
		doubt = quarantine.MissingFile
	case h.opts.Doubt != nil:
		doubt = h.opts.Doubt(c)
	}
	base, err := h.book.TakeBaseline(c, doubt)
	if base != nil && !h.ran.Swap(true) {
		h.spawn(func() {
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
	if err := h.book.DoubtFile(h.State().Config, doubt); err != nil {
		h.log.Error().Err(err).Msg("that the configuration lies in the folder that is open can't be recorded")
	}
	h.recall()
}

// settle records the baseline of a configuration that was never run, tightens policies that have become stricter, and reads what is
// known of the servers. Records in reread are newer than those of the state.
func (h *Hub) settle(c *config.Config, reread map[key]*Recorded) []fact {
	base, failed := h.baseline(c)
	if failed != nil {
		h.log.Error().Err(failed).Msg("the servers of the first run can't be recorded as the person's own; they are held")
	}
	a := Approval{Written: c.Approval, Confirmed: config.ApprovalHuman}
	if base != nil {
		a.Confirmed, a.Doubt = base.Approval, base.Doubt
		if tighter := a.Policy(); tighter != a.Confirmed {
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
	switch p := a.Policy(); {
	case p != a.Written:
		h.log.Warn().Str("written", a.Written).Str("in_force", p).Msg("the policy of approval waits for a person: mcpproxy-stdio approve --policy")
	case p == config.ApprovalOff || p == config.ApprovalHost:
		h.log.Warn().Str("approval", p).Msg("servers are approved without a person: the configuration says so")
	}
	st, read := h.State(), h.know(c.Servers)
	facts := []fact{approvalRead(a), read}
	for _, s := range c.Servers {
		k := keyOf(s)
		e := reread[k]
		if e == nil {
			e = st.recorded[k]
		}
		if e == nil {
			e = read.recorded[k]
		}
		switch {
		case e.Failed != nil:
		case failed != nil && e.Record == nil:
			facts = append(facts, recordFailed{k, failed})
		default:
			if r := h.tighten(s, e, a.Policy() == config.ApprovalOff); r != nil {
				facts = append(facts, recordWritten{k, r})
			}
		}
	}
	return facts
}

// tighten records a policy that has become stricter, so that a later loosening is seen. With the policy of approval off it approves what
// is held. It returns the record if that is another one now.
func (h *Hub) tighten(s *config.Server, e *Recorded, off bool) *quarantine.Record {
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
	if change(probe) != nil {
		return nil
	}
	r, err := h.book.Update(s.Path, s.Name, change)
	if err != nil {
		return nil
	}
	return r
}

const (
	retryFirst = 2 * time.Second
	retryMost  = 10 * time.Minute
)

// retryFailed looks again, later and later, at the records that could not be read or written: a disk is full for a while. The reconciler
// calls it.
func (h *Hub) retryFailed(now *State) {
	failed := false
	for _, e := range now.recorded {
		failed = failed || e.Failed != nil
	}
	if !failed {
		h.retryIn = retryFirst
	}
	if !failed || h.retrying.Swap(true) {
		return
	}
	wait := max(h.retryIn, retryFirst)
	h.retryIn = min(2*wait, retryMost)
	h.spawn(func() {
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(wait):
		}
		h.reading.Lock()
		defer h.reading.Unlock()
		st, reread := h.State(), map[key]*Recorded{}
		_, _ = h.baseline(st.Config) // its records are read below; settle tells why it can't be taken
		var facts []fact
		for k, e := range st.recorded {
			if e.Failed != nil {
				reread[k] = readRecorded(h.book, st.server(k).Written, h.log)
				facts = append(facts, recordReread{k, reread[k]})
			}
		}
		facts = append(facts, h.settle(st.Config, reread)...)
		h.retrying.Store(false)
		h.tell(facts...)
	})
}

// recall reads what other processes have recorded.
func (h *Hub) recall() {
	h.reading.Lock()
	defer h.reading.Unlock()
	st := h.State()
	var facts []fact
	if base, err := h.baseline(st.Config); err == nil && (st.Approval.Confirmed != base.Approval || st.Approval.Doubt != base.Doubt) {
		facts = h.settle(st.Config, nil)
	}
	for k, e := range st.recorded {
		if f := h.reread(k, e); f != nil {
			facts = append(facts, f)
		}
	}
	h.tell(facts...)
}

// recallOne reads what was just recorded of one server.
func (h *Hub) recallOne(k key) {
	h.reading.Lock()
	defer h.reading.Unlock()
	if e := h.State().recorded[k]; e == nil {
		return
	} else if f := h.reread(k, e); f != nil {
		h.tell(f)
	} else {
		h.tell() // who read it before may not have told everybody yet
	}
}

// reread is what is recorded of a server now, nil if that is nothing new.
func (h *Hub) reread(k key, e *Recorded) fact {
	generation, doubted := uint64(0), false
	if e.Record != nil {
		generation, doubted = e.Record.Generation, e.Record.Doubt != ""
	}
	switch r, err := h.book.Read(k.path, k.name); {
	case err != nil:
	case r != nil && r.Doubt != "" && !doubted:
		h.log.Warn().Str("server", k.name).Str("reason", r.Doubt).Msg("what was approved of it does not count any more; it is held")
		return recordGone{k, generation, r}
	case r != nil && r.Generation > generation:
		return recordWritten{k, r}
	case r == nil && generation > 0: // it is gone, and nothing of it had been approved
		return recordGone{k, generation, nil}
	}
	return nil
}

// adopt takes in a record that was written.
func (h *Hub) adopt(k key, r *quarantine.Record) { h.tell(recordWritten{k, r}) }

// fail takes in that a record can't be written: what can't be pinned is not run.
func (h *Hub) fail(k key, err error) {
	h.log.Error().Str("server", k.name).Err(err).Msg("what it offers can't be recorded; it is held")
	h.tell(recordFailed{k, err})
}

// Moved implements session.Host: the session's workspace may be another one now.
func (h *Hub) Moved(s *session.Session) {
	path := ""
	if workspace := s.KnownWorkspace(); workspace != "" {
		h.doubtIn(workspace)
		// Its file need not be there yet: it is watched, and what it proposes is taken in when it appears.
		if path = config.WorkspacePath(workspace); path == h.opts.ConfigPath {
			path = ""
		}
	}
	for h.ctx.Err() == nil {
		st := h.State()
		if m, there := st.sessions[s]; !there || m.path == path {
			return
		}
		f, facts := moved{s: s, path: path, user: st.Config}, []fact(nil)
		if _, known := st.sources[path]; !known {
			f.written, f.data = st.Config.InWorkspace(path)
			facts = append(facts, h.know(f.written.Servers))
		}
		h.tell(append(facts, f)...) // not taken if another configuration was taken over meanwhile
	}
}

// watchWorkspace takes in each change of a workspace's file while a session is in the workspace. The reconciler calls it.
func (h *Hub) watchWorkspace(path string, data []byte) {
	ctx, end := context.WithCancel(h.ctx)
	h.watches[path] = end
	h.spawn(func() {
		config.WatchFile(ctx, path, data, func() {
			h.reading.Lock()
			defer h.reading.Unlock()
			h.rewrite(path)
		})
	})
}

// rewrite reads a workspace's file anew.
func (h *Hub) rewrite(path string) {
	written, data := h.State().Config.InWorkspace(path)
	h.tell(h.know(written.Servers), workspaceRead{path, source{written, data}})
}

// withWorkspace is the configuration with the servers that a workspace's own file proposes.
func withWorkspace(c *config.Config, workspace string) *config.Config {
	if workspace == "" {
		return c
	}
	path := config.WorkspacePath(workspace)
	if path == c.Path {
		return c
	}
	merged, _ := c.InWorkspace(path)
	return merged
}
