package launch

import (
	"fmt"
	"strings"
	"testing"
)

// brief shows a runner in one line.
func brief(r *Runner, ok bool) string {
	if !ok {
		return "none"
	}
	text := fmt.Sprintf("%s %s", r.Kind, r.Tool)
	part := func(name string, value any, shown bool) {
		if shown {
			text += fmt.Sprintf(" %s=%v", name, value)
		}
	}
	part("packages", strings.Join(r.Packages, ","), r.Packages != nil)
	part("bin", r.Bin, r.Bin != "")
	part("name", r.Name, r.Name != "")
	part("lead", r.Lead, len(r.Lead) > 0)
	part("args", r.Args, len(r.Args) > 0)
	part("options", r.Options, len(r.Options) > 0)
	part("python", r.Python, r.Python != "")
	part("env", r.Env, len(r.Env) > 0)
	part("latest", "", r.Latest)
	part("bun", "", r.UseBun)
	part("dir", r.Dir, r.Dir != "")
	part("local", r.Local, r.Local != nil)
	return text
}

func TestParse(t *testing.T) {
	for _, tt := range [][2]string{
		{"npx -y @modelcontextprotocol/server-filesystem /data", "package npm packages=@modelcontextprotocol/server-filesystem args=[/data]"},
		{"npx --yes pkg@1.2.3 --port 1", "package npm packages=pkg@1.2.3 args=[--port 1]"},
		{"npx pkg -y -p x", "package npm packages=pkg args=[-y -p x]"},
		{"npx -p pkg bin a", "package npm packages=pkg bin=bin args=[a]"},
		{"npx -ppkg bin", "package npm packages=pkg bin=bin"},
		{"npx --package=a --package b -- bin -x", "package npm packages=a,b bin=bin args=[-x]"},
		{"npx -y -- pkg a", "package npm packages=pkg args=[a]"},
		{"npx --registry=https://r.example --prefer-offline pkg", "package npm packages=pkg options=[--registry=https://r.example --prefer-offline]"},
		{"npx --registry https://r.example pkg", "package npm packages=pkg options=[--registry=https://r.example]"},
		{"npx -y github:user/repo#v1", "package npm packages=github:user/repo#v1"},
		{"npx -y git+https://host/repo.git", "package npm packages=git+https://host/repo.git"},
		{"/usr/bin/npx pkg", "package npm packages=pkg"},
		{`C:\Program-Files\nodejs\npx.cmd -y pkg`, "package npm packages=pkg"},
		{"NPX.CMD pkg", "package npm packages=pkg"},
		{"cmd /c npx -y pkg a", "package npm packages=pkg args=[a]"},
		{"cmd.exe /d /s /c npx -y pkg", "package npm packages=pkg"},
		{"env npx -y pkg", "package npm packages=pkg"},
		{"/usr/bin/env A=b npx pkg", "package npm packages=pkg env=[A=b]"},
		{"npx -c whatever", "opaque npm"},
		{"npx --call=x -p pkg", "opaque npm"},
		{"npx --frobnicate pkg", "opaque npm"},
		{"npx --node-options=--inspect pkg", "opaque npm"},
		{"npx --no-install pkg", "opaque npm"},
		{"npx -y", "opaque npm"},
		{"npx ./dir", "project npm local=[./dir]"},
		{"npx file:../x", "project npm local=[file:../x]"},
		{"npx -p ./dir bin", "project npm bin=bin local=[./dir]"},
		{"npx pkg.tgz", "project npm local=[pkg.tgz]"},
		{"npx --prefix /srv/x bin", "project npm dir=/srv/x local=[package.json]"},
		{"npx -y tsx ./server.ts", "package npm packages=tsx args=[./server.ts] local=[./server.ts]"},
		{"npx tsx@4 src/server.ts", "package npm packages=tsx@4 args=[src/server.ts] local=[src/server.ts]"},
		{"npm exec pkg", "package npm packages=pkg"},
		{"npm exec -- pkg -y", "package npm packages=pkg args=[-y]"},
		{"npm exec -y pkg -- --flag", "package npm packages=pkg args=[--flag]"},
		{"npm x -y pkg", "package npm packages=pkg"},
		{"npm -y x pkg", "package npm packages=pkg"},
		{"npm exec pkg --weird", "opaque npm"},
		{"npm exec --package=a -- bin b", "package npm packages=a bin=bin args=[b]"},
		{"npm start", "project npm local=[package.json]"},
		{"npm run mcp", "project npm local=[package.json]"},
		{"npm --prefix /srv/x start", "project npm dir=/srv/x local=[package.json]"},
		{"npm -w pkg exec tool", "project npm local=[package.json]"},
		{"npm install", "none"},
		{"npm init foo", "opaque npm"},
		{"pnpm dlx pkg a", "package pnpm packages=pkg args=[a]"},
		{"pnpm --silent dlx --package=a bin", "package pnpm packages=a bin=bin"},
		{"pnpm dlx -c x", "opaque pnpm"},
		{"pnpx pkg@2", "package pnpm packages=pkg@2"},
		{"pnpm run x", "project pnpm local=[package.json]"},
		{"pnpm -C /srv/x start", "project pnpm dir=/srv/x local=[package.json]"},
		{"yarn dlx pkg", "package yarn packages=pkg"},
		{"yarn dlx -q -p a bin x", "package yarn packages=a bin=bin args=[x]"},
		{"yarn start", "project yarn local=[package.json]"},
		{"yarn add x", "none"},
		{"bunx pkg a", "package bun packages=pkg args=[a]"},
		{"bunx --bun pkg", "package bun packages=pkg bun="},
		{"bun x -p a bin", "package bun packages=a bin=bin"},
		{"bun --bun x a", "package bun packages=a bun="},
		{"bun run server.ts", "project bun local=[server.ts]"},
		{"bun server.ts", "project bun local=[server.ts]"},
		{"bun start", "project bun local=[package.json]"},
		{"bun install", "none"},
		{"uvx pkg a -b", "package uv packages=pkg bin=pkg args=[a -b]"},
		{"uvx pkg@latest", "package uv packages=pkg bin=pkg latest="},
		{"uvx pkg@1.2", "package uv packages=pkg==1.2 bin=pkg"},
		{"uvx pkg==1.2", "package uv packages=pkg==1.2 bin=pkg"},
		{"uvx pkg[extra]>=1", "package uv packages=pkg[extra]>=1 bin=pkg"},
		{"uvx --from pkg[cli] bin x", "package uv packages=pkg[cli] bin=bin args=[x]"},
		{"uvx --from git+https://h/r@main bin", "package uv packages=git+https://h/r@main bin=bin"},
		{"uvx git+https://h/r", "package uv packages=git+https://h/r"},
		{"uvx --python 3.12 pkg", "package uv packages=pkg bin=pkg python=3.12"},
		{"uvx -p3.12 --with a,b --with c pkg", "package uv packages=pkg,a,b,c bin=pkg python=3.12"},
		{"uvx --index-url https://i.example pkg", "package uv packages=pkg bin=pkg options=[--index-url=https://i.example]"},
		{"uvx --from ./dir bin", "project uv packages=./dir bin=bin local=[./dir]"},
		{"uvx --with-editable . pkg", "project uv packages=pkg bin=pkg local=[.]"},
		{"uvx --odd pkg", "opaque uv"},
		{"uvx --env-file .env pkg", "opaque uv"},
		{"uv tool run pkg", "package uv packages=pkg bin=pkg"},
		{"uv tool run --from a b", "package uv packages=a bin=b"},
		{"uv run --with a,b srv", "package uv packages=a,b bin=srv"},
		{"uv run --with a python x.py", "project uv local=[pyproject.toml]"},
		{"uv run srv", "project uv local=[pyproject.toml]"},
		{"uv run server.py", "project uv local=[server.py pyproject.toml]"},
		{"uv --directory /abs run srv", "project uv dir=/abs local=[pyproject.toml]"},
		{"uv run --project /abs srv", "project uv dir=/abs local=[pyproject.toml]"},
		{"uv pip install x", "none"},
		{"uv", "none"},
		{"pipx run pkg a", "package pipx packages=pkg bin=pkg args=[a]"},
		{"pipx run --spec pkg==1 bin", "package pipx packages=pkg==1 bin=bin"},
		{"pipx run ./script.py", "project pipx packages=./script.py bin=./script.py local=[./script.py ./script.py]"},
		{"pipx install x", "none"},
		{"python -m mod a", "module python name=mod args=[a]"},
		{"python3.12 -u -m mod", "module python name=mod lead=[-u]"},
		{"/usr/bin/python3 -X utf8 -W ignore -m mod -m x", "module python name=mod lead=[-X utf8 -W ignore] args=[-m x]"},
		{"python3 -um mod", "module python name=mod lead=[-u]"},
		{"python3 -mmod", "module python name=mod"},
		{"py -3 -m mod", "module python name=mod lead=[-3]"},
		{"python.exe -c code a", "module python name=code args=[a]"},
		{"python server.py -m x", "none"},
		{"python -", "none"},
		{"sh -c python3\u2003-m", "none"},
		{"go run example.org/m@latest a", "package go packages=example.org/m@latest bin=m args=[a]"},
		{"go run example.org/m/v2@v2.1.0", "package go packages=example.org/m/v2@v2.1.0 bin=m"},
		{"go run -tags x -race example.org/m/cmd/srv@v1", "package go packages=example.org/m/cmd/srv@v1 bin=srv options=[-tags=x -race]"},
		{"go run -exec ./x example.org/m@v1", "opaque go"},
		{"go run ./cmd/x", "project go local=[go.mod ./cmd/x]"},
		{"go run .", "project go local=[go.mod .]"},
		{"go build", "none"},
		{"deno run -A npm:pkg", "quiet deno packages=npm:pkg args=[run --no-config --no-lock -A npm:pkg] env=[DENO_NO_PACKAGE_JSON=1]"},
		{"deno run --allow-net jsr:@a/b x", "quiet deno packages=jsr:@a/b args=[run --no-config --no-lock --allow-net jsr:@a/b x] env=[DENO_NO_PACKAGE_JSON=1]"},
		{"deno run https://h/x.ts", "quiet deno packages=https://h/x.ts args=[run --no-config --no-lock https://h/x.ts] env=[DENO_NO_PACKAGE_JSON=1]"},
		{"deno run --config ./x.json npm:pkg", "opaque deno packages=npm:pkg"},
		{"deno run --env-file npm:pkg", "opaque deno packages=npm:pkg"},
		{"deno run main.ts npm:x", "project deno local=[main.ts]"},
		{"deno task start", "project deno local=[deno.json]"},
		{"deno test npm:x", "none"},
		{"dx npm:pkg", "opaque deno"},
		{"corepack pnpm dlx x", "opaque pnpm"},
		{"corepack yarn@4 start", "project yarn local=[package.json]"},
		{"poetry run srv", "project other local=[pyproject.toml]"},
		{"cargo run", "project other local=[Cargo.toml]"},
		{"make serve", "project other local=[Makefile]"},
		{"nix run nixpkgs#x", "opaque other"},
		{"nice npx pkg", "opaque npm"},
		{"op run -- npx -y pkg", "opaque npm"},
		{"timeout 5 npm start", "project npm local=[package.json]"},
		{"wsl npx -y pkg", "opaque npm"},
		{"docker run npx", "none"},
		{"git npx", "none"},
		{"node npx", "none"},
		{"./npx-like a", "none"},
	} {
		words := strings.Fields(tt[0])
		if got := brief(Parse(words[0], words[1:])); got != tt[1] {
			t.Errorf("%s\n got %s\nwant %s", tt[0], got, tt[1])
		}
	}
}

