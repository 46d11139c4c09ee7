package process

import (
	"slices"
	"strings"
	"testing"
)

const (
	pts0 = 136 << 32
	pts1 = pts0 + 1
	pts2 = pts0 + 2
)

// tree is a machine's processes. A process is "PID PARENT NAME [ARGS…]", with tty=N, piped, title=T and NAME=VALUE of its environment in between.
type tree struct {
	processes map[int]Process
	holders   map[uint64][]int
}

func (tr tree) system() System {
	return System{
		Find:    func(pid int) (Process, bool) { p, ok := tr.processes[pid]; return p, ok },
		Holders: func(tty uint64) []int { return tr.holders[tty] },
		Named: func(title string) (all []Process) {
			for _, p := range tr.processes {
				if p.Title == title {
					all = append(all, p)
				}
			}
			return all
		},
	}
}

// add adds processes, each started after the ones before.
func (tr *tree) add(all ...Process) {
	for _, p := range all {
		p.Start = uint64(len(tr.processes) + 1)
		if p.Name == "" {
			p.Name = p.Args[0]
		}
		if p.Title == "" {
			p.Title = p.Name
		}
		if len(p.Args) == 0 {
			p.Args = []string{p.Name}
		}
		tr.processes[p.PID] = p
	}
}

func of(pid, parent int, args ...string) Process {
	return Process{PID: pid, Parent: parent, Args: args, Name: strings.TrimPrefix(normal(args[0]), "-")}
}

func (p Process) on(tty uint64) Process          { p.TTY = tty; return p }
func (p Process) with(environ ...string) Process { p.Environ = environ; return p }
func (p Process) titled(title string) Process    { p.Title = title; return p }
func (p Process) piping() Process                { p.Piped = true; return p }

