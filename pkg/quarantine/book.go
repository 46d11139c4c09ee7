package quarantine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Book keeps the records in the state directory. It is safe for concurrent use by any number of processes.
type Book struct{ store *store.Store }

// NewBook returns the book in a store.
func NewBook(st *store.Store) *Book { return &Book{st} }

const recordsDir = "records"

func name(dir string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p + "\x00"))
	}
	return dir + "/" + hex.EncodeToString(h.Sum(nil)[:16])
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Read returns the record of an entry: by the path of its configuration file, and its name. It is nil if there is none.
func (b *Book) Read(path, server string) (*Record, error) {
	data, err := b.store.Read(name(recordsDir, path, server))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w – remove the file to have the server reviewed anew", b.store.Path(name(recordsDir, path, server)), err)
	}
	return r, nil
}

// ErrUnchanged is returned by a change that has nothing to write.
var ErrUnchanged = errors.New("unchanged")

// Update changes an entry's record under a lock across processes, and returns what is stored now. When it returns without an error the
// change, and the decisions in it, are on disk. A record that is not there begins empty; one that can't be read is not replaced.
func (b *Book) Update(path, server string, change func(*Record) error) (*Record, error) {
	r, decided, err := b.update(path, server, change)
	if decided {
		b.empty(path, server) // what can't be logged now stays in the record, where Log finds it, and is tried again
	}
	return r, err
}

// update is Update without the log.
func (b *Book) update(path, server string, change func(*Record) error) (r *Record, decided bool, err error) {
	err = b.store.Update(name(recordsDir, path, server), func(old []byte) ([]byte, error) {
		r = &Record{Config: path, Server: server}
		if old != nil {
			var err error
			if r, err = Decode(old); err != nil {
				return nil, err
			}
		}
		before := len(r.Outbox)
		if err := change(r); errors.Is(err, ErrUnchanged) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		decided = len(r.Outbox) > before
		r.Generation = max(r.Generation+1, uint64(time.Now().UnixMicro())) // later than one that was removed, too
		return r.Encode(), nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("the record of server %q: %w", server, err)
	}
	return r, decided, nil
}

// empty brings a record's decisions into the log. A crash at any point leaves them in the record, in the log, or in both, which Log evens out.
func (b *Book) empty(path, server string) error {
	return b.store.Update(name(recordsDir, path, server), func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil || len(r.Outbox) == 0 {
			return nil, err
		}
		if err := b.log(r.Outbox); err != nil {
			return nil, err
		}
		r.Outbox = nil
		return r.Encode(), nil
	})
}

// All returns all records. One that can't be read is left out and told in the error.
func (b *Book) All() ([]*Record, error) {
	names, err := b.store.List(recordsDir)
	var all []*Record
	for _, n := range names {
		data, readErr := b.store.Read(n)
		if missing(readErr) {
			continue
		}
		var r *Record
		if readErr == nil {
			r, readErr = Decode(data)
		}
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", n, readErr))
			continue
		}
		all = append(all, r)
	}
	return all, err
}

// Baseline is what the first run with a configuration file found.
type Baseline struct {
	Config   string    `json:"config"`
	Taken    time.Time `json:"taken"`
	Approval string    `json:"approval"` // the policy of approval that was confirmed
}

// ReadBaseline returns the baseline of a configuration file, nil if it has never been run.
func (b *Book) ReadBaseline(path string) (*Baseline, error) {
	data, err := b.store.Read(name("baselines", path))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	base := &Baseline{}
	if err = json.Unmarshal(data, base); err == nil && !slices.Contains(strictness, base.Approval) {
		err = ErrFormat
	}
	if err != nil { // nothing in it counts: a policy that can't be read was not confirmed
		return nil, fmt.Errorf("%s: %w – remove the file to have the servers reviewed anew", b.store.Path(name("baselines", path)), err)
	}
	return base, nil
}

// TakeBaseline records the servers of a configuration file as the person's own, if the file was never run before; a file that does not exist
// is not run. Records without a baseline mean that somebody has removed it: then nothing is trusted.
func (b *Book) TakeBaseline(c *config.Config) (*Baseline, error) {
	if base, err := b.ReadBaseline(c.Path); base != nil || err != nil || !c.Exists {
		return base, err
	}
	base := &Baseline{Config: c.Path, Taken: time.Now().UTC(), Approval: Stricter(config.ApprovalHuman, c.Approval)}
	err := b.store.Update(name("baselines", c.Path), func(old []byte) ([]byte, error) {
		if old != nil { // another process was quicker
			return nil, json.Unmarshal(old, base)
		}
		untouched := func(r *Record) bool { // cut short a moment ago, or taken back
			return r.First && r.Taken.IsZero() || r.Launch == nil && r.Inspect == "" && !r.Tool && !r.Rejected()
		}
		for _, s := range c.Servers {
			if r, err := b.Read(c.Path, s.Name); err != nil || r != nil && !untouched(r) {
				return json.Marshal(base)
			}
		}
		records, _ := b.All() // also of servers that the file has no more; one that can't be read is no reason
		for _, r := range records {
			if r.Config == c.Path && !untouched(r) {
				return json.Marshal(base)
			}
		}
		for _, s := range c.Servers {
			if s.Workspace || s.Quarantined {
				continue
			}
			if _, _, err := b.update(c.Path, s.Name, func(r *Record) error { // logged with what the first look finds
				if r.LaunchKey == s.LaunchKey() {
					return ErrUnchanged
				}
				r.Baseline(s, "first run")
				return nil
			}); err != nil {
				return nil, err
			}
		}
		return json.Marshal(base)
	})
	if err != nil {
		return nil, err
	}
	return base, nil
}

// ConfirmApproval takes down that a person confirmed a policy of approval.
func (b *Book) ConfirmApproval(path, policy string) error {
	return b.store.Update(name("baselines", path), func(old []byte) ([]byte, error) {
		base := &Baseline{Config: path, Taken: time.Now().UTC()}
		if old != nil {
			if err := json.Unmarshal(old, base); err != nil {
				return nil, err
			}
		}
		if base.Approval == policy {
			return nil, nil
		}
		base.Approval = policy
		data, err := json.Marshal(base)
		if err == nil { // first: a decision without effect is better than one that nobody finds
			r := &Record{Config: path}
			r.decide("policy", policy, "", nil)
			err = b.log(r.Outbox)
		}
		return data, err
	})
}

// Watched are the directories in which every decision of another process shows.
func (b *Book) Watched() []string {
	return []string{b.store.Path(recordsDir), b.store.Path("baselines")}
}
