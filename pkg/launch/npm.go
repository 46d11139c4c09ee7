package launch

import (
	"slices"
	"strings"
)

// npmOptions are those of npx and npm exec (npm 7 to 11). One that is not here may take the next word or change what is run: then the
// runner is not taken apart.
var npmOptions = each(drop, "-y --yes -q --quiet -s --silent -d -dd -ddd --verbose --ignore-existing --no-audit --no-fund --no-update-notifier --no-progress --progress "+
	"--no-color --color --foreground-scripts --prefer-online --no-workspaces --always-spawn --shell-auto-fallback").
	with(each(dropValue, "--loglevel --npm --fund --audit --update-notifier")).
	with(each(keep, "--prefer-offline --legacy-peer-deps --strict-peer-deps --force -f --ignore-scripts --no-ignore-scripts --no-strict-ssl --no-package-lock --no-save")).
	with(each(keepValue, "--registry --cache --userconfig --globalconfig --proxy --https-proxy --noproxy --cafile --fetch-timeout --fetch-retries --before --omit --include --os --cpu --libc "+
		"--install-strategy --strict-ssl")).
	with(each(takeValue, "-p --package -c --call --prefix -C -w --workspace --node-options --script-shell --shell -n --node-arg")).
	with(each(take, "--no --no-install --no-yes --offline -ws --workspaces -g --global"))

func npx(r *Runner, args []string) bool {
	r.Tool = NPM
	return npmExec(r, npmOptions.scan(args), nil)
}

// npmExec is what npx and npm exec have in common. after are the words behind "--", if there was one.
func npmExec(r *Runner, s *scanned, after []string) bool {
	words := slices.Concat(s.rest, after)
	for _, o := range []string{"--prefix", "-C", "-w", "--workspace", "--workspaces", "-ws"} {
		if s.has(o) {
			r.Dir = s.last("--prefix", "-C")
			return r.project("package.json")
		}
	}
	switch {
	case s.unknown != "":
		return r.whole("its option " + s.unknown + " is not known")
	case s.has("-c") || s.has("--call"):
		return r.whole("--call gives the text to a shell")
	case s.has("--no") || s.has("--no-install") || s.has("--no-yes") || s.has("--offline"):
		return r.whole("it may install nothing")
	case s.has("--node-options") || s.has("--script-shell") || s.has("--shell") || s.has("-n") || s.has("--node-arg"):
		return r.whole("an option says how its program is started")
	}
	r.Options = s.kept
	return r.packages(s.all("-p", "--package"), words)
}

