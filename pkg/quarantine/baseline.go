package quarantine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Baseline tells that a configuration file was run. What it held then is the person's own, unless there is a doubt.
type Baseline struct {
	Config   string    `json:"config"`
	Taken    time.Time `json:"taken"`
	Approval string    `json:"approval"`          // the policy of approval that was confirmed
	Desktop  bool      `json:"desktop,omitempty"` // digits are shown as a desktop notification
	Doubt    string    `json:"doubt,omitempty"`   // why nothing of the file was taken: a person is asked once, about all of it
	File     string    `json:"file,omitempty"`    // which file it was, by whatever name; see config.FileID
	Refused  time.Time `json:"refused,omitzero"`  // when a person last declined to approve all of the file in a client's form
}

// Why a person is asked about a whole file instead of taking it for the person's own.
const (
	MissingFile     = "the configuration file did not exist when mcpproxy-stdio first ran"
	BrokenFile      = "the configuration file could not be read when mcpproxy-stdio first ran"
	RemovedBaseline = "what was recorded of the configuration file was removed from the state directory"
	otherName       = "the configuration file is known under another name"
	oldBaseline     = "what was recorded of the configuration file has no seal: an older version wrote it, or somebody else"
)

// ReadBaseline returns the baseline of a configuration file, nil if it has never been run.
func (b *Book) ReadBaseline(path string) (*Baseline, error) {
	path = b.real(path)
	data, err := b.store.Read(baselineName(path))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return b.decodeBaseline(path, data)
}

func (b *Book) decodeBaseline(path string, data []byte) (*Baseline, error) {
	text, err := b.keys.unseal(baselineName(path), data)
	if err != nil && !errors.Is(err, errSeal) {
		return nil, err
	}
	base := &Baseline{}
	if _, _, _, sealed := cutSeal(data); !sealed && errors.Is(err, errSeal) {
		if json.Unmarshal(data, base) == nil && slices.Contains(strictness, base.Approval) {
			// Of what anybody may have written, only the stricter policy counts.
			return &Baseline{Config: path, Taken: base.Taken, Approval: Stricter(config.ApprovalHuman, base.Approval), Doubt: oldBaseline}, nil
		}
	}
	if err == nil {
		if err = json.Unmarshal(text, base); err == nil && !slices.Contains(strictness, base.Approval) {
			err = ErrFormat
		}
	}
	if err != nil { // nothing in it counts: a policy that can't be read was not confirmed
		return nil, fmt.Errorf("%s: %w – remove the file to have the servers reviewed anew", b.store.Path(baselineName(path)), err)
	}
	return base, nil
}

// sealBaseline is the content of a baseline's file.
func sealBaseline(key *sealKey, base *Baseline) ([]byte, error) {
	text, err := json.Marshal(base)
	if err != nil {
		return nil, err
	}
	return key.seal(baselineName(base.Config), append(text, '\n')), nil
}

// TakeBaseline records the servers of a configuration file as the person's own if the file was never run before. With a doubt, or where
// something tells of an earlier run, none of them is: the baseline is empty, and says why.
func (b *Book) TakeBaseline(c *config.Config, doubt string) (*Baseline, error) {
	if base, err := b.ReadBaseline(c.Path); base != nil || err != nil {
		return base, err
	}
	path := b.real(c.Path)
	key, err := b.writeKey()
	if err != nil {
		return nil, err
	}
	if doubt == "" {
		if doubt, err = b.Trace(c); err != nil {
			return nil, err
		}
	}
	base := &Baseline{Config: path, Taken: time.Now().UTC(), Approval: Stricter(config.ApprovalHuman, c.Approval), Doubt: doubt, File: config.FileID(path),
		Desktop: c.ApprovalConfirm == config.ConfirmDesktop}
	if doubt == "" { // before the lock, whose file would tell of an earlier run if this process is killed
		if err := b.store.Write(begunName(path), key.seal(begunName(path), []byte("begun\n"))); err != nil {
			return nil, err
		}
		defer b.store.Remove(begunName(path))
	}
	err = b.store.Update(baselineName(path), func(old []byte) (data []byte, err error) {
		if old != nil { // another process was quicker
			base, err = b.decodeBaseline(path, old)
			return nil, err
		}
		for _, s := range c.Servers {
			if base.Doubt != "" || s.Workspace || s.Quarantined {
				continue
			}
			if _, _, err := b.update(path, s.Name, func(r *Record) error { // logged with what the first look finds
				if r.LaunchKey == s.LaunchKey() {
					return ErrUnchanged
				}
				r.Baseline(s, "first run")
				return nil
			}); err != nil {
				return nil, err
			}
		}
		return sealBaseline(key, base)
	})
	if err != nil {
		return nil, err
	}
	return base, nil
}

