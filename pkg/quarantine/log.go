package quarantine

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// Entry is one decision in the log.
type Entry struct {
	ID       string       `json:"id"`
	Time     time.Time    `json:"time"`
	Config   string       `json:"config"`
	Server   string       `json:"server"`
	Decision string       `json:"decision"` // baseline, inspect, launch, approve, auto, update, reject, revoke, block, unblock, tighten, policy
	How      string       `json:"how,omitempty"`
	By       string       `json:"by,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	Items    []LoggedItem `json:"items,omitempty"`

	// Of an entry in the log: the hash of the line before it (SHA-256), the name of the key, and the HMAC of the line without this field.
	Prev string `json:"prev,omitempty"`
	Key  string `json:"key,omitempty"`
	MAC  string `json:"mac,omitempty"` // the last field of the line
}

// LoggedItem is a version of a definition that was decided on.
type LoggedItem struct {
	Kind   Kind   `json:"kind"`
	ID     string `json:"name,omitempty"`
	Digest string `json:"digest,omitempty"`
	Raw    []byte `json:"raw,omitempty"` // base64 in the file: any bytes

	// Of an update of an approved item. It has no bytes: they were not approved.
	Changes []What `json:"changes,omitempty"`
	Held    bool   `json:"held,omitempty"`
}

const logName = "approvals.log"

// Log returns all decisions in order: those of the log, and those that a process that was killed had no time to write there.
func (b *Book) Log() ([]Entry, error) {
	entries, err := b.logged()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.ID] = true
	}
	records, err := b.All()
	for _, r := range records {
		for _, e := range r.Outbox {
			if !seen[e.ID] {
				seen[e.ID] = true
				entries = append(entries, e)
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	return entries, err
}

func (b *Book) logged() ([]Entry, error) {
	data, err := b.store.Read(logName)
	if missing(err) {
		return nil, nil
	}
	var entries []Entry
	seen := map[string]bool{}
	for line := range bytes.Lines(data) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && !seen[e.ID] { // a line cut short by a crash is also in an outbox
			seen[e.ID] = true
			entries = append(entries, e)
		}
	}
	return entries, err
}
