package process

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Verdict is what the processes around a command tell of who gives it.
type Verdict struct {
	Agent  string // why it is an agent's; "": it does not seem to be
	Holder string // name of the program that operates the terminal, "" if that is not known
	Doubt  string // why it may be a script's, "" if it seems to be a person's
}

// Question is what is to be judged.
type Question struct {
	Self    int                   // the command's process
	TTYs    []uint64              // its stdin and stdout
	Console bool                  // they are the machine's own screen and keyboard
	Clients []Client              // of the proxies
	Mark    func([]string) string // whose agent's mark an environment has, "" for none
}

// Judge tells who gives a command.
func (s System) Judge(q Question) Verdict {
	own := s.Ancestors(q.Self)
	v := Verdict{Agent: s.agentIn(own, q)}
	if v.Agent != "" {
		return v
	}
	if v.Doubt = s.beside(own, q.Clients); v.Doubt == "" {
		v.Doubt = loopback(own)
	}
	holders := s.holders(q.TTYs, own)
	for _, h := range holders {
		v.Holder = h.called()
		line := append([]Process{h}, s.Ancestors(h.PID)...)
		if why := s.agentIn(line, q); why != "" {
			v.Agent = "the other end of this terminal is held by " + h.String() + ": " + why
			return v
		}
		if why := s.suspicious(h, own, q); why != "" && v.Doubt == "" {
			v.Doubt = why
		}
	}
	if len(holders) == 0 && !q.Console && v.Doubt == "" && !slices.ContainsFunc(own, func(p Process) bool { return kindOf(p) == login && p.PID != 1 }) {
		v.Doubt = "what operates this terminal can't be seen from here"
	}
	return v
}

// agentIn tells why a line of ancestors has an agent in it, "" if it has none.
func (s System) agentIn(line []Process, q Question) string {
	for _, c := range q.Clients {
		if slices.ContainsFunc(line, func(p Process) bool { return p.ID() == c.Proxy }) {
			return fmt.Sprintf("it was started by a server of the mcpproxy-stdio with process %d", c.Proxy.PID)
		}
		for _, p := range line {
			if slices.Contains(c.Processes, p.ID()) && kindOf(p) != editor {
				return fmt.Sprintf("it was started by %s, which also started the mcpproxy-stdio with process %d", p, c.Proxy.PID)
			}
		}
	}
	for _, p := range line {
		if kindOf(p) == agent {
			return "it was started by " + p.String()
		}
	}
	if q.Mark != nil {
		if whose, p := marked(below(line), q.Mark); whose != "" {
			return fmt.Sprintf("it was started by %s, which runs for %s", p, whose)
		}
	}
	return ""
}

// below is a line of ancestors up to what a person's session begins with. A multiplexer is included: it has the environment of who started it.
func below(line []Process) []Process {
	i := slices.IndexFunc(line, func(p Process) bool {
		switch kindOf(p) {
		case terminal, editor, login:
			return true
		}
		return p.PID == 1
	})
	if i < 0 {
		return line
	}
	return line[:i]
}

// beside tells what a command has in common with a running proxy, besides what a person's session consists of.
func (s System) beside(own []Process, clients []Client) string {
	for _, c := range clients {
		if !s.alive(c.Proxy) {
			continue
		}
		above := s.Ancestors(c.Proxy.PID)
		for _, p := range below(own) {
			if k := kindOf(p); k != shell && k != multiplexer && slices.ContainsFunc(above, func(a Process) bool { return a.ID() == p.ID() }) {
				return fmt.Sprintf("this and the mcpproxy-stdio with process %d were both started by %s", c.Proxy.PID, p)
			}
		}
		for _, p := range own { // an editor that starts servers and terminals itself
			if kindOf(p) == editor && slices.Contains(c.Processes, p.ID()) {
				return fmt.Sprintf("this terminal belongs to %s, which also started the mcpproxy-stdio with process %d", p, c.Proxy.PID)
			}
		}
	}
	return ""
}

