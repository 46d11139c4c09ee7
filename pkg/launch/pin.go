package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Pin is an installation that a server is to be started from, and from no other.
type Pin struct {
	Resolution
	Tree string `json:"tree"`           // digest of all its files
	Lock string `json:"lock,omitempty"` // hex SHA-256 of the lock file that it can be restored by; "": it can't
}

// ErrPin is wrapped when a pinned installation is not there as it was pinned.
var ErrPin = errors.New("what was pinned is not there")

// lockFiles are what npm restores an installation by.
var lockFiles = []string{"package.json", "package-lock.json"}

// keyName is what the directory of a key is called.
var keyName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{24}$`) })

// valid tells whether a resolution that was stored elsewhere names an installation below ours.
func (r *Resolution) valid() bool {
	return keyName().MatchString(r.Key) && installName().MatchString(r.Install) && filepath.IsLocal(filepath.FromSlash(r.Program.File)) &&
		(r.Program.Bins == "" || filepath.IsLocal(filepath.FromSlash(r.Program.Bins)))
}

// Pin freezes an installation as it is now, for an owner, which is any name of it; no installation that is pinned is cleared away.
func (in *Installer) Pin(owner string, r Resolution) (*Pin, error) {
	if !r.valid() {
		return nil, ErrPin
	}
	r.dir = in.dir(r.Key, r.Install)
	if _, err := os.Stat(r.File()); err != nil {
		return nil, fmt.Errorf("%s: %w any more; let it start once", r.Short(), ErrPin)
	}
	tree, err := treeDigest(r.dir)
	if err != nil {
		return nil, err
	}
	p := &Pin{Resolution: r, Tree: tree}
	if r.Tool == NPM {
		for _, name := range lockFiles {
			data, err := os.ReadFile(filepath.Join(r.dir, name))
			if err != nil {
				return nil, err
			}
			if err := in.Store.Write(in.lockName(p, name), data); err != nil {
				return nil, err
			}
			p.Lock = digestOf(data) // of the last one
		}
	}
	return p, in.Store.Write(in.pinName(r.Key, owner), []byte(r.Install+"\n"))
}

// Unpin lets an owner's installation be cleared away again.
func (in *Installer) Unpin(owner string, p *Pin) error {
	return in.Store.Remove(in.pinName(p.Key, owner))
}

func (in *Installer) pinName(key, owner string) string {
	return path.Join(packagesDir, key, "pins", digestOf([]byte(owner))[:24])
}

func (in *Installer) lockName(p *Pin, name string) string {
	return path.Join(packagesDir, p.Key, "locks", p.Install, name)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Pinned gives the installation of a pin, if it is there, byte for byte. The error wraps ErrPin, and fs.ErrNotExist if it is gone.
func (in *Installer) Pinned(q *Request, p *Pin) (*Resolution, error) {
	if !p.valid() || p.Key != q.Key() {
		return nil, fmt.Errorf("%s was pinned with other settings of its installer: %w", p.Short(), ErrPin)
	}
	r := p.Resolution
	r.dir = in.dir(r.Key, r.Install)
	if _, err := os.Stat(r.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is gone: %w: %w", p.Short(), ErrPin, fs.ErrNotExist)
	}
	tree, err := treeDigest(r.dir)
	if err != nil {
		return nil, err
	}
	if tree != p.Tree {
		return nil, fmt.Errorf("the files of %s were changed since it was pinned: %w", p.Short(), ErrPin)
	}
	return &r, nil
}

// Restore brings back the installation of a pin that is gone, by its lock file. What comes out otherwise than it was is not used.
func (in *Installer) Restore(ctx context.Context, q *Request, p *Pin) (*Resolution, error) {
	unlock, err := in.Store.Lock(ctx, packagesDir+"-"+p.Key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if r, err := in.Pinned(q, p); !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if p.Lock == "" {
		return nil, fmt.Errorf("%s is gone, and only what npm installed can be restored: %w", p.Short(), ErrPin)
	}
	dir := in.dir(p.Key, p.Install)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	r, err := in.restore(ctx, q, p, dir)
	if err != nil {
		os.RemoveAll(dir)
	}
	return r, err
}

func (in *Installer) restore(ctx context.Context, q *Request, p *Pin, dir string) (*Resolution, error) {
	for _, name := range lockFiles {
		data, err := in.Store.Read(in.lockName(p, name))
		if err != nil {
			return nil, fmt.Errorf("%s is gone, and so is its lock file: %w", p.Short(), ErrPin)
		}
		if name == lockFiles[len(lockFiles)-1] && digestOf(data) != p.Lock {
			return nil, fmt.Errorf("the lock file of %s was changed since it was pinned: %w", p.Short(), ErrPin)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	args := append([]string{"ci", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=warn"}, q.Runner.Options...)
	c := Command{Name: sibling(q.Runner.Command, "npm"), Args: slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "--before") }), Env: q.installerEnv(), Dir: dir}
	if err := in.Run(ctx, c); err != nil {
		return nil, err
	}
	return in.Pinned(q, p)
}
