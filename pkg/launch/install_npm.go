package launch

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// npmInstall are npm's words. The directory has a package.json of its own, so that npm looks for no project above it.
func npmInstall(r *Runner) []string {
	words := append([]string{"install", "--no-audit", "--no-fund", "--no-update-notifier", "--save-exact", "--loglevel=warn"}, r.Options...)
	return append(append(words, "--"), r.Packages...)
}

func pnpmInstall(r *Runner) []string {
	return append(append([]string{"add", "--save-exact"}, r.Options...), r.Packages...)
}

func yarnInstall(r *Runner) []string {
	words := []string{"add", "--exact"}
	for _, p := range r.Packages {
		if npmName(p) == p && !strings.ContainsAny(p, ":#") {
			p += "@latest" // as dlx does
		}
		words = append(words, p)
	}
	return words
}

func bunInstall(r *Runner) []string {
	return append([]string{"add", "--exact"}, r.Packages...)
}

// ownManifest is the package.json of an installation.
const ownManifest = `{"name":"mcpproxy-stdio-package","version":"0.0.0","private":true}` + "\n"

// manifest is what is read of a package.json.
type manifest struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Bin          json.RawMessage   `json:"bin"`
	Dependencies map[string]string `json:"dependencies"`
}

func readManifest(path string) (*manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	return m, json.Unmarshal(data, m)
}

// bins are the programs of a package by name.
func (m *manifest) bins() map[string]string {
	var one string
	if json.Unmarshal(m.Bin, &one) == nil && one != "" {
		return map[string]string{unscoped(m.Name): one}
	}
	var all map[string]string
	json.Unmarshal(m.Bin, &all)
	return all
}

func unscoped(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// bin is the file of a package's program as npx chooses it: the only one, else the one of the package's name.
func (m *manifest) bin() (string, bool) {
	all := m.bins()
	files := map[string]bool{}
	for _, file := range all {
		files[file] = true
	}
	if len(files) == 1 {
		for file := range files {
			return file, true
		}
	}
	file, ok := all[unscoped(m.Name)]
	return file, ok
}

// npmRead tells what an installation in dir has, for all that put packages into node_modules.
func npmRead(r *Runner, dir string) ([]Version, Entrypoint, error) {
	root, err := readManifest(filepath.Join(dir, "package.json"))
	if err != nil {
		return nil, Entrypoint{}, err
	}
	names := packageNames(r.Packages, root.Dependencies)
	integrity := npmIntegrity(dir, names)
	versions := make([]Version, 0, len(names))
	manifests := make([]*manifest, 0, len(names))
	for _, name := range names {
		m, err := readManifest(filepath.Join(dir, "node_modules", filepath.FromSlash(name), "package.json"))
		if err != nil {
			return nil, Entrypoint{}, fmt.Errorf("%s is not where it was installed: %w", name, err)
		}
		versions, manifests = append(versions, Version{name, m.Version, integrity[name]}), append(manifests, m)
	}
	if len(names) == 0 {
		return nil, Entrypoint{}, fmt.Errorf("nothing was installed")
	}
	file, found := "", false
	if r.Bin == "" {
		if file, found = manifests[0].bin(); !found {
			return nil, Entrypoint{}, fmt.Errorf("%s has no program of its name; name one: npx --package=%s PROGRAM", names[0], names[0])
		}
		file = filepath.Join("node_modules", filepath.FromSlash(names[0]), filepath.FromSlash(file))
	} else if file, found = namedBin(r.Bin, dir, names, manifests); !found {
		return nil, Entrypoint{}, fmt.Errorf("no package has a program %q: %w", r.Bin, ErrWhole)
	}
	if !filepath.IsLocal(file) {
		return nil, Entrypoint{}, fmt.Errorf("the program of %s is no file of it", names[0])
	}
	p, err := entrypoint(dir, file)
	p.Bins = "node_modules/.bin"
	return versions, p, err
}

// namedBin finds a program by its name: in the packages that were asked for, else in what they need.
func namedBin(bin, dir string, names []string, manifests []*manifest) (string, bool) {
	for i, m := range manifests {
		if file, ok := m.bins()[bin]; ok {
			return filepath.Join("node_modules", filepath.FromSlash(names[i]), filepath.FromSlash(file)), true
		}
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", false
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "node_modules", ".bin", bin))
	if err != nil {
		return "", false
	}
	file, err := filepath.Rel(dir, real)
	return file, err == nil
}

// packageNames are the names under which the packages that were asked for are installed, in their order. One that was named by its
// address has the name that is left.
func packageNames(specs []string, installed map[string]string) []string {
	left := map[string]bool{}
	for name := range installed {
		left[name] = true
	}
	names := make([]string, len(specs))
	for i, spec := range specs {
		if name := npmName(spec); left[name] {
			names[i] = name
			delete(left, name)
		}
	}
	for i := range names {
		if names[i] == "" {
			for _, name := range slices.Sorted(maps.Keys(left)) {
				names[i] = name
				delete(left, name)
				break
			}
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// npmIntegrity are the digests of the lock file by package; of a repository it is the address with the commit.
func npmIntegrity(dir string, names []string) map[string]string {
	var lock struct {
		Packages map[string]struct{ Resolved, Integrity string }
	}
	all := map[string]string{}
	data, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil || json.Unmarshal(data, &lock) != nil {
		return otherIntegrity(dir, names)
	}
	for path, p := range lock.Packages {
		name, ok := strings.CutPrefix(path, "node_modules/")
		if !ok || strings.Contains(name, "/node_modules/") {
			continue
		}
		if all[name] = p.Integrity; p.Integrity == "" && strings.HasPrefix(p.Resolved, "git+") {
			all[name] = p.Resolved
		}
	}
	return all
}

// checksum is a digest in a lock file of pnpm, Yarn or Bun.
var checksum = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:integrity|checksum)?:?\s*"?((?:sha\d+-[A-Za-z0-9+/=]+)|(?:10c?\d*/[0-9a-f]{64,}))`)
})

// otherIntegrity finds the digests in the lock files of pnpm, Yarn and Bun, which each have a format of their own: the first behind the
// package's name and version.
func otherIntegrity(dir string, names []string) map[string]string {
	all := map[string]string{}
	for _, lock := range []string{"pnpm-lock.yaml", "yarn.lock", "bun.lock"} {
		data, err := os.ReadFile(filepath.Join(dir, lock))
		if err != nil {
			continue
		}
		for _, name := range names {
			m, err := readManifest(filepath.Join(dir, "node_modules", filepath.FromSlash(name), "package.json"))
			if err != nil {
				continue
			}
			for _, mark := range []string{name + "@" + m.Version, name + "@npm:" + m.Version, name + "@"} {
				if at := strings.Index(string(data), mark); at >= 0 {
					if found := checksum().FindSubmatch(data[at:min(len(data), at+2000)]); found != nil {
						all[name] = string(found[1])
						break
					}
				}
			}
		}
	}
	return all
}
