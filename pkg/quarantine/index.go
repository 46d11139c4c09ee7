package quarantine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
)

// The index of the log tells which entry is the last of each server, so that a start need not read the log. It is sealed, and brought up to
// date with each entry. A record that names another last entry is an old one, or was written by hand.
const indexName = "approvals.index"

type index struct {
	Size    int64             `json:"size"`              // of the log when this was written
	Head    string            `json:"head,omitempty"`    // hash of its last entry
	Last    map[string]string `json:"last,omitempty"`    // id of the last entry, by the name of the record
	Configs map[string]bool   `json:"configs,omitempty"` // that have entries, by the name of the baseline
}

// errLog is wrapped when the log is not the one that was written.
var errLog = errors.New("the log of approvals was changed")

// readIndex is the index as it is now. One that is missing or false, and one of a longer log, is made anew, without last entries:
// then no record of a decision counts.
func (b *Book) readIndex() (*index, error) {
	data, err := b.store.Read(indexName) // before the size: a log that has grown since is caught up with
	if err != nil && !missing(err) {
		return nil, err
	}
	size, err := b.store.Size(logName)
	if err != nil && !missing(err) {
		return nil, err
	}
	b.mu.Lock()
	known := b.index
	b.mu.Unlock()
	if known != nil && known.ix.Size == size && bytes.Equal(known.data, data) {
		return known.ix, nil
	}
	ix, err := b.parseIndex(data, size)
	if ix == nil && err == nil {
		ix, err = b.newIndex()
	}
	if err == nil {
		b.mu.Lock()
		b.index = &readIndex{data, ix}
		b.mu.Unlock()
	}
	return ix, err
}

// readIndex is what was read, and what it means. It is not changed.
type readIndex struct {
	data []byte
	ix   *index
}

// parseIndex is nil for an index that does not count.
func (b *Book) parseIndex(data []byte, size int64) (*index, error) {
	text, err := b.keys.unseal(indexName, data)
	if err != nil {
		if errors.Is(err, errSeal) {
			err = nil
		}
		return nil, err
	}
	ix := &index{}
	if json.Unmarshal(text, ix) != nil || ix.Size > size {
		return nil, nil
	}
	if ix.Size < size { // a process was killed between the two, or an old index was put back
		switch err := b.catchUp(ix); {
		case errors.Is(err, errSeal) || errors.Is(err, errLog):
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	return ix, nil
}

// newIndex is the index of a log that is not known.
func (b *Book) newIndex() (*index, error) {
	ix := &index{}
	data, err := b.store.Read(logName)
	if err != nil && !missing(err) {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		if line[len(line)-1] != '\n' {
			break
		}
		var e Entry
		if ix.Size += int64(len(line)); json.Unmarshal(line, &e) == nil {
			ix.Head = hashLine(line)
			ix.config(e.Config)
		}
	}
	return ix, nil
}

func (ix *index) config(path string) {
	if ix.Configs == nil {
		ix.Configs = map[string]bool{}
	}
	ix.Configs[baselineName(path)] = true
}

func (ix *index) clone() *index {
	return &index{ix.Size, ix.Head, maps.Clone(ix.Last), maps.Clone(ix.Configs)}
}

func (ix *index) add(e Entry, line []byte) {
	if ix.Last == nil {
		ix.Last = map[string]string{}
	}
	ix.Last[name(recordsDir, e.Config, e.Server)] = e.ID
	ix.config(e.Config)
	ix.Head = hashLine(line)
}

// catchUp takes in what the log has more. What is no entry was cut short by a crash: it is left out, if the chain goes on without it.
func (b *Book) catchUp(ix *index) error {
	data, err := b.store.ReadFrom(logName, ix.Size)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		if line[len(line)-1] != '\n' {
			break
		}
		e, err := b.checkLine(ix.Head, line)
		if err != nil && !errors.Is(err, errTorn) {
			return err
		}
		if ix.Size += int64(len(line)); err == nil {
			ix.add(e, line)
		}
	}
	return nil
}

func hashLine(line []byte) string {
	sum := sha256.Sum256(bytes.TrimSuffix(line, []byte("\n")))
	return hex.EncodeToString(sum[:])
}

// errTorn is wrapped for a line that is no entry.
var errTorn = errors.New("it is no entry: a crash has cut it short")

// macField ends a line of the log that is sealed.
const macField = `,"mac":"`

// sealLine writes an entry as the line that follows the one with that hash.
func sealLine(key *sealKey, head string, e Entry) ([]byte, error) {
	e.Prev, e.Key, e.MAC = head, key.name, ""
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	mac := key.mac(logName, text)
	return append(text[:len(text)-1], macField+mac+"\"}\n"...), nil
}

// checkLine reads a line of the log that follows the one with that hash. The error wraps errTorn, errSeal or errLog, or the key can't be had.
func (b *Book) checkLine(head string, line []byte) (Entry, error) {
	var e Entry
	if json.Unmarshal(line, &e) != nil || e.ID == "" {
		return e, errTorn
	}
	i := bytes.LastIndex(line, []byte(macField))
	if e.MAC == "" || i < 0 {
		return e, fmt.Errorf("%w: an entry has no seal", errSeal)
	}
	text := append(bytes.Clone(line[:i]), '}')
	key, err := b.keys.named(e.Key)
	switch {
	case err != nil:
		return e, err
	case key.mac(logName, text) != e.MAC:
		return e, fmt.Errorf("%w: the seal of an entry is false", errSeal)
	case e.Prev != head:
		return e, fmt.Errorf("%w: an entry does not follow the one before it", errLog)
	}
	return e, nil
}

// log appends decisions, on disk when it returns nil, and brings the index up to date.
func (b *Book) log(entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	key, err := b.keys.current(false)
	if err != nil {
		return err
	}
	return b.store.Exclusive(logName, func() error {
		ix, err := b.readIndex()
		if err != nil {
			return err
		}
		ix = ix.clone()
		if _, err := os.Lstat(b.store.Path(indexName)); err != nil { // before the log: a log without an index is one that was tampered with
			if err := b.writeIndex(key, ix); err != nil {
				return err
			}
		}
		var text []byte
		for _, e := range entries {
			line, err := sealLine(key, ix.Head, e)
			if err != nil {
				return err
			}
			ix.add(e, line)
			text = append(text, line...)
		}
		if err := b.store.Add(logName, text); err != nil {
			return err
		}
		if ix.Size, err = b.store.Size(logName); err != nil {
			return err
		}
		return b.writeIndex(key, ix)
	})
}

func (b *Book) writeIndex(key *sealKey, ix *index) error {
	text, err := json.Marshal(ix)
	if err != nil {
		return err
	}
	return b.store.Write(indexName, key.seal(indexName, append(text, '\n')))
}