// holders are the processes at the other end of terminals. Where the system does not tell, it is the ancestor that is not on the terminal
// any more. One that passes another terminal on counts with those of that one.
func (s System) holders(ttys []uint64, own []Process) (all []Process) {
	seen := map[int]bool{}
	var add func(tty uint64, own []Process)
	add = func(tty uint64, own []Process) {
		var found []Process
		for _, pid := range s.Holders(tty) {
			if p, ok := s.Find(pid); ok {
				found = append(found, p)
			}
		}
		if len(found) == 0 {
			if i := slices.IndexFunc(own, func(p Process) bool { return p.TTY != tty }); i >= 0 && own[i].PID != 1 {
				found = own[i : i+1]
			}
		}
		for _, p := range found {
			if seen[p.PID] {
				continue
			}
			seen[p.PID] = true
			if kindOf(p) == relay && p.TTY != 0 && p.TTY != tty {
				add(p.TTY, s.Ancestors(p.PID))
				continue
			}
			all = append(all, p)
		}
	}
	for _, tty := range ttys {
		add(tty, own)
	}
	return all
}

// suspicious tells why what holds a terminal may be a script, "" if it is what a person sits at.
func (s System) suspicious(h Process, own []Process, q Question) string {
	switch kindOf(h) {
	case terminal, editor, login, relay:
		return ""
	case multiplexer:
		if s.attached(h, own, q) {
			return ""
		}
		return "nobody is attached to " + h.String()
	}
	return "this terminal is operated by " + h.String() + ", which is not a terminal program"
}

// attached tells whether a person looks at a multiplexer: one of its clients runs on a terminal of theirs.
func (s System) attached(h Process, own []Process, q Question) bool {
	if s.Named == nil {
		return true // it can't be told here
	}
	names := []string{h.Name, h.Name + ": client"}
	socket := ""
	if i := slices.IndexFunc(own, func(p Process) bool { return p.PID == h.PID }); i > 0 {
		socket = own[i-1].socket() // as the multiplexer has set it
	}
	for _, name := range names {
		for _, client := range s.Named(name) {
			if client.PID == h.PID || client.TTY == 0 || socket != "" && client.socket() != socket {
				continue
			}
			line := append([]Process{client}, s.Ancestors(client.PID)...)
			holders := s.holders([]uint64{client.TTY}, line)
			calm := len(holders) > 0
			for _, at := range holders {
				k := kindOf(at)
				calm = calm && (k == terminal || k == editor || k == login) && s.agentIn(append([]Process{at}, s.Ancestors(at.PID)...), q) == ""
			}
			if calm && s.agentIn(line, q) == "" {
				return true
			}
		}
	}
	return false
}

// socket is the name of the tmux server that a process belongs to: by what it was started with, else by its environment.
func (p Process) socket() string {
	for i, arg := range p.Args {
		for _, flag := range []string{"-L", "-S"} {
			if value, ok := strings.CutPrefix(arg, flag); ok && normal(p.Name) == "tmux" {
				if value == "" && i+1 < len(p.Args) {
					value = p.Args[i+1]
				}
				return base(value)
			}
		}
	}
	for _, kv := range p.Environ {
		if value, ok := strings.CutPrefix(kv, "TMUX="); ok {
			file, _, _ := strings.Cut(value, ",")
			return base(file)
		}
	}
	return "default"
}

// loopback tells that a session came over SSH from this very machine, where whoever came can't be seen.
func loopback(own []Process) string {
	for i, p := range own {
		if kindOf(p) != login || !strings.HasPrefix(normal(p.Name), "sshd") || i == 0 {
			continue
		}
		for _, kv := range own[i-1].Environ { // as sshd has set it
			text, ok := strings.CutPrefix(kv, "SSH_CONNECTION=")
			f := strings.Fields(text)
			if !ok || len(f) != 4 {
				continue
			}
			if from, err := netip.ParseAddr(f[0]); err == nil && (from.Unmap().IsLoopback() || f[0] == f[2]) {
				return "this session came over SSH from this machine"
			}
		}
		return ""
	}
	return ""
}
