package launch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Installer installs the packages of runners, each set of them in a directory of its own in the state directory, which no workspace
// gives orders to. An installation is made once and never changed; a newer version is another one beside it.
type Installer struct {
	Store *store.Store
	Run   func(ctx context.Context, c Command) error // runs a command to its end
}

// Command is one step of an installation.
type Command struct {
	Name string // of the program, or its path
	Args []string
	Env  []string
	Dir  string
}

// Request is what a runner asks to be installed, and how.
type Request struct {
	Runner *Runner
	Env    []string // complete, of the server: NAME=value
	Own    []string // the names that the server's entry sets
	Closed Closed
}

const packagesDir = "packages"

// current is the file with the resolution that starts use.
const current = "current.json"

// Key names what was asked for: the runner's words, and the values of the entry that decide what they lead to. Secrets are left out: a new
// token asks for the same packages.
func (q *Request) Key() string {
	h := sha256.New()
	r := q.Runner
	add := func(words ...string) {
		for _, w := range words {
			fmt.Fprintf(h, "%d:%s", len(w), w)
		}
		fmt.Fprint(h, ";")
	}
	add("packages 1", string(r.Tool), r.Bin, r.Python)
	add(r.Packages...)
	add(r.Options...)
	var set []string
	for _, kv := range q.Env {
		name, _, _ := strings.Cut(kv, "=")
		if name == "HOME" || slices.Contains(q.Own, name) && forInstaller(name) && !secretName().MatchString(name) && !strings.EqualFold(name, "PATH") {
			set = append(set, kv)
		}
	}
	slices.Sort(set)
	add(set...)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)auth|token|passw|secret|_key|credential`) })

// forInstaller tells whether an installer gets a variable that an entry sets.
func forInstaller(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(list("installer-names"), name) || slices.ContainsFunc(list("installer-prefixes"), func(p string) bool { return strings.HasPrefix(name, p) })
}

// installerEnv is the server's environment without those of the entry's variables that are the server's alone, such as its keys.
func (q *Request) installerEnv() []string {
	used := npmrcNames(Getenv(q.Env, "HOME"))
	return slices.DeleteFunc(slices.Clone(q.Env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(q.Own, name) && !forInstaller(name) && !slices.Contains(used, name)
	})
}

var npmrcReference = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{([^}]+)\}`) })

