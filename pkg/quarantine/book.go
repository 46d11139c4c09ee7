package quarantine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Book keeps the records in the state directory. It is safe for concurrent use by any number of processes.
type Book struct {
	store *store.Store
	keys  *keyRing

	// CodeCost is how many rounds of PBKDF2 a one-time code takes. Tests lower it.
	CodeCost int

	mu    sync.Mutex // guards what follows
	index *readIndex // as it was last read
	reals map[string]string
}

// real is the path under which a configuration file is known, whatever names it has. It stays the same as long as the book lives.
func (b *Book) real(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if real, ok := b.reals[path]; ok {
		return real
	}
	if b.reals == nil {
		b.reals = map[string]string{}
	}
	b.reals[path] = config.RealPath(path)
	return b.reals[path]
}

// NewBook returns the book in a store.
func NewBook(st *store.Store) *Book {
	return &Book{store: st, keys: &keyRing{store: st, keyring: secret.ApprovalKey}, CodeCost: codeCost}
}

// Prepare asks for the key of the seals if a keyring has it, which may take a while: what is read meanwhile waits for the same answer.
func (b *Book) Prepare() {
	if b.keys.sealedByRing() {
		b.keys.current(false)
	}
}

const (
	recordsDir   = "records"
	baselinesDir = "baselines"
)

func baselineName(path string) string { return name(baselinesDir, path) }

func name(dir string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p + "\x00"))
	}
	return dir + "/" + hex.EncodeToString(h.Sum(nil)[:16])
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Read returns the record of an entry: by the path of its configuration file, and its name. It is nil if there is none and never was.
func (b *Book) Read(path, server string) (*Record, error) {
	path = b.real(path)
	file := name(recordsDir, path, server)
	data, err := b.store.Read(file)
	if missing(err) {
		return b.removed(path, server)
	}
	if err != nil {
		return nil, err
	}
	r, err := b.decode(path, server, data)
	if err == nil && r.Doubt == staleRecord { // unless another process has written both meanwhile
		err = b.store.Update(file, func(data []byte) ([]byte, error) {
			var err error
			if data == nil {
				r, err = b.removed(path, server)
				return nil, err
			}
			r, err = b.decode(path, server, data)
			return nil, err
		})
	}
	if err != nil {
		return nil, b.explain(file, err)
	}
	return r, nil
}

// removed is the record of an entry that has none on disk: empty, with the reason, if the log knows of decisions about it; else nil.
func (b *Book) removed(path, server string) (*Record, error) {
	if r, err := b.old(path, server, nil); err != nil || r.Doubt != "" {
		return r, err
	}
	return nil, nil
}

func (b *Book) explain(file string, err error) error {
	if errors.Is(err, ErrFormat) {
		return fmt.Errorf("%s: %w – remove the file to have the server reviewed anew", b.store.Path(file), err)
	}
	return err
}

// Why a record is not believed.
const (
	unsealedRecord = "its record has no valid seal: an older version wrote it, or somebody else"
	staleRecord    = "its record is not the one of the last decision in the log: an old one was put back, or the log was changed"
	removedRecord  = "its record was removed"
)

// decode reads a record. One that does not count is an empty one, with the reason.
func (b *Book) decode(path, server string, data []byte) (*Record, error) {
	file := name(recordsDir, path, server)
	text, err := b.keys.unseal(file, data)
	sealed := !errors.Is(err, errSeal)
	if err != nil && sealed {
		return nil, err
	}
	if !sealed {
		text = data
	}
	r, err := Decode(text)
	if err != nil {
		return nil, err
	}
	ix, err := b.readIndex()
	if err != nil {
		return nil, err
	}
	last := ix.Last[file]
	switch {
	case !sealed:
		return r.doubted(path, server, last, unsealedRecord), nil
	case last != r.Last && !slices.ContainsFunc(r.Outbox, func(e Entry) bool { return e.ID == last }):
		return r.doubted(path, server, last, staleRecord), nil
	}
	return r, nil
}

// doubted is what counts of a record that anybody may have written, such as one of a version before records were sealed: what it takes
// away from the server, and nothing that it allows.
func (r *Record) doubted(path, server, last, doubt string) *Record {
	return &Record{
		Config: path, Server: server, Last: last, Doubt: doubt,
		Tool: r.Tool, Flagged: r.Flagged, Blocked: r.Blocked, Refused: r.Refused, Unasked: r.Unasked,
	}
}

