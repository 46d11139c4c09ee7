package launch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Resolution is what the packages of a runner came to: what is installed, and which of its programs is started.
type Resolution struct {
	Tool     Tool       `json:"tool"`
	Key      string     `json:"key"`     // of what was asked for, and of the settings that decide
	Install  string     `json:"install"` // the installation among those of the key
	Packages []Version  `json:"packages"`
	Program  Entrypoint `json:"program"`
	At       time.Time  `json:"at"`

	Checked time.Time `json:"checked,omitzero"` // when a newer version was last looked for

	dir string // of the installation
}

// Version is a package as it was installed.
type Version struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Integrity string `json:"integrity,omitempty"` // npm: of the lock file; go: of go.sum; Python: "sha256-" and the digest of the installed files
}

func (v Version) String() string { return v.Name + "@" + v.Version }

// Entrypoint is what is started of an installation.
type Entrypoint struct {
	File        string   `json:"file"`                  // below the installation, with slashes
	Interpreter string   `json:"interpreter,omitempty"` // "node", "bun"; "": the file is executed
	Flags       []string `json:"flags,omitempty"`       // for the interpreter
	Bins        string   `json:"bins,omitempty"`        // a directory of the installation that stands first in the program's PATH
}

// Same tells whether two resolutions are of the same packages in the same versions.
func (r *Resolution) Same(other *Resolution) bool {
	if r == nil || other == nil || len(r.Packages) != len(other.Packages) {
		return false
	}
	for i, p := range r.Packages {
		if p != other.Packages[i] {
			return false
		}
	}
	return true
}

// Short names the packages with their versions.
func (r *Resolution) Short() string {
	var all []string
	for _, p := range r.Packages {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

// path is where a file of the installation lies.
func (r *Resolution) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// Bins is the directory that stands first in the program's PATH, "" for none.
func (r *Resolution) Bins() string {
	if r.Program.Bins == "" {
		return ""
	}
	return r.path(r.Program.Bins)
}

// File is the program's file.
func (r *Resolution) File() string { return r.path(r.Program.File) }

// ErrWhole is wrapped when a runner turns out to be one that can't be taken apart.
var ErrWhole = errors.New("it can't be taken apart")

// entrypoint tells how a file is started: by the interpreter that its first line names, where we know it, else as it is.
func entrypoint(root, name string) (Entrypoint, error) {
	p := Entrypoint{File: filepath.ToSlash(name)}
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		return p, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return p, err
	}
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	if !bytes.HasPrefix(line, []byte("#!")) {
		if scriptSuffix().MatchString(name) {
			p.Interpreter = "node"
		}
		return p, nil
	}
	if len(words) > 0 && Base(words[0]) == "env" {
		if words = words[1:]; len(words) > 0 && words[0] == "-S" {
			words = words[1:]
		}
		for len(words) > 0 && strings.Contains(words[0], "=") {
			return p, nil // sets variables: the system does that
		}
	}
	if len(words) == 0 {
		return p, nil
	}
	switch base := Base(words[0]); base {
	case "node", "nodejs":
		p.Interpreter, p.Flags = "node", words[1:]
	case "bun":
		p.Interpreter, p.Flags = "bun", words[1:]
	}
	return p, nil
}

var scriptSuffix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\.[mc]?js$`) })

// treeDigest is the hex SHA-256 over the names, kinds and contents of all that lies in a directory. What programs write there while they
// run (caches) is left out.
func treeDigest(root string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (d.Name() == "__pycache__" || d.Name() == ".cache"):
			return fs.SkipDir
		case d.IsDir():
			fmt.Fprintf(h, "d %q\n", rel)
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(h, "l %q %q\n", rel, target)
			return err
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "f %q %t %d\n", rel, info.Mode().Perm()&0o100 != 0, info.Size())
		_, err = io.Copy(h, f)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
