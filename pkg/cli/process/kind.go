package process

import (
	"slices"
	"strings"
)

// kind is what a program is for, as far as its name tells.
type kind int

const (
	other       kind = iota
	shell            // a person types in it
	wrapper          // it only starts something else
	terminal         // it shows a terminal to a person
	multiplexer      // it shows terminals to those who attach to it
	editor           // it has terminals for a person, and starts servers
	login            // it lets a person in, or stands above all that a person runs
	relay            // it passes another terminal on
	agent
)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

var (
	shells       = set("sh bash dash zsh fish ksh mksh ash busybox nu elvish xonsh tcsh csh pwsh powershell cmd")
	interpreters = set("node nodejs bun deno python python3 ruby perl java")
	wrappers     = set("env timeout nice ionice nohup setsid stdbuf time strace npx npm pnpm yarn bunx uvx uv pipx direnv mise asdf volta nix-shell bwrap firejail xargs tini dumb-init catatonit")
	terminals    = set(`xterm uxterm rxvt urxvt urxvtd gnome-terminal gnome-terminal-server gnome-terminal- kgx gnome-console ptyxis ptyxis-agent konsole yakuake
		xfce4-terminal lxterminal mate-terminal qterminal terminator tilix guake terminology alacritty kitty foot footclient wezterm wezterm-gui
		wezterm-mux-server ghostty rio st sakura cool-retro-term contour hyper tabby warp warp-terminal stable deepin-terminal blackbox
		io.elementary.terminal terminal iterm2 itermserver flatpak-session-helper windowsterminal conhost openconsole mintty winpty-agent kmscon fbterm`)
	multiplexers = set("tmux screen zellij dtach abduco byobu")
	editors      = set(`code code-insiders code-oss codium vscodium cursor windsurf trae positron kiro antigravity void theia zed zed-editor zeditor
		nvim vim vi gvim emacs emacs-gtk emacs-nox emacsclient helix hx kak kate sublime_text subl lapce fleet gnome-builder eclipse idea idea64 pycharm pycharm64
		goland goland64 webstorm webstorm64 clion clion64 rider rider64 phpstorm phpstorm64 rubymine rubymine64 rustrover rustrover64 datagrip studio studio64
		jetbrains_client code-server openvscode-server`)
	logins = set(`init systemd launchd login sshd sshd-session sshd-auth dropbear mosh-server agetty getty runit runsv openrc s6-svscan systemd-logind loginwindow windowserver
		explorer winlogon services gdm gdm-session-worker gdm3 gdm-x-session gdm-wayland-session lightdm sddm sddm-helper greetd xinit startx xorg gnome-session gnome-session-binary gnome-shell
		plasmashell ksmserver kwin_wayland kwin_x11 startplasma-wayland startplasma-x11 xfce4-session xfce4-panel xfwm4 lxsession lxqt-session mate-session cinnamon cinnamon-session
		i3 sway hyprland bspwm awesome dwm openbox fluxbox river niri wayfire qtile xmonad weston labwc finder dock crond cron atd`)
	relays = set("sudo su doas run0 runuser pkexec")
	agents = set(`claude claude-code codex copilot gemini gemini-cli qwen qwen-code opencode goose goosed amp aider cursor-agent cline droid crush auggie kiro-cli
		openhands plandex interpreter gptme kimi`)
	// Their packages have scripts of any name.
	agentPaths = []string{"@anthropic-ai/claude-code", "@openai/codex", "@github/copilot", "@google/gemini-cli", "@qwen-code/", "/opencode-ai/", "@sourcegraph/amp", "/cline/dist"}
	// The processes of an editor that runs in node, on another machine for instance.
	editorPaths = []string{"/.vscode-server", "/.vscode/", "/.cursor-server", "/.windsurf-server", "/vscode-server", "/code-server/", "/openvscode-server"}
)

func kindOf(p Process) kind {
	name, title := normal(p.Name), normal(p.Title)
	if name == "" {
		name = title
	}
	name, _, _ = strings.Cut(name, " helper") // of an application with a window, on macOS
	script := strings.ReplaceAll(p.script(), `\`, "/")
	file := normal(script)
	interpreted := interpreters[strings.TrimRight(name, "0123456789.")] || interpreters[name]
	switch {
	case agents[name] || agents[title]:
		return agent
	case interpreted && (agents[strings.TrimSuffix(file, ".js")] || contains(script, agentPaths)):
		return agent
	case shells[name]:
		if p.interactive() {
			return shell
		}
		return wrapper
	case interpreted && contains(script, editorPaths), editors[name]:
		return editor
	case terminals[name], interpreted && terminals[file] && strings.HasPrefix(script, "/usr/"):
		return terminal
	case multiplexers[name]:
		return multiplexer
	case logins[name]:
		return login
	case relays[name]:
		return relay
	case wrappers[name], interpreted && contains(script, []string{"npx", "npm-cli", "pnpm", "yarn"}):
		return wrapper
	}
	return other
}

func contains(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// interactive tells whether a shell is one that a person may type in: on a terminal, without a script or a command.
func (p Process) interactive() bool {
	if p.TTY == 0 || p.Piped {
		return false
	}
	takesOne := false
	for _, arg := range p.Args[min(1, len(p.Args)):] {
		switch {
		case takesOne: // editors have shells read a file of theirs first
			takesOne = false
		case arg == "--init-file" || arg == "--rcfile" || arg == "--init-command":
			takesOne = true
		case arg == "" || arg[0] != '-':
			return false
		case !strings.HasPrefix(arg, "--") && strings.ContainsAny(arg, "cs"):
			return false
		}
	}
	return true
}