// npmrcNames are the variables that the user's own .npmrc refers to: tokens for a registry are kept so.
func npmrcNames(home string) (names []string) {
	if home == "" {
		return nil
	}
	data, _ := os.ReadFile(filepath.Join(home, ".npmrc"))
	for _, m := range npmrcReference().FindAllSubmatch(data, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// Installed is what starts of a request use; nil: nothing is installed. Nothing is started.
func (in *Installer) Installed(q *Request) *Resolution {
	return in.read(q.Key())
}

func (in *Installer) read(key string) *Resolution {
	data, err := in.Store.Read(path.Join(packagesDir, key, current))
	r := &Resolution{}
	if err != nil || json.Unmarshal(data, r) != nil || !installName().MatchString(r.Install) {
		return nil
	}
	r.Key, r.dir = key, in.dir(key, r.Install)
	if _, err := os.Stat(r.File()); err != nil {
		return nil // somebody has cleared it away
	}
	return r
}

func (in *Installer) dir(key, install string) string {
	return in.Store.Path(path.Join(packagesDir, key, install))
}

// installName is what the directory of an installation is called.
var installName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^i-[0-9a-z]{8,40}$`) })

// Install makes sure that what a request asks for is installed. Of several processes one does it, and the others wait.
func (in *Installer) Install(ctx context.Context, q *Request) (*Resolution, error) {
	key := q.Key()
	unlock, err := in.Store.Lock(ctx, packagesDir+"-"+key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if r := in.read(key); r != nil {
		return r, nil
	}
	r, err := in.install(ctx, key, q)
	if err != nil {
		return nil, err
	}
	return r, in.use(r)
}

// use makes a resolution the one that starts use.
func (in *Installer) use(r *Resolution) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return in.Store.Write(path.Join(packagesDir, r.Key, current), append(data, '\n'))
}

// Refresh looks for newer versions, and installs them beside the ones in use; starts use them from then on. It is meant for the
// background: if another process is at it, or has been in the last day, nothing is done and the result is nil.
func (in *Installer) Refresh(ctx context.Context, q *Request) (newer *Resolution, err error) {
	key := q.Key()
	unlock, ok, err := in.Store.TryLock(packagesDir + "-" + key + "-refresh")
	if err != nil || !ok {
		return nil, err
	}
	defer unlock(false)
	was := in.read(key)
	if was == nil || !was.Due(q.Runner, time.Now()) {
		return nil, nil
	}
	now, err := in.install(ctx, key, q)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	was.Checked = time.Now().UTC()
	if err != nil {
		return nil, errors.Join(err, in.use(was)) // tried again tomorrow, not at each start
	}
	if now.Same(was) {
		os.RemoveAll(now.dir)
		return nil, in.use(was)
	}
	os.Chtimes(was.dir, time.Now(), time.Now()) // servers may run from it for a while
	return now, in.use(now)
}

// refreshEvery is how often newer versions are looked for.
const refreshEvery = 24 * time.Hour

// Due tells whether it is time to look for newer versions of what a runner asks for. Of exact versions there are none.
func (r *Resolution) Due(runner *Runner, now time.Time) bool {
	last := r.At
	if r.Checked.After(last) {
		last = r.Checked
	}
	return now.Sub(last) >= refreshEvery && slices.ContainsFunc(runner.Packages, func(p string) bool { return !Pinned(p) })
}

// install makes a new installation.
func (in *Installer) install(ctx context.Context, key string, q *Request) (*Resolution, error) {
	r := &Resolution{Tool: q.Runner.Tool, Key: key, Install: "i-" + strings.ToLower(rand.Text()[:16]), At: time.Now().UTC()}
	r.dir = in.dir(key, r.Install)
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	in.sweep(key)
	err := in.fill(ctx, r, q)
	if err != nil {
		os.RemoveAll(r.dir)
		return nil, err
	}
	return r, nil
}

// fill installs into the directory of a resolution, and completes it.
func (in *Installer) fill(ctx context.Context, r *Resolution, q *Request) (err error) {
	tool, ok := installers[q.Runner.Tool]
	if !ok {
		return fmt.Errorf("%s: %w", q.Runner.Tool, ErrWhole)
	}
	for name, text := range tool.files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	steps, err := tool.steps(q, r.dir)
	if err != nil {
		return err
	}
	for _, c := range steps {
		c.Dir, c.Env = r.dir, append(q.installerEnv(), c.Env...)
		if err := in.Run(ctx, c); err != nil {
			return err
		}
	}
	if r.Packages, r.Program, err = tool.read(q.Runner, r.dir); err != nil {
		return err
	}
	if r.Tool == Bun || r.Program.Interpreter == "bun" {
		if err := os.WriteFile(filepath.Join(r.dir, bunConfig), nil, 0o600); err != nil {
			return err
		}
	}
	digest := ""
	for i := range r.Packages {
		if r.Packages[i].Integrity != "" {
			continue
		}
		if digest == "" {
			if digest, err = treeDigest(r.dir); err != nil {
				return err
			}
		}
		r.Packages[i].Integrity = "sha256-" + digest
	}
	return nil
}

// installer is what installs the packages of a family of runners.
type installer struct {
	files map[string]string // which a new installation begins with
	steps func(q *Request, dir string) ([]Command, error)
	read  func(r *Runner, dir string) ([]Version, Entrypoint, error)
}

var installers = map[Tool]installer{
	NPM:  {map[string]string{"package.json": ownManifest}, oneStep("npm", npmInstall), npmRead},
	PNPM: {map[string]string{"package.json": ownManifest, "pnpm-workspace.yaml": "packages: []\nstrictDepBuilds: false\n"}, oneStep("pnpm", pnpmInstall), npmRead},
	Yarn: {map[string]string{"package.json": ownManifest, "yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules\n"}, oneStep("yarn", yarnInstall), npmRead},
	Bun:  {map[string]string{"package.json": ownManifest}, oneStep("bun", bunInstall), npmRead},
	UV:   {nil, uvSteps, uvRead},
	Pipx: {nil, pipSteps, pipRead},
	Go:   {nil, goSteps, goRead},
}

// oneStep is an installer that does all with one command.
func oneStep(name string, args func(*Runner) []string) func(*Request, string) ([]Command, error) {
	return func(q *Request, _ string) ([]Command, error) {
		return []Command{{Name: sibling(q.Runner.Command, name), Args: args(q.Runner)}}, nil
	}
}

// sibling is the installer that belongs to a runner: the one beside it, if the runner is named by its path.
func sibling(command, name string) string {
	if !filepath.IsAbs(command) {
		return name
	}
	for _, ext := range []string{"", ".exe", ".cmd"} {
		if file := filepath.Join(filepath.Dir(command), name+ext); isFile(file) {
			return file
		}
	}
	return name
}

// kept is how long an installation that starts no longer use is kept for servers that still run from it.
const kept = 14 * 24 * time.Hour

// sweep removes installations that nothing uses any more, and what a crash has left.
func (in *Installer) sweep(key string) {
	used := in.pinned(key)
	if r := in.read(key); r != nil {
		used = append(used, r.Install)
	}
	entries, _ := os.ReadDir(in.Store.Path(path.Join(packagesDir, key)))
	for _, e := range entries {
		if !installName().MatchString(e.Name()) || slices.Contains(used, e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > kept {
			os.RemoveAll(in.dir(key, e.Name()))
		}
	}
}

// pinned are the installations of a key that are pinned.
func (in *Installer) pinned(key string) (installs []string) {
	names, err := in.Store.List(path.Join(packagesDir, key, "pins"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if data, err := in.Store.Read(name); err == nil {
			installs = append(installs, strings.TrimSpace(string(data)))
		}
	}
	return installs
}