func TestParseShells(t *testing.T) {
	for _, tt := range []struct {
		command string
		args    []string
		want    string
	}{
		{"bash", []string{"-c", "npx -y pkg a"}, "package npm packages=pkg args=[a]"},
		{"sh", []string{"-c", "exec uvx pkg"}, "package uv packages=pkg bin=pkg"},
		{"bash", []string{"-lc", "npx -y pkg"}, "opaque npm"},
		{"zsh", []string{"-c", "cd /x && npx -y pkg"}, "opaque npm"},
		{"sh", []string{"-c", "PATH=. python3 -m mod"}, "opaque python"},
		{"sh", []string{"-c", "./tool"}, "none"},
		{"cmd", []string{"/c", "npx -y pkg"}, "package npm packages=pkg"},
		{"cmd", []string{"/c", "cd x & npx -y pkg"}, "opaque npm"},
		{"powershell", []string{"-Command", "npx -y pkg"}, "opaque npm"},
		{"env", []string{"-S", "npx -y pkg"}, "opaque npm"},
	} {
		if got := brief(Parse(tt.command, tt.args)); got != tt.want {
			t.Errorf("%s %q\n got %s\nwant %s", tt.command, tt.args, got, tt.want)
		}
	}
}

func TestFetches(t *testing.T) {
	for line, want := range map[string]bool{
		"npx -y pkg": true, "/usr/bin/npx pkg": true, "NPX.cmd pkg": true, "uvx pkg": true, "pipx run pkg": true, "bunx pkg": true, "pnpx p": true, "npm exec -- pkg": true, "npm -y x pkg": true, "pnpm dlx pkg": true,
		"yarn dlx p": true, "bun x p": true, "uv tool run p": true, "uv run p": true, "go run example.org/m@latest": true, "deno run -A npm:pkg": true, "deno run jsr:@a/b": true, "deno run https://h/x.ts": true,
		"cmd /c npx pkg": true, "env npx pkg": true,
		"npm start": false, "npm run exec": false, "node exec": false, "python -m pkg": false, "deno run main.ts": false, "deno test npm:x": false, "go build": false, "bun server.ts": false, "uv": false, "x npx": false, "docker run npx": false,
	} {
		words := strings.Fields(line)
		if got := Fetches(words[0], words[1:]); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestInterpreter(t *testing.T) {
	for command, want := range map[string]bool{"npx": true, "/usr/bin/python3.12": true, "node": true, "docker": true, "Py.exe": true, "env": true, "pnpm.CMD": true, "my-server": false, "pythonista": false} {
		if got := Interpreter(command); got != want {
			t.Errorf("%s: %v", command, got)
		}
	}
}

// FuzzParse: nothing that is written as a command line brings the parser down, and what is taken apart names what to install.
func FuzzParse(f *testing.F) {
	f.Add("npx\x00-y\x00pkg")
	f.Add("npx\x00")
	f.Add("env\x00A=b\x00sh\x00-c\x00uvx --with a,b c")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, "\x00")
		r, ok := Parse(words[0], words[1:])
		if ok && (r.Kind == Package && (len(r.Packages) == 0 || r.Packages[0] == "") || r.Kind == "") {
			t.Errorf("%q: %+v", words, r)
		}
	})
}
