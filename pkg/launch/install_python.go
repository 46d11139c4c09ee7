package launch

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// venv is the virtual environment that pip installs into; uv has one for each tool below uvTools.
const (
	venv    = "env"
	uvTools = "tools"
)

// binOfVenv is the directory of programs of a virtual environment.
func binOfVenv(root string) string {
	if runtime.GOOS == "windows" {
		return root + "/Scripts"
	}
	return root + "/bin"
}

// uvSteps install a tool as uvx does, which may take another Python where the package wants one, and reads the user's own configuration
// alone.
func uvSteps(q *Request, dir string) ([]Command, error) {
	r := q.Runner
	args := append([]string{"tool", "install"}, r.Options...)
	if r.Python != "" {
		args = append(args, "--python", r.Python)
	}
	if r.Latest {
		args = append(args, "--upgrade")
	}
	for _, p := range r.Packages[1:] {
		args = append(args, "--with", p)
	}
	return []Command{{
		Name: sibling(r.Command, "uv"), Args: append(args, "--", r.Packages[0]),
		Env: []string{"UV_TOOL_DIR=" + filepath.Join(dir, uvTools), "UV_TOOL_BIN_DIR=" + filepath.Join(dir, "bin")},
	}}, nil
}

// uvRead is venvRead for the one tool that uv has installed.
func uvRead(r *Runner, dir string) ([]Version, Entrypoint, error) {
	tools, err := filepath.Glob(filepath.Join(escapeGlob(dir), uvTools, "*", "pyvenv.cfg"))
	if err != nil || len(tools) != 1 {
		return nil, Entrypoint{}, fmt.Errorf("uv installed %d tools where one was asked for", len(tools))
	}
	return venvRead(r, dir, uvTools+"/"+filepath.Base(filepath.Dir(tools[0])))
}

// pipRead is venvRead for what pip has installed.
func pipRead(r *Runner, dir string) ([]Version, Entrypoint, error) { return venvRead(r, dir, venv) }

// pipSteps make a virtual environment and install into it with Python's own tools, which pipx uses too.
func pipSteps(q *Request, dir string) ([]Command, error) {
	r := q.Runner
	name := "python3"
	if runtime.GOOS == "windows" {
		name = "python"
	}
	if r.Python != "" {
		if name = r.Python; strings.Trim(name, "0123456789.") == "" {
			name = "python" + name
		}
	}
	install := []string{"-m", "pip", "install", "--disable-pip-version-check", "--no-input"}
	for _, o := range r.Options {
		if value, ok := strings.CutPrefix(o, "--pip-args="); ok {
			install = append(install, strings.Fields(strings.Trim(value, `'"`))...)
		} else if !strings.HasPrefix(o, "--backend") {
			install = append(install, o)
		}
	}
	return []Command{
		{Name: name, Args: []string{"-m", "venv", venv}},
		{Name: filepath.Join(dir, filepath.FromSlash(binOfVenv(venv)), exe("python")), Args: append(append(install, "--"), r.Packages...)},
	}, nil
}

func exe(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// venvRead tells what a virtual environment has, whose directory is root below dir. Its programs name its own interpreter, so they are started as they are.
func venvRead(r *Runner, dir, root string) ([]Version, Entrypoint, error) {
	infos, err := filepath.Glob(filepath.Join(escapeGlob(dir), filepath.FromSlash(root), "lib", "python*", "site-packages", "*.dist-info"))
	if runtime.GOOS == "windows" {
		infos, err = filepath.Glob(filepath.Join(dir, filepath.FromSlash(root), "Lib", "site-packages", "*.dist-info"))
	}
	if err != nil {
		return nil, Entrypoint{}, err
	}
	type dist struct {
		Version
		dir string
	}
	var dists []dist
	for _, info := range infos {
		name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(info), ".dist-info"), "-")
		dists = append(dists, dist{Version{Name: normal(name), Version: version}, info})
	}
	var found []dist
	for _, p := range r.Packages {
		i := slices.IndexFunc(dists, func(d dist) bool { return d.Name == normal(pythonName(p)) })
		if i < 0 && remote(p) { // named by its address: the one that says that it came from there
			i = slices.IndexFunc(dists, func(d dist) bool { return cameFrom(d.dir, p) })
		}
		if i >= 0 {
			found = append(found, dists[i])
		}
	}
	if len(found) == 0 {
		return nil, Entrypoint{}, fmt.Errorf("%s is not where it was installed", r.Packages[0])
	}
	bin := r.Bin
	if bin == "" {
		if bin = scriptOf(found[0].dir, found[0].Name); bin == "" {
			return nil, Entrypoint{}, fmt.Errorf("%s has no program of its name; name one: uvx --from %s PROGRAM", found[0].Name, r.Packages[0])
		}
	}
	file := binOfVenv(root) + "/" + exe(bin)
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
		return nil, Entrypoint{}, fmt.Errorf("no package has a program %q: %w", bin, ErrWhole)
	}
	versions := make([]Version, len(found))
	for i, d := range found {
		versions[i] = d.Version
	}
	return versions, Entrypoint{File: file, Bins: binOfVenv(root)}, nil
}

var separatorsOfNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[-_.]+`) })

// normal is the name of a Python package as it is compared (PEP 503).
func normal(name string) string {
	return strings.ToLower(separatorsOfNames().ReplaceAllString(strings.TrimSpace(name), "-"))
}

// cameFrom tells whether a package was installed from an address (PEP 610).
func cameFrom(info, spec string) bool {
	data, err := os.ReadFile(filepath.Join(info, "direct_url.json"))
	if err != nil {
		return false
	}
	_, address, found := strings.Cut(spec, " @ ")
	if !found {
		address = spec
	}
	address = strings.TrimPrefix(address, "git+")
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		rest, _, _ = strings.Cut(rest, "#")
		if at := strings.LastIndexByte(rest, '@'); at > strings.IndexByte(rest, '/') {
			rest = rest[:at]
		}
		address = scheme + "://" + rest
	}
	return bytes.Contains(data, []byte(`"`+address))
}

// scriptOf is the program of a package's name, or its only one; "" if there is none.
func scriptOf(info, name string) string {
	data, err := os.ReadFile(filepath.Join(info, "entry_points.txt"))
	if err != nil {
		return ""
	}
	var scripts []string
	section := ""
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		if script, _, ok := strings.Cut(line, "="); ok && section == "[console_scripts]" {
			if script = strings.TrimSpace(script); normal(script) == name {
				return script
			}
			scripts = append(scripts, script)
		}
	}
	if len(scripts) == 1 {
		return scripts[0]
	}
	return ""
}
