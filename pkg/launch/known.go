package launch

import (
	"path/filepath"
	"slices"
	"strings"
)

// What is known of interpreters and of runners of projects.

// codeOptions are the options behind which code stands in the command line, by interpreter.
var codeOptions = map[string][]string{
	"node": {"-e", "--eval", "-p", "--print", "-pe"}, "bun": {"-e", "--eval", "-p", "--print"}, "deno": {"eval"}, "python": {"-c"}, "ruby": {"-e"}, "perl": {"-e", "-E"},
	"php": {"-r", "--run", "-B", "-R", "-E"}, "lua": {"-e"}, "rscript": {"-e"}, "julia": {"-e", "-E", "--eval", "--print"}, "elixir": {"-e", "--eval"}, "groovy": {"-e"},
	"osascript": {"-e"}, "shell": {"-c"}, "pwsh": {"-c", "-command", "-e", "-ec", "-encodedcommand", "/c", "/command"}, "cmd": {"/c", "/k", "/r"}, "java": {}, "dotnet": {}, "other": {},
}

// interpreterOf is the family of an interpreter by the name of its command, "" if it is none that is known.
func interpreterOf(base string) string {
	if isShell(base) {
		return "shell"
	}
	for name, prefixes := range map[string][]string{
		"node": {"node", "nodejs", "tsx", "ts-node", "electron", "iojs"}, "bun": {"bun"}, "deno": {"deno"}, "python": {"python", "pythonw", "pypy", "py", "ipython", "micropython"}, "ruby": {"ruby", "jruby"},
		"perl": {"perl"}, "php": {"php"}, "lua": {"lua", "luajit", "luau"}, "rscript": {"rscript", "r"}, "julia": {"julia"}, "elixir": {"elixir"}, "groovy": {"groovy"},
		"osascript": {"osascript"}, "pwsh": {"pwsh", "powershell"}, "cmd": {"cmd"}, "java": {"java", "javaw", "kotlin", "scala", "jbang"}, "dotnet": {"dotnet", "mono"},
		"other": {"tclsh", "wish", "guile", "racket", "swipl", "escript", "ocaml", "runghc", "runhaskell", "awk", "gawk", "wasmtime", "wasmer", "qjs", "nu", "xonsh", "expect", "wine", "raku", "janet"},
	} {
		if slices.Contains(prefixes, strings.TrimRight(base, "0123456789.-")) {
			return name
		}
	}
	return ""
}

