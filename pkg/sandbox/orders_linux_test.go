package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// repository fills a world's workspace with what other programs take orders from.
func repository(t *testing.T, w world) {
	t.Helper()
	for _, file := range []string{".git/config", ".git/hooks/pre-commit", ".git/HEAD", ".npmrc", ".mcp.json", ".vscode/tasks.json", ".claude/settings.json",
		".envrc", "cfg/tasks.json", "X.code-workspace", ".GitHub/workflows/ci.yml", "sub/.git/config", "sub/deep/.cursor/mcp.json", "package.json", "src/main.go", "node_modules/a/.npmrc"} {
		put(t, w.work+"/"+file, secret, 0o644)
	}
}

// orderAttacks are ways to give orders to other programs from a writable workspace.
var orderAttacks = map[string]struct {
	script  string
	allowed bool
}{
	"write":                         {"echo x >> .npmrc", false},
	"write a configuration":         {"echo x >> .git/config", false},
	"add a hook":                    {"echo x > .git/hooks/post-commit", false},
	"redirect a repository":         {"echo ../evil > .git/commondir", false},
	"remove":                        {"rm .mcp.json", false},
	"replace":                       {"echo x > new && mv -f new .npmrc", false},
	"replace by a link":             {"ln -sf /etc/passwd .npmrc", false},
	"rename":                        {"mv .npmrc other", false},
	"rename a directory":            {"mv .git .git2", false},
	"swap a directory":              {"mkdir new && mv .vscode new/ && mkdir .vscode", false},
	"remove a directory":            {"rm -rf .claude", false},
	"a new file in it":              {"echo x > .vscode/settings.json", false},
	"mode":                          {"chmod 777 .envrc", false},
	"times":                         {"touch .envrc", false},
	"link and write":                {"ln .npmrc second && echo x >> second", false},
	"another case":                  {"echo x >> .GitHub/workflows/ci.yml", false},
	"by a pattern":                  {"echo x >> X.code-workspace", false},
	"nested":                        {"echo x >> sub/.git/config", false},
	"nested deeper":                 {"echo x >> sub/deep/.cursor/mcp.json", false},
	"rename what holds it":          {"mv sub sub2", false},
	"rename a directory on the way": {"mv sub/deep sub/deep2", false},
	"through a link of its own":     {"ln -s .git/config c && echo x >> c", false},
	"through /proc":                 {"echo x >> /proc/self/cwd/.npmrc", false},

	"its own files":       {"echo x > new && mkdir -p a/b && mv new a/b/ && rm -r a && echo x >> src/main.go", true},
	"the project":         {"echo x >> package.json", true},
	"a package of others": {"echo x >> node_modules/a/.npmrc", true},
	"beside a nested one": {"echo x > sub/new && mv sub/new sub/deep/new2 || cp sub/new sub/deep/new2", true},
	"reading":             {"cat .git/HEAD .npmrc sub/.git/config > all", true},
}

func TestOrders(t *testing.T) {
	for name, a := range orderAttacks {
		t.Run(name, func(t *testing.T) {
			for _, method := range methodsWithMounts {
				m, w := machineOf(t, method), newWorld(t)
				repository(t, w)
				before := contents(t, w.work, name == "mode" || name == "times")
				r := m.run(t, Spec{Path: "/bin/sh", Args: []string{"-c", "set -e; " + a.script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home, Dir: w.work, DirAccess: "rw"})
				if (r.code == 0) != a.allowed {
					t.Errorf("%s: %v", method, r)
				}
				after := contents(t, w.work, name == "mode" || name == "times")
				for file, text := range before {
					if after[file] != text && !(a.allowed && (file == "package.json" || strings.HasPrefix(file, "src/") || strings.HasPrefix(file, "node_modules/"))) {
						t.Errorf("%s: %s is %q now", method, file, after[file])
					}
				}
				for file := range after { // no mount point is left, and no order is new
					if _, was := before[file]; !was && (isOrder(w.work, strings.Split(file, "/")[0]) || a.script == "") {
						t.Errorf("%s: %s is new", method, file)
					}
				}
			}
		})
	}
}

// contents are the files below a directory, with their modes if asked.
func contents(t *testing.T, dir string, modes bool) map[string]string {
	t.Helper()
	all := map[string]string{}
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			b, _ := os.ReadFile(path)
			info, _ := e.Info()
			rel, _ := filepath.Rel(dir, path)
			if all[rel] = string(b); modes {
				all[rel] += info.Mode().String() + info.ModTime().String()
			}
		}
		return nil
	})
	return all
}

// Nothing is left in a workspace by the protection itself.
func TestOrdersLeaveNothing(t *testing.T) {
	for _, method := range methodsWithMounts {
		m, w := machineOf(t, method), newWorld(t)
		m.run(t, Spec{Path: "/bin/true", Home: w.home, Dir: w.work, DirAccess: "rw"})
		if entries, _ := os.ReadDir(w.work); len(entries) != 1 {
			t.Errorf("%s: %v", method, entries)
		}
	}
}

