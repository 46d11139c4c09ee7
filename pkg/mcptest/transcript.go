package mcptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Directions of a [TranscriptEntry].
const (
	ClientToServer = "c2s"
	ServerToClient = "s2c"
)

// TranscriptEntry is one line of a recording.
type TranscriptEntry struct {
	At      time.Duration   // since the server was started
	Dir     string          // ClientToServer, ServerToClient, or "" for an event
	Msg     json.RawMessage // the message, nil if the line was none
	Raw     string          // a line that is not JSON, such as a Content-Length header
	Event   string          // "spawned", "client closed stdin", "signal SIGTERM", "server exit rc=0" …
	EnvKeys []string        // of spawned: the names in the server's environment
}

// Transcript is what one client and one server said to each other.
type Transcript struct {
	Name    string // the file's, without .jsonl
	Entries []TranscriptEntry
}

// ReadTranscript reads a recording: one JSON object a line, with the members t
// (seconds), dir (c2s or s2c), and msg, raw or event. What the client sent is
// complete; results of the server may be cut and are then marked _trimmed.
func ReadTranscript(path string) (*Transcript, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tr := &Transcript{Name: strings.TrimSuffix(filepath.Base(path), ".jsonl")}
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			entry, bad := parseEntry(line)
			if bad != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n, bad)
			}
			tr.Entries = append(tr.Entries, entry)
		}
		if err == io.EOF {
			return tr, nil
		}
	}
}

func parseEntry(line []byte) (TranscriptEntry, error) {
	var e struct {
		T       float64
		Dir     string
		Msg     json.RawMessage
		Raw     string
		Event   string
		EnvKeys []string `json:"env_keys"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return TranscriptEntry{}, err
	}
	switch {
	case e.Event == "" && e.Dir != ClientToServer && e.Dir != ServerToClient:
		return TranscriptEntry{}, fmt.Errorf("neither a direction nor an event")
	case e.Dir != "" && e.Msg == nil && e.Raw == "":
		return TranscriptEntry{}, fmt.Errorf("no message")
	}
	return TranscriptEntry{At: time.Duration(e.T * float64(time.Second)), Dir: e.Dir, Msg: e.Msg, Raw: e.Raw, Event: e.Event, EnvKeys: e.EnvKeys}, nil
}

// ClientMessages gives the messages that the client sent, in order.
func (tr *Transcript) ClientMessages() []TranscriptEntry {
	var sent []TranscriptEntry
	for _, e := range tr.Entries {
		if e.Dir == ClientToServer && e.Msg != nil {
			sent = append(sent, e)
		}
	}
	return sent
}

// ContentLength tells whether the client used Content-Length framing.
func (tr *Transcript) ContentLength() bool {
	for _, e := range tr.Entries {
		if e.Dir == ClientToServer && strings.HasPrefix(e.Raw, "Content-Length:") {
			return true
		}
	}
	return false
}
