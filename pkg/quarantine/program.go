package quarantine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// Program is the file behind a command, as it was when its server last ran. Another one is told and not held: programs are
// updated, and whoever can replace the file could replace ours.
type Program struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
	SHA256   string    `json:"sha256,omitempty"` // "" for an interpreter or a runner of packages, which says nothing of the server
}

// ReadProgram looks at the program that was found at a path. known is what was recorded: a file that has its size and time is not read
// again, nor is one that is only a runner or an interpreter. When ctx ends, so does the reading.
func ReadProgram(ctx context.Context, found string, known *Program) (*Program, error) {
	path, err := filepath.EvalSymlinks(found)
	if err != nil {
		return nil, err
	}
	p := &Program{Path: path}
	if launch.Interpreter(found) {
		return p, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	p.Size, p.Modified = info.Size(), info.ModTime().UTC()
	if known != nil && known.Path == p.Path && known.Size == p.Size && known.Modified.Equal(p.Modified) {
		return known, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(h, f, 1<<20)
	}
	if !errors.Is(err, io.EOF) {
		return nil, cmp.Or(err, ctx.Err())
	}
	p.SHA256 = hex.EncodeToString(h.Sum(nil))
	return p, nil
}
