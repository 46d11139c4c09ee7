// Package process tells who operates a terminal, so that a decision that has to be a person's is not taken from an agent.
//
// Two facts can be had of any process without its help: whose child it is, and who holds the other end of its terminal.
// [Judge] looks at both. A process that started a running proxy is an agent (or an editor), and so is what it starts; a terminal
// whose other end is held by a program that is no terminal may be a script. The lookups are the operating system's, one
// file for each; the judgement is a pure function over them.
//
// It is no protection from a program that runs as the same user and takes pains: such a one can imitate any process tree.
package process

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Process is one process as the operating system shows it. What can't be read is empty.
type Process struct {
	PID, Parent int
	Start       uint64   // when it was started, in a unit of the system's; with PID it names one process
	Name        string   // base name of the program's file
	Title       string   // the name that it shows, which it can change
	Args        []string // with the program's name in front
	Environ     []string // as it was when the program was started
	TTY         uint64   // device of its controlling terminal, 0: none
	Piped       bool     // its stdin and stdout are two pipes: it is somebody's stdio server
}

// ID names a process for good: a number alone is used again.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// ID returns its identity.
func (p Process) ID() ID { return ID{p.PID, p.Start} }

// String is what a person reads. A title is any text, so only a name of harmless characters is shown.
func (p Process) String() string {
	name := p.called()
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		name = "a program"
	}
	return name + " (process " + strconv.Itoa(p.PID) + ")"
}

// called is the best name for a process: for an interpreter the script's.
func (p Process) called() string {
	if interpreters[normal(p.Name)] {
		if script := base(p.script()); script != "" {
			return script
		}
	}
	if p.Name != "" {
		return p.Name
	}
	return p.Title
}

// System is where processes are looked up.
type System struct {
	Find    func(pid int) (Process, bool) // false: there is none, or it can't be seen
	Holders func(tty uint64) []int        // those that hold the other end of a terminal; nil: not known
	Named   func(name string) []Process   // all of one title; may be nil
}

// mostAncestors bounds a walk.
const mostAncestors = 64

// Ancestors are the parent of a process, its parent and so on, as far as they can be seen.
func (s System) Ancestors(pid int) (all []Process) {
	p, ok := s.Find(pid)
	for ok && p.Parent > 0 && len(all) < mostAncestors {
		child := p
		if p, ok = s.Find(p.Parent); !ok || p.Start > child.Start { // a number that was used again
			break
		}
		all = append(all, p)
	}
	return all
}

func (s System) alive(id ID) bool {
	p, ok := s.Find(id.PID)
	return ok && p.Start == id.Start
}

// Client is who started a proxy: the proxy's parent and, where that only stands between, its parent in turn.
type Client struct {
	Proxy     ID   `json:"proxy"`
	Processes []ID `json:"processes"`
}

// ClientOf walks from a proxy to its client. A person's shell is none, and nothing above it is one.
func (s System) ClientOf(proxy int) Client {
	p, _ := s.Find(proxy)
	c := Client{Proxy: p.ID(), Processes: []ID{}}
	for _, a := range s.Ancestors(proxy) {
		k := kindOf(a)
		if k == shell || k == terminal || k == login || k == multiplexer || a.PID == 1 {
			break
		}
		c.Processes = append(c.Processes, a.ID())
		if k == agent || k == editor || !a.stands() {
			break
		}
	}
	return c
}

// stands tells whether a process is likely to stand between a client and its server: a shell with a script, a launcher, or whatever is itself
// spoken to over two pipes. One that is taken for such by mistake costs little: what is run below its parent is an agent's, too.
func (p Process) stands() bool {
	return kindOf(p) == wrapper || p.Piped
}

// script is the first argument of an interpreter that is no option.
func (p Process) script() string {
	for _, arg := range p.Args[min(1, len(p.Args)):] {
		if arg != "" && arg[0] != '-' {
			return arg
		}
	}
	return ""
}

func base(file string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	if file == "" {
		return ""
	}
	return path.Base(file)
}

// normal is a program's name as the tables have it.
func normal(name string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSuffix(base(name), " (deleted)")), ".exe")
}

// marked returns what mark finds in the environments of processes, and in which.
func marked(all []Process, mark func([]string) string) (what string, p Process) {
	i := slices.IndexFunc(all, func(p Process) bool { what = mark(p.Environ); return what != "" })
	if i < 0 {
		return "", Process{}
	}
	return what, all[i]
}
