package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// Files of a corpus.
const (
	maliciousFile = "malicious.jsonl"
	benignFile    = "benign.jsonl"
)

// row is one labelled definition.
type row struct {
	ID        string          `json:"id"`
	Malicious bool            `json:"-"` // from the file it stands in
	Class     string          `json:"class"`
	Tier      string          `json:"tier"`
	Kind      string          `json:"kind"`
	Surface   string          `json:"surface"`
	Server    string          `json:"server"`
	Source    string          `json:"source"`
	Tool      json.RawMessage `json:"tool"` // the definition; for instructions and results an object with a member text
	Peers     []struct {
		Server string          `json:"server"`
		Tool   json.RawMessage `json:"tool"`
	} `json:"peers"`
}

// maxLine bounds a row, in bytes.
const maxLine = 64 << 20

// load reads the corpus in dir.
func load(dir string) ([]row, error) {
	var rows []row
	for _, name := range []string{maliciousFile, benignFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no corpus: it has no %s", dir, name)
		}
		if err != nil {
			return nil, err
		}
		read, err := decode(f, name == maliciousFile)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		rows = append(rows, read...)
	}
	return rows, nil
}

func decode(r io.Reader, malicious bool) ([]row, error) {
	var rows []row
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		r := row{Malicious: malicious}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

// item makes the row what Scan takes, and its context: what the corpus says stands beside it.
func (r *row) item(own map[string][]string) (scan.Item, scan.Context) {
	name := nameOf(r.Tool)
	item := scan.Item{Kind: r.Kind, Name: name, Raw: r.Tool}
	if r.Kind == "instructions" {
		var of struct{ Text json.RawMessage }
		if json.Unmarshal(r.Tool, &of) == nil && len(of.Text) > 0 {
			item.Raw, item.Name = of.Text, ""
		}
	}
	ctx := scan.Context{Server: r.Server, Own: []string{name}}
	if !r.Malicious {
		ctx.Own = own[r.Server]
	}
	for _, p := range r.Peers {
		i := slices.IndexFunc(ctx.Others, func(o scan.Peer) bool { return o.Server == p.Server })
		if i < 0 {
			ctx.Others = append(ctx.Others, scan.Peer{Server: p.Server})
			i = len(ctx.Others) - 1
		}
		ctx.Others[i].Tools = append(ctx.Others[i].Tools, nameOf(p.Tool))
	}
	return item, ctx
}

func nameOf(definition []byte) string {
	var of struct {
		Name string `json:"name"`
		URI  string `json:"uri"`
	}
	if json.Unmarshal(definition, &of) != nil || of.Name == "" {
		return of.URI
	}
	return of.Name
}

// verdict is what was found in a row.
type verdict struct {
	row      *row
	severity scan.Severity // of the gravest finding; scan.Info if there is none
	took     time.Duration
}

// judge scans every row.
func judge(rows []row) []verdict {
	own := map[string][]string{}
	for i := range rows {
		if r := &rows[i]; !r.Malicious && r.Kind == "tool" {
			own[r.Server] = append(own[r.Server], nameOf(r.Tool))
		}
	}
	verdicts := make([]verdict, 0, len(rows))
	for i := range rows {
		item, ctx := rows[i].item(own)
		start := time.Now()
		findings := scan.Scan(item, ctx)
		v := verdict{row: &rows[i], took: time.Since(start)}
		for _, f := range findings {
			v.severity = max(v.severity, f.Severity)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}
