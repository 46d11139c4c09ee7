// Package eval measures scan on a corpus of labelled definitions: how much of what is hostile it finds, and how much of what is
// not it flags.
//
// A corpus is a directory with malicious.jsonl and benign.jsonl, one object a line. It is given from outside; none comes with
// the program, since such collections hold other people's texts.
package eval

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
	MaliciousFile = "malicious.jsonl"
	BenignFile    = "benign.jsonl"
)

// Row is one labelled definition.
type Row struct {
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

// Load reads the corpus in dir.
func Load(dir string) ([]Row, error) {
	var rows []Row
	for _, name := range []string{MaliciousFile, BenignFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no corpus: it has no %s", dir, name)
		}
		if err != nil {
			return nil, err
		}
		read, err := decode(f, name == MaliciousFile)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		rows = append(rows, read...)
	}
	return rows, nil
}

func decode(r io.Reader, malicious bool) ([]Row, error) {
	var rows []Row
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		row := Row{Malicious: malicious}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

// item makes the row what Scan takes, and its context: what the corpus says stands beside it.
func (r *Row) item(own map[string][]string) (scan.Item, scan.Context) {
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

// Verdict is what was found in a row.
type Verdict struct {
	Row      *Row
	Findings []scan.Finding
	Took     time.Duration
}

// Severity is that of the gravest finding, scan.Info if there is none.
func (v *Verdict) Severity() scan.Severity {
	worst := scan.Info
	for _, f := range v.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Judge scans every row.
func Judge(rows []Row) []Verdict {
	own := map[string][]string{}
	for i := range rows {
		if r := &rows[i]; !r.Malicious && r.Kind == "tool" {
			own[r.Server] = append(own[r.Server], nameOf(r.Tool))
		}
	}
	verdicts := make([]Verdict, 0, len(rows))
	for i := range rows {
		item, ctx := rows[i].item(own)
		start := time.Now()
		findings := scan.Scan(item, ctx)
		verdicts = append(verdicts, Verdict{Row: &rows[i], Findings: findings, Took: time.Since(start)})
	}
	return verdicts
}
