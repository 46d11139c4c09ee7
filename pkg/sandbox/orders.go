package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Order is a kind of file or directory that other programs take orders from: they run what it names, or obey it, when a person only
// opens the directory, or calls a tool there. A confined server that may write there would get out by writing one.
type Order struct {
	Names []string // in any case; a last element of a path, with * as in a shell
	Why   string   // what obeys it, and when
}

// Orders is the table. What is not in it is data, or the project's own code, which runs when somebody runs the project (see OrdersNote).
var Orders = []Order{
	{[]string{".git", ".hg", ".jj", ".svn"}, "Git runs hooks, and commands named in its configuration, at nearly every call; editors and prompts call it unasked"},
	{[]string{".husky", ".lefthook", "lefthook.yml", ".lefthook.yml", ".pre-commit-config.yaml"}, "tools that Git's hooks call run the commands in it at a commit"},
	{[]string{".npmrc", ".yarnrc", ".yarnrc.yml", ".yarn", ".pnpmfile.cjs", ".pnp.cjs", ".pnp.loader.mjs", "bunfig.toml"}, "npm, pnpm, yarn and bun load scripts, shells and plugins that it names, at every call"},
	{[]string{".cargo", ".mvn", ".bazelrc", ".bazeliskrc", ".bundle"}, "builders and language servers run what it names before the project's own code"},
	{[]string{".envrc", ".direnv", ".mise.toml", "mise.toml", ".mise", ".rtx.toml", ".tool-versions", ".devbox"}, "the shell's helpers run it, or what it names, when the directory is entered"},
	{[]string{".vscode", ".vs", ".idea", ".fleet", ".zed", ".devcontainer", ".devcontainer.json", "*.code-workspace", ".exrc", ".vimrc", ".nvimrc", ".nvim.lua", ".dir-locals.el", ".gdbinit", ".lldbinit"}, "editors and debuggers run tasks and commands in it when the directory is opened"},
	{[]string{".mcp.json", ".mcp", ".mcpproxy"}, "agents and this proxy propose the servers in it"},
	{[]string{".claude", ".claude.json", ".cursor", ".cursorrules", ".codex", ".gemini", ".qwen", ".windsurf", ".windsurfrules", ".clinerules", ".cline", ".roo", ".roorules",
		".continue", ".opencode", "opencode.json", ".aider.conf.yml", ".kiro", ".amazonq", ".junie", ".augment", ".goosehints", ".agents"},
		"agents run hooks and commands in it, and obey its rules, when they start"},
	{[]string{".github", ".gitlab-ci.yml", ".gitlab", ".circleci", ".travis.yml", ".drone.yml", ".woodpecker", ".woodpecker.yml", ".buildkite", "azure-pipelines.yml", "bitbucket-pipelines.yml", "Jenkinsfile"},
		"the project's CI runs it after a push, often with secrets"},
	{[]string{".profile", ".bash*", ".zsh*", ".zprofile", ".zlogin", ".zlogout", ".inputrc", ".config", ".local", ".ssh", ".gnupg", ".docker", ".kube", ".aws", ".gitconfig", ".pypirc", ".netrc", ".pythonrc", ".irbrc", ".pryrc",
		".xprofile", ".xinitrc", ".xsession", ".pam_environment", ".plan", ".forward", "LaunchAgents"},
		"shells, logins and clients run what it names; it matters where a home directory is writable"},
}

// gitOrders are those in the directory of a repository that somebody listed as writable.
var gitOrders = []Order{
	{[]string{"config", "config.worktree", "hooks", "info", "commondir", "modules", "worktrees"}, "Git takes its configuration and hooks from there"},
}

// OrdersNote says what is protected where a confined server may write, and what is not; the README has the table.
const OrdersNote = "it can write, but not .git, .npmrc, .vscode, .mcp.json, .claude, .github and the like, from which other programs take orders, if they exist and no mount names them; " +
	"it can make new ones, and write package.json, Makefile, .env, .gitmodules, CLAUDE.md, AGENTS.md and source code. " +
	"With Landlock alone, or an engine on another machine, it can write them all (mcpproxy-stdio doctor)"

const (
	orderDepth   = 3      // how many directories below a writable one are looked through
	orderEntries = 20_000 // how many entries are looked at there, the higher ones first
)