// ErrUnchanged is returned by a change that has nothing to write.
var ErrUnchanged = errors.New("unchanged")

// Update changes an entry's record under a lock across processes, and returns what is stored now. When it returns without an error the
// change, and the decisions in it, are on disk. A record that is not there begins empty; one that can't be read is not replaced.
func (b *Book) Update(path, server string, change func(*Record) error) (*Record, error) {
	path = b.real(path)
	r, decided, err := b.update(path, server, change)
	if decided {
		b.empty(path, server) // what can't be logged now stays in the record, where Log finds it, and is tried again
	}
	return r, err
}

// update is Update without the log.
func (b *Book) update(path, server string, change func(*Record) error) (r *Record, decided bool, err error) {
	file := name(recordsDir, path, server)
	key, err := b.writeKey()
	if err == nil {
		err = b.store.Update(file, func(old []byte) ([]byte, error) {
			if r, err = b.old(path, server, old); err != nil {
				return nil, err
			}
			before := len(r.Outbox)
			if err := change(r); errors.Is(err, ErrUnchanged) {
				return nil, nil
			} else if err != nil {
				return nil, err
			}
			decided = len(r.Outbox) > before
			r.Generation = max(r.Generation+1, uint64(time.Now().UnixMicro())) // later than one that was removed, too
			return key.seal(file, r.Encode()), nil
		})
	}
	if err != nil {
		return nil, false, fmt.Errorf("the record of server %q: %w", server, err)
	}
	return r, decided, nil
}

// old is the record that a change begins with.
func (b *Book) old(path, server string, data []byte) (*Record, error) {
	if data != nil {
		return b.decode(path, server, data)
	}
	ix, err := b.readIndex()
	if err != nil {
		return nil, err
	}
	r := &Record{Config: path, Server: server, Last: ix.Last[name(recordsDir, path, server)]}
	if r.Last != "" {
		r.Doubt = removedRecord
	}
	return r, nil
}

// empty brings a record's decisions into the log. A crash at any point leaves them in the record, in the log, or in both, which Log evens out.
func (b *Book) empty(path, server string) error {
	file := name(recordsDir, path, server)
	key, err := b.writeKey()
	if err != nil {
		return err
	}
	return b.store.Update(file, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, nil
		}
		r, err := b.decode(path, server, old)
		if err != nil || len(r.Outbox) == 0 {
			return nil, err
		}
		if err := b.log(r.Outbox); err != nil {
			return nil, err
		}
		r.Last, r.Outbox = r.Outbox[len(r.Outbox)-1].ID, nil
		return key.seal(file, r.Encode()), nil
	})
}

// writeKey is the key to write with. When the keyring gets its first one, what is sealed with the file's counts on under the new one.
func (b *Book) writeKey() (*sealKey, error) {
	was, err := b.keys.current(false)
	if err != nil || was.ring {
		return was, err
	}
	key, err := b.keys.current(true)
	if err == nil && !key.ring {
		return b.keys.fileCurrent()
	}
	if err != nil {
		return nil, err
	}
	records, err := b.store.List(recordsDir)
	baselines, err2 := b.store.List(baselinesDir)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	reseal := func(file string) error {
		return b.store.Update(file, func(old []byte) ([]byte, error) {
			text, name, mac, ok := cutSeal(old)
			if !ok || name != was.name || mac != was.mac(file, text) {
				return nil, nil
			}
			return key.seal(file, text), nil
		})
	}
	for _, file := range slices.Concat(records, baselines) {
		err = errors.Join(err, reseal(file))
	}
	return key, errors.Join(err, b.store.Exclusive(logName, func() error { return reseal(indexName) }))
}

// All returns all records that count. One that can't be read is left out and told in the error.
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
		if readErr == nil && n != name(recordsDir, r.Config, r.Server) {
			readErr = ErrFormat
		}
		if readErr == nil {
			r, readErr = b.decode(r.Config, r.Server, data)
		}
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", n, readErr))
			continue
		}
		all = append(all, r)
	}
	return all, err
}

// Watched are the directories in which every decision of another process shows.
func (b *Book) Watched() []string {
	return []string{b.store.Path(recordsDir), b.store.Path(baselinesDir)}
}