// begunName is the file that tells, for a moment, that a first run is under way.
func begunName(path string) string { return name("begun", path) }

// begun tells whether a first run was cut short.
func (b *Book) begun(path string) bool {
	data, err := b.store.Read(begunName(path))
	if err == nil {
		_, err = b.keys.unseal(begunName(path), data)
	}
	return err == nil
}

// Trace says what tells that a configuration file without a baseline was run before, "" if nothing does. Absence of state is no consent: where
// any of it is left, somebody has removed the rest. The error is of state that can't be read.
func (b *Book) Trace(c *config.Config) (string, error) {
	path := b.real(c.Path)
	if _, err := os.Lstat(b.store.LockFile(baselineName(path))); err == nil && !b.begun(path) {
		return RemovedBaseline, nil
	}
	ix, err := b.readIndex()
	if err != nil {
		return "", err
	}
	records, err := b.All()
	if err != nil && !errors.Is(err, ErrFormat) {
		return "", err
	}
	if ix.Configs[baselineName(path)] || err != nil { // whose record can't be read can't be told
		return RemovedBaseline, nil
	}
	for _, r := range records {
		if r.Config == path && !r.untouched() {
			return RemovedBaseline, nil
		}
	}
	if b.leftovers() || b.seen(path) {
		return RemovedBaseline, nil
	}
	if b.hasOtherName(path) {
		return otherName, nil
	}
	return "", nil
}

// untouched tells whether a record is what a first run that was cut short leaves, or a change that was taken back.
func (r *Record) untouched() bool {
	return r.Doubt == "" && (r.First && r.Taken.IsZero() || r.Launch == nil && r.Inspect == "" && !r.Tool && !r.Rejected())
}

// leftovers tells whether the state directory has what only comes after a first run, and no baseline of any file.
func (b *Book) leftovers() bool {
	if baselines, err := b.store.List(baselinesDir); err != nil || len(baselines) > 0 {
		return err != nil
	}
	for _, name := range []string{logName, indexName} {
		if _, err := os.Lstat(b.store.Path(name)); err == nil {
			return true
		}
	}
	return false
}

// hasOtherName tells whether the file is one that was run under another path: a hard link, a bind mount, another spelling.
func (b *Book) hasOtherName(path string) bool {
	id := config.FileID(path)
	if id == "" {
		return false
	}
	if config.HasSeveralNames(path) {
		return true
	}
	baselines, err := b.store.List(baselinesDir)
	for _, file := range baselines {
		data, readErr := b.store.Read(file)
		base := &Baseline{}
		if text, _, _, ok := cutSeal(data); readErr == nil && ok && json.Unmarshal(text, base) == nil && base.File == id && base.Config != path {
			return true
		}
	}
	return err != nil
}

// changeBaseline changes the baseline of a file under a lock across processes; a missing one begins empty. what is confirmed is logged, if it is
// not "".
func (b *Book) changeBaseline(path, what string, change func(*Baseline) (changed bool)) error {
	path = b.real(path)
	key, err := b.writeKey()
	if err != nil {
		return err
	}
	return b.store.Update(baselineName(path), func(old []byte) (data []byte, err error) {
		base := &Baseline{Config: path, Taken: time.Now().UTC(), Approval: config.ApprovalHuman, Doubt: RemovedBaseline}
		if old != nil {
			if base, err = b.decodeBaseline(path, old); err != nil {
				return nil, err
			}
		}
		if !change(base) {
			return nil, nil
		}
		if data, err = sealBaseline(key, base); err == nil && what != "" { // logged first: a decision without effect is better than one that nobody finds
			r := &Record{Config: path}
			r.decide("policy", what, "", nil)
			err = b.log(r.Outbox)
		}
		return data, err
	})
}

