package cli

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli/process"
)

// maxAncestors bounds the walk up to the client.
const maxAncestors = 16

// clientStarted is when the process was started that started this one, less what only passes a command on: a shell with -c, npx and its like.
// They are younger than the client, and with them a file that an agent has written meanwhile would seem older.
func clientStarted() (time.Time, bool) {
	find := process.Here().Find
	p, ok := find(os.Getppid())
	if os.Getppid() <= 0 { // the first process of a container: nothing was there before it
		p, ok = find(os.Getpid())
		return began(p, ok)
	}
	for range maxAncestors {
		if args := p.Args; !ok || !passesOn(args, p.Name) || p.Parent <= 0 {
			return began(p, ok)
		}
		p, ok = find(p.Parent)
	}
	return time.Time{}, false
}

func began(p process.Process, ok bool) (time.Time, bool) {
	if !ok {
		return time.Time{}, false
	}
	return p.Began()
}

// passesOn tells whether a command line does nothing but to run another one. Where it can't be read the name of the program decides.
func passesOn(args []string, called string) bool {
	if len(args) == 0 && strings.EqualFold(called, "cmd.exe") { // it waits for what it runs with /c
		return true
	}
	if len(args) == 0 {
		args = []string{called}
	}
	fields := strings.Fields(args[0]) // npm shows itself as "npm exec PACKAGE"
	if len(fields) == 0 {
		return false
	}
	program := func(arg string) string {
		return strings.TrimSuffix(strings.ToLower(filepath.Base(strings.TrimPrefix(arg, "-"))), ".exe")
	}
	switch name := program(fields[0]); name {
	case "sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "busybox", "pwsh", "powershell", "cmd":
		for _, arg := range args[1:] {
			switch lower := strings.ToLower(arg); {
			case lower == "/c" || lower == "/k" || strings.HasPrefix(lower, "-com") || strings.HasPrefix(lower, "-enc"):
				return true
			case strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.Contains(arg, "c"):
				return true
			}
		}
		return false
	case "env", "nice", "ionice", "nohup", "setsid", "stdbuf", "timeout", "time", "direnv", "mise", "asdf", "volta",
		"npm", "npx", "pnpm", "pnpx", "yarn", "bunx", "uvx", "uv", "pipx", "corepack":
		return true
	case "node", "bun", "deno":
		for _, arg := range args[1:] {
			if strings.HasPrefix(arg, "-") {
				continue
			}
			base := strings.TrimSuffix(strings.TrimSuffix(program(arg), ".js"), ".cjs")
			return base == "npx" || base == "npm" || base == "npx-cli" || base == "npm-cli" || base == "pnpm" || base == "yarn" || base == "x" || base == "corepack"
		}
	}
	return false
}
