package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/rogpeppe/go-internal/lockedfile"
)

// maxAttempts bounds how often an edit starts over because somebody without our
// lock, such as an editor, saved the file in between.
const maxAttempts = 5

// InvalidError says that an edit would put something wrong into the file, which
// is left as it was.
type InvalidError struct{ Problems []Problem }

// Error gives the problems without their places: they are in a text nobody has.
func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = sentence(p.Message, p.Value, p.Remedy)
		if p.Server != "" {
			texts[i] = p.Server + ": " + texts[i]
		}
	}
	return "config: not changed: " + strings.Join(texts, "; ")
}

// EditOption changes how [Edit] works.
type EditOption func(*editor)

// LockDir names the directory of the lock files, mcpproxy-stdio/locks in the
// user's state directory by default. All processes of a user must agree on it.
func LockDir(dir string) EditOption { return func(e *editor) { e.lockDir = dir } }

type editor struct{ lockDir string }

// Edit changes the file at path in place, under a lock across processes: it reads
// the file, has change work on it, checks the result and replaces the file in one
// step. change may be called again if the file was saved meanwhile by somebody
// without the lock, and must not edit configurations itself.
//
// The file keeps its permissions, and a symbolic link stays one: its target is
// replaced. A missing file is created with 0600 in a directory with 0700. An
// error of change is returned as it is and nothing is written; an *[InvalidError]
// tells of entries that the edit would break, a *[SyntaxError] that the file must
// be mended by hand first.
func Edit(path string, change func(*Document) error, options ...EditOption) error {
	e := editor{lockDir: filepath.Join(xdg.StateHome, "mcpproxy-stdio", "locks")}
	for _, o := range options {
		o(&e)
	}
	target, err := followLinks(path)
	if err != nil {
		return err
	}
	unlock, err := e.lock(target)
	if err != nil {
		return err
	}
	defer unlock()
	for range maxAttempts {
		if done, err := attempt(target, change); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("config: %s is being changed by somebody else – try again", path)
}

// followLinks returns the absolute path that a chain of links ends at, whether
// there is a file or not.
func followLinks(path string) (string, error) {
	target, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("config: %w", err)
	}
	for range maxLinks {
		link, err := os.Readlink(target)
		if err != nil {
			// Not a link. Its directory may be one, and two names need one lock.
			if dir, err := filepath.EvalSymlinks(filepath.Dir(target)); err == nil {
				target = filepath.Join(dir, filepath.Base(target))
			}
			return target, nil
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(target), link)
		}
		target = link
	}
	return "", fmt.Errorf("config: %s is a link that leads in a circle – remove it", path)
}

// lock takes the lock of a file. It lies with the state, so that a directory of
// dotfiles stays clean, and is told apart by the file's path.
func (e editor) lock(target string) (unlock func(), err error) {
	if err := os.MkdirAll(e.lockDir, 0o700); err != nil {
		return nil, fmt.Errorf("config: no place for the lock: %w – make the state directory writable", err)
	}
	sum := sha256.Sum256([]byte(target))
	name := filepath.Join(e.lockDir, hex.EncodeToString(sum[:16])+".lock")
	f, err := lockedfile.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("config: the lock cannot be taken: %w – make the state directory writable", err)
	}
	return func() { f.Close() }, nil
}

// attempt edits once. It is not done when the file changed before it could be
// replaced.
func attempt(target string, change func(*Document) error) (done bool, err error) {
	before, err := readFile(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	old, err := Parse(target, before)
	if err != nil {
		return false, err
	}
	doc, err := parseDocument(target, before)
	if err != nil {
		return false, err
	}
	untouched := doc.Bytes()
	if err := change(doc); err != nil {
		return false, err
	}
	after := doc.Bytes()
	if bytes.Equal(after, untouched) {
		return true, nil
	}
	if err := validateEdit(old, target, after); err != nil {
		return false, err
	}
	if now, _ := readFile(target); !bytes.Equal(now, before) {
		return false, nil
	}
	return true, writeFile(target, after)
}

// validateEdit refuses errors that were not there before. What was wrong already
// may stay wrong: removing one entry must not need another to be mended.
func validateEdit(old *Config, path string, after []byte) error {
	if len(after) > MaxFileSize {
		return fmt.Errorf("config: not changed: %s would be larger than %d MiB", path, MaxFileSize>>20)
	}
	next, err := Parse(path, after)
	if err != nil {
		return err
	}
	type same struct{ server, value, message string }
	known := map[same]int{}
	for _, p := range old.Problems {
		known[same{p.Server, p.Value, p.Message}]++
	}
	var fresh []Problem
	for _, p := range next.Problems {
		k := same{p.Server, p.Value, p.Message}
		if known[k]--; p.Severity == SeverityError && known[k] < 0 {
			fresh = append(fresh, p)
		}
	}
	if len(fresh) > 0 {
		return &InvalidError{Problems: fresh}
	}
	return nil
}

// writeFile replaces the file in one step: a reader sees the old text or the new
// one, and after a crash one of them is there.
func writeFile(target string, data []byte) (err error) {
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("config: %w – make the directory writable, or name another file with --config", err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(target); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(target)+".*.tmp")
	if err != nil {
		return fmt.Errorf("config: %w – make the directory writable, or change the file by hand", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("config: not changed: %w", err)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return err
	}
	// Makes the new name durable; where directories cannot be synced, it is not needed.
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}
