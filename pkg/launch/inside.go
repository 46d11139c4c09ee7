package launch

import (
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// inside gives the command of a confined server that is shown its working directory, so that the directory gives no orders to a runner in
// the container or sandbox either: what is installed outside for other servers is installed inside, for this run. A runner that can't be
// taken apart there works in a directory of its own. Any other command is returned as it is.
func inside(server *config.Server, l config.Launch, workspace string) (command string, args []string) {
	r, ok := Parse(l.Command, l.Args)
	behind := startsRunner(l.Command, l.Args)
	if !ok && !behind || l.Isolation == nil || l.Isolation.Dir == "" || ClosedTo(server, l, workspace).Root(l.Dir) == "" {
		return l.Command, l.Args
	}
	if behind {
		if command = l.Command; strings.Contains(command, "/") && !path.IsAbs(command) {
			command = path.Join(l.Dir, command) // which has the same path inside
		}
		return "sh", slices.Concat([]string{"-c", ownDirectory + `exec "$@"`, "sh", command}, l.Args)
	}
	inner := *r
	inner.Command = path.Base(strings.ReplaceAll(r.Command, `\`, "/"))
	switch {
	case r.Kind == Project || r.Kind == Module && r.Code:
		return l.Command, l.Args
	case r.Kind == Module:
		command, args = r.Command, slices.Concat(r.Lead, []string{"-c", runModule, r.Name}, r.Args)
	case r.Kind == Quiet:
		command, args = r.Command, r.Args
	default:
		script := ""
		if r.Kind == Package {
			script = inner.script()
		}
		if script == "" {
			return "sh", slices.Concat([]string{"-c", ownDirectory + `exec "$@"`, "sh", l.Command}, l.Args)
		}
		command, args = "sh", slices.Concat([]string{"-c", script, "sh"}, r.Args)
	}
	if len(r.Env) > 0 {
		return "env", slices.Concat(r.Env, []string{command}, args)
	}
	return command, args
}

// ownDirectory makes a directory and goes there; $w is the working directory, $d the new one.
const ownDirectory = `w=$PWD; d=$(mktemp -d) && cd "$d" || exit 125; `

// binOf prints the program of the installed package: its file, behind "!" if node does not run it. It is for node.
const binOf = `const f=require("fs"),p=require("path"),j=x=>JSON.parse(f.readFileSync(x)),d="node_modules/",u=n=>n.split("/").pop();` +
	`let r;for(const n of Object.keys(j("package.json").dependencies)){const m=j(d+n+"/package.json"),b=typeof m.bin=="string"?{[u(n)]:m.bin}:m.bin||{},v=new Set(Object.values(b)),a=process.argv[1];` +
	`const e=a?b[a]:v.size==1?[...v][0]:b[u(n)];if(e){r=p.join(d+n,e);break}}` +
	`if(!r&&process.argv[1])r=p.relative(".",f.realpathSync(d+".bin/"+process.argv[1]));if(!r)process.exit(1);` +
	`const h=f.readFileSync(r,"latin1").split("\n")[0];console.log((h.startsWith("#!")&&!/\bnode\b/.test(h)?"!":"")+r)`

// script installs a runner's packages and starts its program, as a shell does it; "" if there is none for it.
func (r *Runner) script() string {
	if r.Tool != NPM && (r.Tool != UV && r.Tool != Go || r.Bin == "" || runtime.GOOS == "windows") { // where the steps have paths of another form
		return ""
	}
	const dir = "\x00" // where the directory's path goes
	tool := installers[r.Tool]
	steps, err := tool.steps(&Request{Runner: r}, dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(ownDirectory)
	quote := func(word string) string {
		word = `'` + strings.ReplaceAll(word, `'`, `'\''`) + `'`
		return strings.ReplaceAll(word, dir, `'"$d"'`)
	}
	for name, text := range tool.files {
		b.WriteString("printf %s " + quote(text) + " >" + quote(name) + "; ")
	}
	for _, s := range steps {
		words := slices.Concat(s.Env, []string{s.Name}, s.Args)
		b.WriteString("env")
		for _, w := range words {
			b.WriteString(" " + quote(w))
		}
		b.WriteString(" </dev/null >&2 || exit 1; ")
	}
	switch r.Tool {
	case UV, Go:
		b.WriteString(`cd "$w" && exec "$d"/` + quote("bin/"+r.Bin) + ` "$@"`)
	default:
		b.WriteString(`f=$(node -e ` + quote(binOf) + ` ` + quote(r.Bin) + `) && cd "$w" || exit 1; case $f in !*) exec "$d/${f#!}" "$@";; *) exec node "$d/$f" "$@";; esac`)
	}
	return b.String()
}