// ConfirmApproval records that a person confirmed a policy of approval.
func (b *Book) ConfirmApproval(path, policy string) error {
	return b.changeBaseline(path, policy, func(base *Baseline) bool {
		changed := base.Approval != policy
		base.Approval = policy
		return changed
	})
}

// ConfirmDesktop records that the digits of a question are shown as a desktop notification from now on, or that a person confirmed that they are not.
func (b *Book) ConfirmDesktop(path string, on bool) error {
	how := config.ConfirmTerminal
	if on {
		how = config.ConfirmDesktop
	}
	return b.changeBaseline(path, "digits on the "+how, func(base *Baseline) bool {
		changed := base.Desktop != on
		base.Desktop = on
		return changed
	})
}

// DoubtFile takes back that the servers of a file are the person's own, as its first run had recorded them: all of the file waits, as if
// the doubt had been there then.
func (b *Book) DoubtFile(c *config.Config, doubt string) error {
	err := b.changeBaseline(c.Path, "", func(base *Baseline) bool {
		changed := base.Doubt != doubt
		base.Doubt = doubt
		return changed
	})
	for _, s := range c.Servers {
		if s.Workspace {
			continue
		}
		_, updateErr := b.Update(c.Path, s.Name, func(r *Record) error {
			if r.Launch == nil {
				return ErrUnchanged
			}
			*r = Record{Config: r.Config, Server: r.Server, Generation: r.Generation, Blocked: r.Blocked, Outbox: r.Outbox, Last: r.Last}
			r.decide("revoke", doubt, "", nil)
			return nil
		})
		err = errors.Join(err, updateErr)
	}
	return err
}

// Settle records that a person was asked about a whole file.
func (b *Book) Settle(path string) error {
	return b.changeBaseline(path, "", func(base *Baseline) bool {
		changed := base.Doubt != ""
		base.Doubt = ""
		return changed
	})
}

// RefuseFile records that a person declined to approve all of a file: they are not asked again at once.
func (b *Book) RefuseFile(path string, now time.Time) error {
	return b.changeBaseline(path, "", func(base *Baseline) bool { base.Refused = now.UTC(); return true })
}

// OfWholeFile tells whether an entry is approved together with the others of its file: it was not run yet as it is written, and neither did a
// person refuse it, nor a tool add it, nor does its entry ask for a review. The record may be nil.
func (r *Record) OfWholeFile(s *config.Server) bool {
	return !s.Workspace && !s.Quarantined && r.State(s) == HeldLaunch && (r == nil || !r.Tool && !r.Rejected() && !r.Flagged)
}

// ApproveFile records that a person approved these launches of a file together: what each server offers first is then its baseline.
func (b *Book) ApproveFile(path string, servers []*config.Server, by Means) error {
	for _, s := range servers {
		if _, err := b.Update(path, s.Name, func(r *Record) error {
			if !r.OfWholeFile(s) { // decided meanwhile
				return ErrUnchanged
			}
			r.Baseline(s, by.How)
			r.Outbox[len(r.Outbox)-1].By = by.By
			return nil
		}); err != nil {
			return err
		}
	}
	return b.Settle(path)
}

// Remember keeps in other places that a file was run, and which file it is now: editors replace it. It may take as long as a keyring does.
func (b *Book) Remember(path string, base *Baseline) error {
	path = b.real(path)
	b.markSeen(path)
	if id := config.FileID(path); base != nil && id != base.File {
		return b.changeBaseline(path, "", func(base *Baseline) bool { base.File = id; return true })
	}
	return nil
}
