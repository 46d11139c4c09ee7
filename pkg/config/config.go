package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// MaxFileSize is the largest configuration file that is read, in bytes.
const MaxFileSize = 8 << 20

// maxWorkspaceServers is how many servers a workspace may propose. The rest is left out: a person reviews each.
const maxWorkspaceServers = 200

// Defaults of the top-level options.
const (
	DefaultFirstListWait = 8 * time.Second
	DefaultMaxNameLength = 48
)

// Config is one immutable, validated snapshot of the user's file plus a
// workspace's file. It is safe for concurrent use because nothing changes it.
type Config struct {
	Path     string    // absolute path of the user-level file
	Exists   bool      // false: there is no such file, and nothing is configured
	Servers  []*Server // the user's in file order, then the workspace's
	Problems []Problem // in file order, the user's file first
	Inputs   []Input   // VS Code's, of the user's file

	FirstListWait time.Duration // how long the very first list waits for new servers without any progress
	MaxStarts     int           // how many servers may start at a time; 0: by processors
	MaxNameLength int           // longest name of a tool or prompt towards clients, in bytes
	Approval      string        // who may approve what is held: ApprovalHuman, ApprovalOOB, ApprovalHost or ApprovalOff

	ApprovalConfirm string // where the digits of a question are shown: ConfirmTerminal or ConfirmDesktop

	isolation *isolationDefaults // nil: the user's file has none
	digest    [sha256.Size]byte  // of the bytes read, for Watch
	key       []byte             // of the launches' literal values; see Keyed
}

// Server returns the entry of that name, or nil.
func (c *Config) Server(name string) *Server {
	for _, s := range c.Servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// newConfig is a configuration with all options at their defaults.
func newConfig(path string) *Config {
	return &Config{
		Path: path, FirstListWait: DefaultFirstListWait, MaxNameLength: DefaultMaxNameLength,
		Approval: ApprovalHuman, ApprovalConfirm: ConfirmTerminal,
	}
}

// Load reads and parses the file at path. A missing file gives an empty
// configuration with Exists false. The error is a *[SyntaxError] when the text
// as a whole cannot be read, else one about the file itself.
func Load(path string) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	data, err := readFile(abs)
	if errors.Is(err, fs.ErrNotExist) {
		c := newConfig(abs)
		c.digest = absent
		return c, nil
	}
	if err == nil {
		err = checkOwner(abs)
	}
	if err != nil {
		return nil, err
	}
	return Parse(abs, data)
}

// readFile reads a regular file of at most MaxFileSize bytes.
func readFile(path string) ([]byte, error) {
	data, err := ReadRegular(path, MaxFileSize)
	switch {
	case errors.Is(err, ErrNotRegular):
		return nil, fmt.Errorf("config: %s is not a regular file – name a file with --config or MCPPROXY_CONFIG", path)
	case errors.Is(err, ErrTooLarge):
		return nil, fmt.Errorf("config: %s is larger than %d MiB – is it a configuration file?", path, MaxFileSize>>20)
	case err != nil:
		return nil, fmt.Errorf("config: %w", err)
	}
	return data, nil
}

// Parse reads the text of a configuration file; path is for messages, and the
// file is not touched. A *[SyntaxError] says why the text as a whole cannot be
// read; anything smaller is in Problems.
func Parse(path string, data []byte) (*Config, error) {
	c, err := parseFile(path, data, nil)
	if err == nil {
		for _, s := range c.Servers {
			s.entry = "" // its text is the person's own business
		}
	}
	return c, err
}

// parseFile parses the user's file, or a workspace's for that user.
func parseFile(path string, data []byte, user *Config) (*Config, error) {
	digest := contentDigest(data)
	src, err := parseSource(path, data)
	if err != nil {
		return nil, asOtherLanguage(path, data, err)
	}
	d := &decoder{
		report:    report{src: src},
		workspace: user != nil,
		config:    newConfig(path),
	}
	d.config.Exists, d.config.digest = true, digest
	if user != nil {
		d.config.isolation = user.isolation
	}
	if err := d.file(); err != nil {
		return nil, asOtherLanguage(path, data, err)
	}
	d.finishIsolation()
	d.config.Problems = d.sorted()
	return d.config, nil
}

// WithWorkspace returns c with the servers of a workspace's file added: whoever can write to a repository must not decide what runs on
// the machine of the person who opens it, so they are marked, and quarantine holds each until a person has approved it. Only servers are
// taken from the file, confined by the user's own defaults, never one whose name the user's own file has, and they are given only those variables and secrets
// that the user's own file names. A file that cannot be read becomes a problem. c itself is unchanged.
func (c *Config) WithWorkspace(path string, data []byte) *Config {
	merged := *c
	merged.Servers = slices.Clone(c.Servers)
	merged.Problems = slices.Clone(c.Problems)
	ws, err := c.parseWorkspace(path, data)
	if err != nil {
		p := Problem{Path: path, Severity: SeverityError, Message: err.Error(), Remedy: "the workspace's servers are left out until it is mended"}
		if syntax := (*SyntaxError)(nil); errors.As(err, &syntax) {
			p = syntax.Problem()
		}
		merged.Problems = append(merged.Problems, p)
		return &merged
	}
	named := c.isolation.refs()
	for _, s := range c.Servers {
		named = append(named, s.allRefs()...)
	}
	found := report{problems: ws.Problems}
	for _, s := range ws.Servers {
		if own := c.Server(s.Name); own != nil {
			found.problems = append(found.problems, Problem{
				Path: path, Line: s.Line, Column: s.Column, Server: s.Name, Severity: SeverityWarning,
				Message: "the user's own configuration has a server of this name, which is the one that counts",
				Remedy:  "rename one of the two",
			})
			continue
		}
		s.Workspace = true
		s.ToolChanges = ToolChangesReview
		for _, ref := range s.allRefs() {
			if s.Refused == "" && !slices.Contains(named, ref) {
				s.Refused = "comes from the workspace and refers to ${" + excerpt(ref) + "}, which your own configuration does not name" +
					" – refer to it in an entry of your own, or copy this one there"
			}
		}
		merged.Servers = append(merged.Servers, s.keyed(c.key))
	}
	merged.Problems = append(merged.Problems, found.sorted()...)
	return &merged
}

func (c *Config) parseWorkspace(path string, data []byte) (*Config, error) {
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("larger than %d MiB", MaxFileSize>>20)
	}
	return parseFile(path, data, c)
}

// absent is the digest of a file that is not there; no text has it.
var absent = sha256.Sum256([]byte("mcpproxy-stdio: no such file"))

func contentDigest(data []byte) [sha256.Size]byte {
	return sha256.Sum256(bytes.TrimPrefix(data, utf8BOM))
}