// The command has process 100 and terminal pts0, which the last process named is the holder of, and the proxy process 50.
var judged = map[string]struct {
	holder int
	tree   []Process
	agent  string // part of the reason; "": none
	doubt  string
	named  string
}{
	"a person in a terminal, the agent in another": {10, []Process{
		of(10, 1, "gnome-terminal-server"), of(11, 10, "bash").on(pts1), of(12, 11, "claude").on(pts1), of(50, 12, "mcpproxy-stdio").piping(),
		of(20, 10, "bash").on(pts0), of(100, 20, "mcpproxy-stdio").on(pts0)}, "", "", "gnome-terminal-server"},
	"a person in the agent's shell, while it is suspended": {10, []Process{
		of(10, 1, "xterm"), of(11, 10, "-bash").on(pts0), of(12, 11, "claude").on(pts0), of(50, 12, "mcpproxy-stdio").piping(), of(100, 11, "mcpproxy-stdio").on(pts0)}, "", "", "xterm"},
	"the same with a client of no name": {10, []Process{
		of(10, 1, "xterm"), of(11, 10, "zsh", "-i").on(pts0), of(12, 11, "client").on(pts0), of(50, 12, "mcpproxy-stdio").piping(), of(100, 11, "mcpproxy-stdio").on(pts0)}, "", "", "xterm"},
	"a proxy that a person started by hand": {10, []Process{
		of(10, 1, "konsole"), of(11, 10, "fish").on(pts0), of(50, 11, "mcpproxy-stdio").piping(), of(100, 11, "mcpproxy-stdio").on(pts0)}, "", "", "konsole"},
	"an agent's tool": {13, []Process{
		of(10, 1, "xterm"), of(11, 10, "bash").on(pts1), of(12, 11, "claude").on(pts1), of(50, 12, "mcpproxy-stdio").piping(),
		of(13, 12, "script", "-qc", "x").on(pts1), of(14, 13, "sh", "-c", "x").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "claude (process 12)", "", ""},
	"an agent of no name": {13, []Process{
		of(12, 1, "python3", "agent.py"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 12, "expect", "x"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "agent.py (process 12)", "", ""},
	"with a shell of an agent in between": {12, []Process{
		of(12, 1, "node", "x.js"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 12, "bash").on(pts0), of(14, 13, "sh", "-c", "x").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "x.js (process 12)", "", ""},
	"a script is the agent": {13, []Process{
		of(12, 1, "sh", "agent.sh"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 12, "script", "-qc", "x"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "sh (process 12)", "", ""},
	"a shell between client and proxy": {13, []Process{
		of(11, 1, "python3", "agent.py"), of(12, 11, "sh", "-c", "mcpproxy-stdio"), of(50, 12, "mcpproxy-stdio").piping(),
		of(13, 11, "script"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "agent.py (process 11)", "", ""},
	"a launcher, a shell and env between": {13, []Process{
		of(9, 1, "client"), of(10, 9, "node", "/usr/lib/node_modules/npm/bin/npx-cli.js", "x"), of(11, 10, "sh", "-c", "x"), of(12, 11, "env", "A=b", "x"), of(50, 12, "mcpproxy-stdio").piping(),
		of(13, 9, "script"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "client (process 9)", "", ""},
	"a program between that is spoken to over pipes": {13, []Process{
		of(11, 1, "client"), of(12, 11, "python3", "tee.py").piping(), of(50, 12, "mcpproxy-stdio").piping(), of(13, 11, "script"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "client (process 11)", "", ""},
	"below an agent that runs no proxy": {13, []Process{
		of(12, 1, "node", "/x/@openai/codex/bin/codex.js"), of(13, 12, "script"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "codex.js (process 12)", "", ""},
	"below an upstream server": {13, []Process{
		of(12, 1, "xclient"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 50, "server"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "a server of the mcpproxy-stdio", "", ""},
	"an environment that was cleaned on the way": {13, []Process{
		of(11, 1, "wrapped").with("CLAUDECODE=1"), of(13, 11, "script").with(), of(100, 13, "mcpproxy-stdio").on(pts0)}, "runs for Claude", "", ""},
	"VS Code, a person in its terminal": {13, []Process{
		of(10, 1, "code"), of(11, 10, "code", "--type=utility"), of(50, 11, "mcpproxy-stdio").piping(), of(13, 10, "code", "--type=ptyHost"),
		of(14, 13, "bash", "--init-file", "/x/shellIntegration-bash.sh").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "", "code"},
	"VS Code, Claude's tool in its extension": {14, []Process{
		of(10, 1, "code"), of(11, 10, "code", "--type=utility"), of(12, 11, "claude"), of(50, 12, "mcpproxy-stdio").piping(), of(14, 12, "script"), of(100, 14, "mcpproxy-stdio").on(pts0)}, "claude (process 12)", "", ""},
	"VS Code on another machine": {13, []Process{
		of(10, 1, "node", "/home/u/.vscode-server/cli/servers/x/server/out/server-main.js"), of(11, 10, "node", "/home/u/.vscode-server/x/out/bootstrap-fork", "--type=extensionHost"), of(50, 11, "mcpproxy-stdio").piping(),
		of(13, 10, "node", "/home/u/.vscode-server/x/out/bootstrap-fork", "--type=ptyHost"), of(14, 13, "zsh").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "", "bootstrap-fork"},
	"an editor of one process": {10, []Process{
		of(10, 1, "zed-editor"), of(50, 10, "mcpproxy-stdio").piping(), of(14, 10, "zsh").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "zed-editor", "zed-editor"},
	"a script that lost its parent": {13, []Process{
		of(12, 1, "claude"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 1, "script"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "", "operated by script (process 13)", "script"},
	"python that lost its parent": {13, []Process{of(13, 1, "python3", "-c", "x"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "", "not a terminal program", ""},
	"a holder elsewhere in the agent's tree": {13, []Process{
		of(12, 1, "client"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 12, "systemd-run"), of(2, 1, "systemd"), of(100, 2, "mcpproxy-stdio").on(pts0)}, "the other end of this terminal is held by systemd-run (process 13)", "", ""},
	"tmux that a person is attached to": {13, []Process{
		of(10, 1, "xterm"), of(11, 10, "bash").on(pts1), of(13, 1, "tmux").titled("tmux: server"), of(12, 11, "tmux").titled("tmux: client").on(pts1),
		of(14, 13, "bash").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "", "tmux"},
	"tmux that a person is attached to, by name": {13, []Process{
		of(10, 1, "xterm"), of(11, 10, "bash").on(pts1), of(13, 1, "tmux", "-Lx").titled("tmux: server"), of(12, 11, "tmux", "-L", "x", "attach").titled("tmux: client").on(pts1),
		of(14, 13, "bash").on(pts0).with("TMUX=/tmp/tmux-0/x,13,0"), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "", "tmux"},
	"another tmux than the one that a person is attached to": {13, []Process{
		of(10, 1, "xterm"), of(11, 10, "bash").on(pts1), of(9, 1, "tmux").titled("tmux: server"), of(12, 11, "tmux").titled("tmux: client").on(pts1),
		of(13, 1, "tmux", "-L", "x").titled("tmux: server"), of(14, 13, "bash").on(pts0).with("TMUX=/tmp/tmux-0/x,13,0"), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "nobody is attached to tmux", "tmux"},
	"VS Code on macOS": {13, []Process{
		of(10, 1, "Electron"), of(11, 10, "Code Helper (Plugin)"), of(50, 11, "mcpproxy-stdio").piping(), of(13, 10, "Code Helper"), of(14, 13, "zsh", "-l").on(pts0),
		of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "", "code helper"},
	"tmux that nobody is attached to": {13, []Process{
		of(13, 1, "tmux").titled("tmux: server"), of(14, 13, "bash").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "nobody is attached to tmux", "tmux"},
	"tmux that an agent is attached to": {13, []Process{
		of(9, 1, "client"), of(50, 9, "mcpproxy-stdio").piping(), of(11, 9, "script"), of(13, 1, "tmux").titled("tmux: server"), of(12, 11, "tmux").titled("tmux: client").on(pts1),
		of(14, 13, "bash").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "", "nobody is attached to tmux", "tmux"},
	"tmux that an agent has started": {13, []Process{
		of(10, 1, "xterm"), of(11, 10, "bash").on(pts1), of(13, 1, "tmux").titled("tmux: server").with("GEMINI_CLI=1"), of(12, 11, "tmux").titled("tmux: client").on(pts1),
		of(14, 13, "bash").on(pts0), of(100, 14, "mcpproxy-stdio").on(pts0)}, "runs for Gemini", "", ""},
	"over SSH": {0, []Process{
		of(10, 1, "sshd"), of(11, 10, "sshd-session"), of(12, 11, "bash").on(pts0).with("SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22"), of(100, 12, "mcpproxy-stdio").on(pts0)}, "", "", "sshd-session"},
	"over SSH from here": {0, []Process{
		of(10, 1, "sshd"), of(11, 10, "sshd-session"), of(12, 11, "bash").on(pts0).with("SSH_CONNECTION=::1 1 ::1 22"), of(100, 12, "mcpproxy-stdio").on(pts0)}, "", "over SSH from this machine", "sshd-session"},
	"sudo on a terminal": {12, []Process{
		of(10, 1, "kitty"), of(11, 10, "bash").on(pts1), of(12, 11, "sudo").on(pts1), of(13, 12, "sudo").on(pts0), of(100, 13, "mcpproxy-stdio").on(pts0)}, "", "", "kitty"},
	"sudo below a script": {12, []Process{
		of(10, 1, "script"), of(11, 10, "bash").on(pts1), of(12, 11, "sudo").on(pts1), of(13, 12, "sudo").on(pts0), of(100, 13, "mcpproxy-stdio").on(pts0)}, "", "operated by script", "script"},
	"from outside of a container": {0, []Process{of(20, 0, "bash").on(pts0), of(100, 20, "mcpproxy-stdio").on(pts0)}, "", "can't be seen", ""},
	"a harness beside client and person": {13, []Process{
		of(10, 1, "bash", "run.sh"), of(12, 10, "claude"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 10, "python3", "person.py"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "", "were both started by bash", "person.py"},
	"a window manager of no name": {20, []Process{
		of(10, 1, "mywm"), of(12, 10, "client"), of(50, 12, "mcpproxy-stdio").piping(), of(20, 10, "alacritty"), of(21, 20, "bash").on(pts0), of(100, 21, "mcpproxy-stdio").on(pts0)}, "", "", "alacritty"},
	"a number that was used again": {20, []Process{
		of(20, 12, "foot"), of(21, 20, "bash").on(pts0), of(100, 21, "mcpproxy-stdio").on(pts0), of(12, 1, "claude"), of(50, 12, "mcpproxy-stdio").piping()}, "", "", "foot"},
	"a title of terminal codes": {13, []Process{of(13, 1, "\x1b[2Jx"), of(100, 13, "mcpproxy-stdio").on(pts0)}, "", "operated by a program (process 13)", ""},
}

func mark(environ []string) string {
	for _, kv := range environ {
		if k, _, _ := strings.Cut(kv, "="); k == "CLAUDECODE" || k == "GEMINI_CLI" {
			return map[string]string{"CLAUDECODE": "Claude", "GEMINI_CLI": "Gemini"}[k]
		}
	}
	return ""
}

func TestJudge(t *testing.T) {
	for name, tt := range judged {
		t.Run(name, func(t *testing.T) {
			tr := tree{map[int]Process{}, map[uint64][]int{pts1: {10}}}
			tr.add(of(1, 0, "init"))
			tr.add(tt.tree...)
			if tt.holder != 0 {
				tr.holders[pts0] = []int{tt.holder}
			}
			for _, p := range tt.tree { // the terminal of an attached client is held by its parent's parent, where it says so
				if p.TTY == pts1 && p.Title == "tmux: client" {
					tr.holders[pts1] = []int{tr.processes[p.Parent].PID}
					if tr.processes[p.Parent].Name == "bash" {
						tr.holders[pts1] = []int{10}
					}
				}
			}
			s := tr.system()
			q := Question{Self: 100, TTYs: []uint64{pts0, pts0}, Mark: mark}
			if _, ok := s.Find(50); ok {
				q.Clients = []Client{s.ClientOf(50)}
			}
			v := s.Judge(q)
			if (v.Agent != "") != (tt.agent != "") || !strings.Contains(v.Agent, tt.agent) {
				t.Errorf("an agent: %q, want %q", v.Agent, tt.agent)
			}
			if tt.agent == "" && ((v.Doubt != "") != (tt.doubt != "") || !strings.Contains(v.Doubt, tt.doubt)) {
				t.Errorf("doubt: %q, want %q", v.Doubt, tt.doubt)
			}
			if tt.named != "" && v.Holder != tt.named {
				t.Errorf("the holder is %q, want %q", v.Holder, tt.named)
			}
		})
	}
}

// A client that has ended its proxy is an agent still.
func TestClientOutlivesItsProxy(t *testing.T) {
	tr := tree{map[int]Process{}, map[uint64][]int{pts0: {13}}}
	tr.add(of(1, 0, "init"), of(12, 1, "client"), of(50, 12, "mcpproxy-stdio").piping(), of(13, 12, "script"), of(100, 13, "mcpproxy-stdio").on(pts0))
	clients := []Client{tr.system().ClientOf(50)}
	delete(tr.processes, 50)
	if v := tr.system().Judge(Question{Self: 100, TTYs: []uint64{pts0}, Clients: clients}); v.Agent == "" {
		t.Errorf("%+v", v)
	}
	// Another process has its number now.
	p := tr.processes[12]
	p.Start--
	tr.processes[12] = p
	if v := tr.system().Judge(Question{Self: 100, TTYs: []uint64{pts0}, Clients: clients}); v.Agent != "" {
		t.Errorf("%+v", v)
	}
}

func TestConsoleHasNoOtherEnd(t *testing.T) {
	tr := tree{map[int]Process{}, nil}
	const tty1 = 4<<32 + 1
	tr.add(of(1, 0, "init"), of(20, 1, "bash").on(tty1), of(100, 20, "mcpproxy-stdio").on(tty1))
	if v := tr.system().Judge(Question{Self: 100, TTYs: []uint64{tty1}, Console: true}); v != (Verdict{}) {
		t.Errorf("%+v", v)
	}
}

func TestInteractiveShells(t *testing.T) {
	for line, want := range map[string]kind{
		"bash": shell, "-bash": shell, "bash -i": shell, "bash -l": shell, "zsh -il": shell, "bash --login": shell, "bash --rcfile x": shell, "bash --init-file x -i": shell,
		"bash x.sh": wrapper, "sh -c x": wrapper, "bash -lc x": wrapper, "sh -s": wrapper, "bash --norc x": wrapper, "/bin/sh /x": wrapper,
	} {
		args := strings.Fields(line)
		p := of(2, 1, args...).on(pts0)
		p.Name = strings.TrimPrefix(base(args[0]), "-")
		if got := kindOf(p); got != want {
			t.Errorf("%s: %d, want %d", line, got, want)
		}
		p.TTY = 0
		if got := kindOf(p); got != wrapper {
			t.Errorf("%s without a terminal: %d", line, got)
		}
	}
}

func TestNoProgramIsOfTwoKinds(t *testing.T) {
	all := []map[string]bool{shells, wrappers, terminals, multiplexers, editors, logins, relays, agents}
	for i, one := range all {
		for name := range one {
			if slices.ContainsFunc(all[i+1:], func(other map[string]bool) bool { return other[name] }) {
				t.Errorf("%s is in two tables", name)
			}
		}
	}
}