// packages takes what is to be installed, and the words that name the program and its arguments.
func (r *Runner) packages(named, words []string) bool {
	if len(named) == 0 {
		if len(words) == 0 {
			return r.whole("it names no package")
		}
		named = words[:1]
	} else if len(words) > 0 {
		r.Bin = words[0]
	} else {
		return r.whole("it names no program")
	}
	if len(words) > 0 {
		r.Args = words[1:]
	}
	if slices.Contains(named, "") {
		return r.whole("it names no package")
	}
	for _, p := range named {
		if IsLocal(p) {
			r.Local = append(r.Local, p)
		}
	}
	if r.Bin != "" && strings.ContainsAny(r.Bin, `/\`) {
		r.Local = append(r.Local, r.Bin)
	}
	if r.Local != nil {
		return r.project()
	}
	r.Kind, r.Packages = Package, named
	name := r.Bin
	if name == "" {
		name = npmName(named[0])
	}
	if slices.Contains(interpreting, name) { // npx tsx ./server.ts
		if file := firstWord(r.Args); IsLocal(file) {
			r.Local = []string{file}
		}
	}
	return true
}

// interpreting are programs of packages that run a file which their first argument names.
var interpreting = []string{"tsx", "ts-node", "ts-node-esm", "ts-node-dev", "esno", "esrun", "nodemon", "vite-node", "babel-node", "swc-node", "zx", "jiti", "sucrase-node",
	"node", "bun", "deno", "fastmcp", "mcp"}

// npmName is the name of a package without its version.
func npmName(spec string) string {
	if at := strings.LastIndexByte(spec, '@'); at > 0 {
		return spec[:at]
	}
	return spec
}

// npm reads npm's options in any place before "--".
func npm(r *Runner, args []string) bool {
	r.Tool = NPM
	before, after := args, []string(nil)
	if i := slices.Index(args, "--"); i >= 0 {
		before, after = args[:i], args[i+1:]
	}
	all := &scanned{taken: map[string][]string{}}
	var words []string
	for len(before) > 0 {
		s := npmOptions.scan(before)
		all.kept = append(all.kept, s.kept...)
		for name, values := range s.taken {
			all.taken[name] = append(all.taken[name], values...)
		}
		if all.unknown == "" {
			all.unknown = s.unknown
		}
		if before = s.rest; len(before) > 0 {
			words, before = append(words, before[0]), before[1:]
		}
	}
	if len(words) == 0 {
		return false
	}
	switch command := words[0]; command {
	case "exec", "x":
		all.rest = words[1:]
		return npmExec(r, all, after)
	case "start", "run", "run-script", "rum", "urn", "test", "t", "tst", "restart", "stop", "init", "create", "innit":
		r.Dir = all.last("--prefix", "-C")
		if slices.Contains([]string{"init", "create", "innit"}, command) {
			return r.whole("npm " + command + " fetches and runs in one step")
		}
		return r.project("package.json")
	}
	return false
}

var pnpmOptions = each(drop, "-s --silent -q -y --yes --no-color --color --aggregate-output --prefer-online").
	with(each(dropValue, "--loglevel --reporter")).
	with(each(keep, "--prefer-offline --ignore-scripts")).
	with(each(keepValue, "--registry --allow-build --cpu --os --libc")).
	with(each(takeValue, "-p --package -C --dir -F --filter")).
	with(each(take, "-c --shell-mode -r --recursive -w --workspace-root --offline"))

func pnpx(r *Runner, args []string) bool {
	r.Tool = PNPM
	s := pnpmOptions.scan(args)
	return pnpmDlx(r, s)
}

func pnpmDlx(r *Runner, s *scanned) bool {
	switch {
	case s.has("-C") || s.has("--dir") || s.has("-F") || s.has("--filter") || s.has("-r") || s.has("--recursive") || s.has("-w") || s.has("--workspace-root"):
		r.Dir = s.last("-C", "--dir")
		return r.project("package.json")
	case s.unknown != "":
		return r.whole("its option " + s.unknown + " is not known")
	case s.has("-c") || s.has("--shell-mode"):
		return r.whole("--shell-mode gives the text to a shell")
	case s.has("--offline"):
		return r.whole("it may install nothing")
	}
	r.Options = s.kept
	return r.packages(s.all("-p", "--package"), s.rest)
}

func pnpm(r *Runner, args []string) bool {
	r.Tool = PNPM
	s := pnpmOptions.scan(args)
	if len(s.rest) == 0 {
		return false
	}
	switch s.rest[0] {
	case "dlx", "x":
		more := pnpmOptions.scan(s.rest[1:])
		more.merge(s)
		return pnpmDlx(r, more)
	case "create":
		return r.whole("pnpm create fetches and runs in one step")
	case "add", "install", "i", "remove", "store", "config", "list", "ls", "outdated", "why", "help", "setup", "env", "fetch", "update", "up":
		return false
	}
	r.Dir = s.last("-C", "--dir")
	return r.project("package.json") // run, exec, start, and any script by its name
}

// merge adds what stood before the command.
func (s *scanned) merge(before *scanned) {
	s.kept = append(slices.Clone(before.kept), s.kept...)
	for name, values := range before.taken {
		s.taken[name] = append(slices.Clone(values), s.taken[name]...)
	}
	if s.unknown == "" {
		s.unknown = before.unknown
	}
}

var yarnOptions = each(drop, "-q --quiet -s --silent").with(each(takeValue, "-p --package --cwd"))

func yarn(r *Runner, args []string) bool {
	r.Tool = Yarn
	s := yarnOptions.scan(args)
	if len(s.rest) == 0 {
		return false
	}
	switch s.rest[0] {
	case "dlx":
		more := yarnOptions.scan(s.rest[1:])
		more.merge(s)
		if more.unknown != "" {
			return r.whole("its option " + more.unknown + " is not known")
		}
		if more.has("--cwd") {
			r.Dir = more.last("--cwd")
			return r.project("package.json")
		}
		return r.packages(more.all("-p", "--package"), more.rest)
	case "create", "init":
		return r.whole("yarn " + s.rest[0] + " fetches and runs in one step")
	case "add", "install", "remove", "config", "cache", "set", "info", "list", "why", "help":
		return false
	}
	r.Dir = s.last("--cwd")
	return r.project("package.json") // run, exec, node, start, and any script or program by its name
}

var bunxOptions = each(drop, "-y --yes --silent --verbose --quiet").with(each(take, "--bun -b --no-install")).with(each(takeValue, "-p --package"))

func bunx(r *Runner, args []string) bool {
	r.Tool = Bun
	s := bunxOptions.scan(args)
	switch {
	case s.unknown != "":
		return r.whole("its option " + s.unknown + " is not known")
	case s.has("--no-install"):
		return r.whole("it may install nothing")
	}
	r.UseBun = s.has("--bun") || s.has("-b")
	return r.packages(s.all("-p", "--package"), s.rest)
}

func bun(r *Runner, args []string) bool {
	r.Tool = Bun
	s := bunxOptions.with(each(takeValue, "--cwd -c --config --env-file -r --preload")).with(each(drop, "--watch --hot --smol")).scan(args)
	if len(s.rest) == 0 {
		return s.has("-r") || s.has("--preload")
	}
	switch s.rest[0] {
	case "x":
		if s.unknown != "" || s.has("--cwd") || s.has("-c") || s.has("--config") || s.has("-r") || s.has("--preload") {
			return r.whole("an option stands before bun x")
		}
		more := bunxOptions.scan(s.rest[1:])
		more.merge(s)
		ok := bunx(r, s.rest[1:])
		r.UseBun = r.UseBun || s.has("--bun") || s.has("-b")
		return ok
	case "create", "c", "init":
		return r.whole("bun " + s.rest[0] + " fetches and runs in one step")
	case "add", "install", "i", "remove", "update", "pm", "upgrade", "build", "help":
		return false
	}
	r.Dir = s.last("--cwd")
	if file := s.rest[0]; IsLocal(file) {
		r.Local = append(r.Local, file)
	} else if file == "run" && len(s.rest) > 1 && IsLocal(s.rest[1]) {
		r.Local = append(r.Local, s.rest[1])
	} else {
		return r.project("package.json")
	}
	return r.project()
}

// corepack starts the package manager that a project names.
func corepack(r *Runner, args []string) bool {
	if len(args) == 0 || !slices.Contains([]string{"npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg"}, npmName(args[0])) {
		return false
	}
	inner, ok := parse(npmName(args[0]), args[1:], wrapping)
	if !ok {
		return false
	}
	r.Tool, r.Local, r.Dir = inner.Tool, inner.Local, inner.Dir
	if inner.Kind == Project {
		return r.project()
	}
	return r.whole("corepack chooses the package manager")
}