func isShell(base string) bool {
	return slices.Contains([]string{"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "mksh", "csh", "tcsh", "rbash", "busybox"}, base)
}

// hasCode tells whether code stands behind an option of an interpreter. Short options can stand together: bash -lc, python -Ic.
func hasCode(kind, arg string) bool {
	if kind == "pwsh" || kind == "cmd" {
		arg = strings.ToLower(arg)
	}
	for _, option := range codeOptions[kind] {
		switch {
		case arg == option, strings.HasPrefix(option, "--") && strings.HasPrefix(arg, option+"="):
			return true
		case len(option) == 2 && option[0] == '-' && kind != "node" && kind != "bun" && kind != "pwsh" && len(arg) > 2 && arg[0] == '-' && arg[1] != '-' &&
			strings.IndexByte(arg[1:], option[1]) >= 0:
			return kind == "shell" || kind == "python" || strings.Trim(arg[1:strings.IndexByte(arg, option[1])], "wWnlaspIuBES0") == ""
		}
	}
	return false
}

// takesValue tells whether the word behind an interpreter's option belongs to it.
func takesValue(kind, option string) bool {
	options := map[string][]string{
		"node": {"-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file", "--env-file-if-exists", "-C", "--conditions", "--tsconfig", "--experimental-config-file", "--icu-data-dir", "--openssl-config", "-P", "--project"},
		"bun":  {"-r", "--preload", "--import", "--config", "-c", "--env-file", "--cwd", "--tsconfig-override"}, "python": {"-W", "-X"}, "ruby": {"-r", "-I", "-C"}, "perl": {"-I"},
		"php": {"-c", "-d", "-z", "-t"}, "java": {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path"}, "lua": {"-l"}, "shell": {"-o", "+o", "--rcfile", "--init-file"},
		"deno": {"-c", "--config", "--import-map", "--lock", "--env-file", "--env"}, "elixir": {"-r", "-pr", "-pa", "-pz", "-S"}, "dotnet": {"--additionalprobingpath", "--depsfile", "--runtimeconfig"},
		"pwsh": {"-configurationname", "-executionpolicy", "-workingdirectory"},
	}
	return slices.Contains(options[kind], option)
}

// isVerb tells whether a word says what an interpreter does with the file that follows.
func isVerb(kind, word string) bool {
	return kind == "bun" && word == "run" || kind == "deno" && (word == "run" || word == "serve") || kind == "dotnet" && word == "exec"
}

// shellCommand gives the words of a shell's code that is one plain command: it is as if the command stood there itself.
func shellCommand(kind string, args []string) ([]string, bool) {
	if kind != "shell" || len(args) < 2 || !hasCode(kind, args[0]) {
		return nil, false
	}
	words, ok := plainWords(args[1])
	return words, ok && len(words) > 0 && !slices.Contains(builtins, words[0])
}

// builtins are commands of shells that run what they are given in the shell itself, or take it elsewhere.
var builtins = []string{".", "source", "eval", "cd", "pushd", "command", "builtin", "exec", "trap", "alias", "export", "set", "shopt", "enable", "hash", "autoload", "function", "time", "coproc"}

// codeSuffixes end the names of files that are code.
var codeSuffixes = []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".py", ".pyw", ".pyz", ".pyc", ".rb", ".pl", ".php", ".phar", ".lua", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".psm1",
	".bat", ".cmd", ".exe", ".com", ".jar", ".war", ".class", ".java", ".kts", ".kt", ".groovy", ".scala", ".go", ".rs", ".exs", ".ex", ".r", ".jl", ".tcl", ".dll", ".so", ".dylib", ".node", ".wasm",
	".csx", ".fsx", ".cs", ".swift", ".hs", ".ml", ".clj", ".cljs", ".scm", ".rkt", ".nu", ".awk", ".vbs", ".wsf", ".scpt", ".applescript", ".raku", ".nix"}

func hasCodeSuffix(path string) bool {
	return slices.Contains(codeSuffixes, strings.ToLower(filepath.Ext(path)))
}

var (
	nodeFiles   = []string{"package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpm-workspace.yaml"}
	bunFiles    = []string{"bunfig.toml", ".bunfig.toml"}
	denoFiles   = []string{"deno.json", "deno.jsonc", "package.json"}
	pythonFiles = []string{"pyproject.toml", "uv.toml", "uv.lock", ".python-version", ".venv/pyvenv.cfg", "setup.py", "setup.cfg"}
	goFiles     = []string{"go.mod", "go.work"}
	composeFile = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml", "compose.override.y*ml", "docker-compose.override.y*ml", ".env"}
	cargoFiles  = []string{"Cargo.toml", ".cargo/config.toml", ".cargo/config", "rust-toolchain", "rust-toolchain.toml", "build.rs"}
	dotnetFiles = []string{"*.csproj", "*.fsproj", "*.vbproj", "*.sln", "*.slnx", "Directory.Build.props", "Directory.Build.targets", "global.json", "NuGet.Config", "nuget.config"}
	gradleFiles = []string{"build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.properties", "gradle/wrapper/gradle-wrapper.properties", "gradle/wrapper/gradle-wrapper.jar"}
	mavenFiles  = []string{"pom.xml", ".mvn/maven.config", ".mvn/jvm.config", ".mvn/extensions.xml", ".mvn/wrapper/maven-wrapper.properties"}
	makeFiles   = []string{"GNUmakefile", "makefile", "Makefile", "BSDmakefile"}
	justFiles   = []string{"justfile", "Justfile", ".justfile", ".env"}
)

// mainFiles are what is run of a directory that is given to an interpreter or a runner as a whole.
var mainFiles = []string{"index.js", "index.mjs", "index.cjs", "index.ts", "__main__.py", "__init__.py", "Dockerfile"}

// filesOf are the files that give orders to a family of runners, nil if that is not known of it. Those of an interpreter go by its name.
func filesOf(t Tool) []string {
	switch t {
	case NPM, PNPM, Yarn, "node":
		return nodeFiles
	case Bun:
		return slices.Concat(nodeFiles, bunFiles)
	case Deno:
		return denoFiles
	case UV, Pipx, Python:
		return pythonFiles
	case Go:
		return goFiles
	}
	return nil
}

// project is a runner of projects.
type project struct {
	files []string // that give it orders; patterns
	verbs []string // commands that run the project's code; nil: all do
}

func (p project) used(args []string) bool {
	return p.verbs == nil || slices.ContainsFunc(args, func(a string) bool { return slices.Contains(p.verbs, a) })
}

// projects are runners of the code of a project, by the name of the command.
var projects = map[string]project{
	"make": {files: makeFiles}, "gmake": {files: makeFiles}, "bmake": {files: makeFiles}, "nmake": {files: makeFiles}, "just": {files: justFiles},
	"task": {files: []string{"Taskfile*.y*ml", "taskfile*.y*ml"}}, "go-task": {files: []string{"Taskfile*.y*ml", "taskfile*.y*ml"}},
	"cargo": {files: cargoFiles}, "dotnet": {files: dotnetFiles, verbs: []string{"run", "watch", "exec", "test"}},
	"docker": {files: composeFile, verbs: []string{"compose"}}, "podman": {files: composeFile, verbs: []string{"compose"}}, "nerdctl": {files: composeFile, verbs: []string{"compose"}},
	"docker-compose": {files: composeFile}, "podman-compose": {files: composeFile},
	"gradle": {files: gradleFiles}, "gradlew": {files: gradleFiles}, "mvn": {files: mavenFiles}, "mvnw": {files: mavenFiles}, "ant": {files: []string{"build.xml"}}, "sbt": {files: []string{"build.sbt", "project/*"}},
	"lein": {files: []string{"project.clj"}}, "clj": {files: []string{"deps.edn"}}, "clojure": {files: []string{"deps.edn"}}, "bb": {files: []string{"bb.edn"}},
	"poetry": {files: pythonFiles}, "pdm": {files: append([]string{"pdm.toml"}, pythonFiles...)}, "hatch": {files: append([]string{"hatch.toml"}, pythonFiles...)}, "rye": {files: pythonFiles},
	"pixi": {files: []string{"pixi.toml", "pyproject.toml"}}, "pipenv": {files: []string{"Pipfile", "Pipfile.lock", ".env"}}, "tox": {files: []string{"tox.ini", "pyproject.toml", "setup.cfg"}},
	"nox": {files: []string{"noxfile.py"}}, "invoke": {files: []string{"tasks.py"}}, "inv": {files: []string{"tasks.py"}}, "fab": {files: []string{"fabfile.py"}},
	"bundle": {files: []string{"Gemfile", "Gemfile.lock", ".bundle/config"}}, "rake": {files: []string{"Rakefile", "rakefile", "Rakefile.rb"}}, "mix": {files: []string{"mix.exs"}},
	"composer": {files: []string{"composer.json"}}, "swift": {files: []string{"Package.swift"}, verbs: []string{"run", "build", "test"}}, "zig": {files: []string{"build.zig"}, verbs: []string{"build", "run"}},
	"bazel": {files: []string{"WORKSPACE*", "MODULE.bazel", "BUILD*", ".bazelrc"}}, "bazelisk": {files: []string{"WORKSPACE*", "MODULE.bazel", "BUILD*", ".bazelrc"}},
	"stack": {files: []string{"stack.yaml", "package.yaml"}}, "cabal": {files: []string{"*.cabal", "cabal.project"}}, "dune": {files: []string{"dune-project", "dune"}}, "dart": {files: []string{"pubspec.yaml"}},
	"nx": {files: append([]string{"nx.json"}, nodeFiles...)}, "turbo": {files: append([]string{"turbo.json"}, nodeFiles...)}, "lerna": {files: append([]string{"lerna.json"}, nodeFiles...)},
	"gulp": {files: []string{"gulpfile.*"}}, "grunt": {files: []string{"Gruntfile.*"}}, "nodemon": {files: append([]string{"nodemon.json"}, nodeFiles...)}, "pm2": {files: []string{"ecosystem.config.*"}},
	"nix": {files: []string{"flake.nix", "flake.lock"}, verbs: []string{"run", "develop", "shell"}}, "nix-shell": {files: []string{"shell.nix", "default.nix"}}, "devbox": {files: []string{"devbox.json"}},
	"direnv": {files: []string{".envrc"}}, "mise": {files: []string{"mise.toml", ".mise.toml", "mise*.toml", ".mise*.toml", "mise/*.toml", ".mise/*.toml", ".config/mise.toml", ".config/mise/*.toml", ".tool-versions"}},
	"git": {files: []string{".git", ".git/config", ".git/config.worktree"}}, "pants": {files: []string{"pants.toml"}},
	"uvicorn": {files: []string{"*.py"}}, "gunicorn": {files: []string{"*.py"}}, "hypercorn": {files: []string{"*.py"}}, "flask": {files: []string{"*.py"}}, "celery": {files: []string{"*.py"}}, "fastapi": {files: []string{"*.py"}},
}