// What a person lists is as they want it; a repository's configuration and hooks stay even then.
func TestListedOrders(t *testing.T) {
	for _, method := range methodsWithMounts {
		m, w := machineOf(t, method), newWorld(t)
		repository(t, w)
		run := func(script string) result {
			return m.run(t, Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home, Dir: w.work, DirAccess: "rw",
				Paths: []Path{{Path: w.work + "/.git", Write: true}, {Path: w.work + "/.npmrc", Write: true}, {Path: w.work + "/sub"}}})
		}
		mustSucceed(t, run("echo x > .git/index.lock && mv .git/index.lock .git/index && echo x >> .npmrc"))
		for _, script := range []string{"echo x >> .git/config", "mv .git/hooks .git/h", "echo x > .git/hooks/y", "mv .git g", "echo x >> .mcp.json", "echo x > sub/new"} {
			if r := run(script); r.code == 0 {
				t.Errorf("%s: %s works", method, script)
			}
		}
	}
}

// A file that has a second name cannot be protected, so nothing is started.
func TestOrdersWithASecondName(t *testing.T) {
	for file, refused := range map[string]bool{".npmrc": true, ".git/hooks/pre-commit": true, "sub/.git/config": true, "package.json": false, ".git/objects/ab": false} {
		m, w := machineOf(t, methodsWithMounts[0]), newWorld(t)
		repository(t, w)
		put(t, w.work+"/"+file, secret, 0o644)
		if err := os.Link(w.work+"/"+file, w.work+"/second"); err != nil {
			t.Fatal(err)
		}
		c, err := m.confine(Spec{Path: "/bin/true", Home: w.home, Dir: w.work, DirAccess: "rw"})
		if (err != nil) != refused || err != nil && !strings.Contains(err.Error(), "second name") {
			t.Errorf("%s: %v", file, err)
		}
		if err == nil {
			c.Release()
		}
	}
}

func TestGuard(t *testing.T) {
	base := tree(t, "ws/.git/config", "ws/.npmrc -> .git/config", "ws/a/b/c/.npmrc", "ws/a/b/c/d/.npmrc", "ws/node_modules/x/.npmrc", "ws/a/b/.Vscode/", "ws/bundle", "other/.git/config", "other/.git/hooks/")
	g, err := Guard([]string{base + "/ws", base + "/other/.git", base + "/ws/bundle", base + "/none"})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ got, want []string }{
		"read-only": {g.ReadOnly, []string{"ws/.git", "ws/a/b/.Vscode", "ws/a/b/c/.npmrc", "other/.git/config", "other/.git/hooks"}},
		"pinned":    {g.Pinned, []string{"ws/a", "ws/a/b", "ws/a/b/c"}},
		"links":     {g.Links, []string{"ws/.npmrc"}},
	} {
		for i := range c.want {
			c.want[i] = filepath.Join(base, c.want[i])
		}
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: got %q, want %q", what, c.got, c.want)
		}
	}
}

// However many entries somebody makes, what is in the writable directory itself is found.
func TestGuardIsNotHidden(t *testing.T) {
	base := tree(t, ".git/config", ".zed/settings.json")
	for i := range 60 {
		if err := os.Mkdir(filepath.Join(base, "!"+strconv.Itoa(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if g, err := guard([]string{base}, 50); err != nil || len(g.ReadOnly) != 2 {
		t.Errorf("%v, %v", g.ReadOnly, err)
	}
}

// Each name is in one place, with its reason.
func TestOrdersTable(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Orders {
		for _, name := range o.Names {
			if seen[name] || name != filepath.Base(name) || o.Why == "" {
				t.Errorf("%q: %q", name, o.Why)
			}
			seen[name] = true
		}
	}
}

// A link in the place of an order stays that link; what it leads to is the project's.
func TestOrdersThatAreLinks(t *testing.T) {
	for _, method := range methodsWithMounts {
		for name, script := range map[string]string{
			"replace": "ln -sfn /etc/passwd .zed", "remove": "rm .zed", "rename": "mv .zed z", "remove a file's": "rm .cursorrules", "write over": "echo x > new && mv -f new .cursorrules",
		} {
			m, w := machineOf(t, method), newWorld(t)
			repository(t, w)
			os.Symlink("cfg", w.work+"/.zed")
			os.Symlink("rules.md", w.work+"/.cursorrules")
			put(t, w.work+"/rules.md", "rules", 0o644)
			spec := Spec{Path: "/bin/sh", Args: []string{"-c", "cat .cursorrules .zed/tasks.json >/dev/null && " + script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home, Dir: w.work, DirAccess: "rw"}
			if r := m.run(t, spec); r.code == 0 || strings.Contains(r.stderr, "cat:") {
				t.Errorf("%s, %s: %v", method, name, r)
			}
			for link, want := range map[string]string{".zed": "cfg", ".cursorrules": "rules.md"} {
				if got, err := os.Readlink(w.work + "/" + link); got != want {
					t.Errorf("%s, %s: %s is %q, %v", method, name, link, got, err)
				}
			}
			spec.Args[1] = "echo x >> .cursorrules && cat .cursorrules"
			if r := m.run(t, spec); r.code != 0 {
				t.Errorf("%s: what it leads to cannot be written: %v", method, r)
			}
		}
	}
}