// Guarded is what must not change in what a server may write.
type Guarded struct {
	ReadOnly []string // files and directories of the table, which exist
	Pinned   []string // directories on the way to them, which must not be renamed
	Links    []string // symbolic links in their place, which a mount by path does not hold
}

// All are the paths that were found.
func (g Guarded) All() []string { return slices.Concat(g.ReadOnly, g.Links) }

// Guard looks for what other programs take orders from in writable files and directories. Paths have no links in them. What is itself
// listed as writable is as the person wants it. It is an error if something found has a second name (a hard link), by which it
// could be changed.
func Guard(writable []string) (Guarded, error) { return guard(writable, orderEntries) }

func guard(writable []string, left int) (Guarded, error) {
	var g Guarded
	for _, root := range writable {
		info, err := os.Lstat(root)
		if err != nil || !info.IsDir() {
			continue
		}
		w := orderWalk{root: root, listed: writable, found: &g}
		w.named()
		w.below(&left)
	}
	slices.Sort(g.Pinned)
	g.Pinned = slices.Compact(g.Pinned)
	for _, p := range g.ReadOnly {
		if other := secondName(p); other != "" {
			return g, fmt.Errorf("%q has a second name (a hard link), by which a server that may write there could change it: replace it by a copy of its own", other)
		}
	}
	return g, nil
}

type orderWalk struct {
	root   string
	listed []string
	found  *Guarded
}

// table is the one for a directory.
func table(dir string) []Order {
	if strings.EqualFold(filepath.Base(dir), ".git") {
		return gitOrders
	}
	return Orders
}

// named looks for each name of the table in the root itself: no number of other entries hides one.
func (w *orderWalk) named() {
	for _, o := range table(w.root) {
		for _, name := range o.Names {
			if info, err := os.Lstat(filepath.Join(w.root, name)); err == nil {
				w.add(filepath.Join(w.root, name), info.Mode().Type())
			}
		}
	}
}

// below looks through the directories, the higher ones first.
func (w *orderWalk) below(left *int) {
	queue := []string{w.root}
	for depth := 0; depth <= orderDepth && len(queue) > 0; depth++ {
		var next []string
		for _, dir := range queue {
			f, err := os.Open(dir)
			if err != nil {
				continue
			}
			entries, _ := f.ReadDir(max(*left, 1))
			f.Close()
			if *left -= len(entries); *left <= 0 {
				return
			}
			for _, e := range entries {
				p := filepath.Join(dir, e.Name())
				switch {
				case isOrder(dir, e.Name()):
					w.add(p, e.Type())
				case e.IsDir() && e.Name() != "node_modules" && !slices.Contains([]string{"/proc", "/sys", "/dev"}, p):
					next = append(next, p)
				}
			}
		}
		if table(w.root)[0].Names[0] == gitOrders[0].Names[0] {
			return // nothing below it gives orders
		}
		queue = next
	}
}

func isOrder(dir, name string) bool {
	name = strings.ToLower(name)
	for _, o := range table(dir) {
		for _, pattern := range o.Names {
			if ok, _ := path.Match(strings.ToLower(pattern), name); ok {
				return true
			}
		}
	}
	return false
}

// add takes in what was found, unless the person listed it, or it was found before.
func (w *orderWalk) add(p string, mode fs.FileMode) {
	if slices.Contains(w.listed, p) || slices.Contains(w.found.ReadOnly, p) || slices.Contains(w.found.Links, p) {
		return
	}
	if mode&fs.ModeSymlink != 0 {
		w.found.Links = append(w.found.Links, p)
	} else {
		w.found.ReadOnly = append(w.found.ReadOnly, p)
	}
	for dir := filepath.Dir(p); dir != w.root && len(dir) > len(w.root); dir = filepath.Dir(dir) {
		w.found.Pinned = append(w.found.Pinned, dir)
	}
}

// secondName gives a file, in what must not change, that has more than one name; "" if there is none. Git's objects are left out: they
// are named by their contents, and a local clone shares them.
func secondName(p string) (found string) {
	left := orderEntries
	filepath.WalkDir(p, func(file string, e fs.DirEntry, err error) error {
		if left--; err != nil || left < 0 {
			return fs.SkipAll
		}
		if e.IsDir() && slices.Contains([]string{"objects", "lfs", "node_modules"}, e.Name()) {
			return fs.SkipDir
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && names(info) > 1 {
			found = file
			return fs.SkipAll
		}
		return nil
	})
	return found
}
