package quarantine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Fault is one thing that is wrong with what is stored of approvals.
type Fault struct {
	Where    string `json:"where"` // a file, and perhaps a line
	What     string `json:"what"`
	Harmless bool   `json:"harmless,omitempty"` // as a crash leaves it; nothing is lost
}

// Verified is what Verify found.
type Verified struct {
	Entries int     `json:"entries"` // of the log that are as they were written
	Old     int     `json:"old"`     // at its beginning, of before entries were chained
	Records int     `json:"records"` // that count
	Faults  []Fault `json:"faults,omitempty"`
}

// Verify checks the log, its index, the records and the baselines. The error is of files that can't be read.
func (b *Book) Verify() (*Verified, error) {
	v := &Verified{}
	ix, err := b.verifyLog(v)
	if err != nil {
		return nil, err
	}
	if err := b.verifyIndex(v, ix); err != nil {
		return nil, err
	}
	return v, b.verifyFiles(v)
}

func (v *Verified) fault(where, what string) {
	v.Faults = append(v.Faults, Fault{Where: where, What: what})
}

// verifyLog returns the index that the log should have.
func (b *Book) verifyLog(v *Verified) (*index, error) {
	data, err := b.store.Read(logName)
	if err != nil && !missing(err) {
		return nil, err
	}
	ix, number, path := &index{}, 0, b.store.Path(logName)
	for line := range bytes.Lines(data) {
		number++
		ix.Size += int64(len(line))
		where := path + ":" + strconv.Itoa(number)
		if v.Entries == 0 && len(v.Faults) == 0 && isOldEntry(line) {
			v.Old++
			ix.Head = hashLine(line)
			continue
		}
		e, err := b.checkLine(ix.Head, line)
		switch {
		case errors.Is(err, errTorn):
			v.Faults = append(v.Faults, Fault{where, err.Error(), true})
			continue
		case errors.Is(err, errLog):
			v.fault(where, "it does not follow the line before it: lines were removed, changed or put in")
		case errors.Is(err, errSeal) && b.sealedByOldFile(ix.Head, line, e):
		case errors.Is(err, errSeal):
			v.fault(where, err.Error())
		case err != nil:
			return nil, err
		}
		v.Entries++
		ix.add(e, line)
	}
	return ix, nil
}

// isOldEntry tells whether a line is an entry of before entries were chained.
func isOldEntry(line []byte) bool {
	var e Entry
	return json.Unmarshal(line, &e) == nil && e.ID != "" && e.MAC == "" && e.Prev == ""
}

// sealedByOldFile tells whether an entry was written before there was a keyring, and is as it was.
func (b *Book) sealedByOldFile(head string, line []byte, e Entry) bool {
	i := bytes.LastIndex(line, []byte(macField))
	bytesOf, err := b.store.ReadSecret(keyFile)
	if err != nil || i < 0 || e.Prev != head {
		return false
	}
	key := newSealKey(fileKind, bytesOf)
	return key.name == e.Key && key.mac(logName, append(bytes.Clone(line[:i]), '}')) == e.MAC
}

// verifyIndex compares the index with what the log says.
func (b *Book) verifyIndex(v *Verified, want *index) error {
	path := b.store.Path(indexName)
	data, err := b.store.Read(indexName)
	switch {
	case missing(err) && want.Size == 0:
		return nil
	case missing(err):
		v.fault(path, "it is missing, so no record of a decision counts")
		return nil
	case err != nil:
		return err
	}
	text, err := b.keys.unseal(indexName, data)
	ix := &index{}
	switch {
	case errors.Is(err, errSeal):
		v.fault(path, err.Error())
	case err != nil:
		return err
	case json.Unmarshal(text, ix) != nil:
		v.fault(path, "it can't be read")
	case ix.Size > want.Size:
		v.fault(path, fmt.Sprintf("%s was %d bytes long and has %d: entries were removed", b.store.Path(logName), ix.Size, want.Size))
	case ix.Size == want.Size && ix.Head != want.Head:
		v.fault(path, "the log ends with another entry than the one that was written last")
	}
	return nil
}

func (b *Book) verifyFiles(v *Verified) error {
	records, err := b.store.List(recordsDir)
	if err != nil {
		return err
	}
	for _, file := range records {
		data, err := b.store.Read(file)
		if missing(err) {
			continue
		}
		var r *Record
		if err == nil {
			r, err = Decode(data)
		}
		if err == nil && file != name(recordsDir, r.Config, r.Server) {
			err = fmt.Errorf("%w: it is a record of server %s", ErrFormat, strconv.QuoteToASCII(r.Server))
		}
		if err == nil {
			r, err = b.Read(r.Config, r.Server)
		}
		switch {
		case errors.Is(err, ErrKeyring):
			return err
		case err != nil:
			v.fault(b.store.Path(file), err.Error())
		case r == nil:
		case r.Doubt != "":
			v.fault(b.store.Path(file), fmt.Sprintf("server %s: %s", strconv.QuoteToASCII(r.Server), r.Doubt))
		default:
			v.Records++
		}
	}
	baselines, err := b.store.List(baselinesDir)
	for _, file := range baselines {
		data, readErr := b.store.Read(file)
		if readErr == nil {
			_, readErr = b.keys.unseal(file, data)
		}
		if readErr != nil && !missing(readErr) {
			v.fault(b.store.Path(file), readErr.Error())
		}
	}
	return err
}
