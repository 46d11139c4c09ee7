package launch

import (
	_ "embed"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

//go:embed known.txt
var knownText string

// known has the sections of known.txt: what is known of each name.
var known = sync.OnceValue(func() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	var section map[string][]string
	options := false
	for line := range strings.Lines(strings.ReplaceAll(knownText, "\n  ", " ")) {
		line = strings.TrimSuffix(line, "\n")
		names, words, found := strings.Cut(line, ":")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = map[string][]string{}
			title := strings.Trim(line, "[]")
			options, all[title] = strings.HasPrefix(title, "options "), section
		case found:
			var known []string
			for _, word := range strings.Fields(words) {
				if of, ok := strings.CutPrefix(word, "@"); ok {
					known = append(known, all["files"][of]...)
				} else {
					known = append(known, word)
				}
			}
			if options { // which are looked for by their names
				names, known = strings.Join(known, " "), []string{names}
			}
			for _, name := range strings.Fields(names) {
				section[name] = slices.Clip(known)
			}
		}
	}
	return all
})

// about is what a section of known.txt says of a name, nil if it does not have it.
func about(section, name string) []string { return known()[section][name] }

// one is the only word that a section says of a name, "" for none.
func one(section, name string) string { return strings.Join(about(section, name), " ") }

// list is a list of known.txt.
func list(name string) []string { return about("lists", name) }

// interpreterOf is the family of an interpreter by the name of its command, "" if it is none that is known.
func interpreterOf(base string) string {
	return one("interpreters", strings.TrimRight(base, "0123456789.-"))
}

// hasCode tells whether code stands behind an option of an interpreter. Short options can stand together: bash -lc,
// python -Ic.
func hasCode(kind, arg string) bool {
	if kind == "pwsh" || kind == "cmd" {
		arg = strings.ToLower(arg)
	}
	for _, option := range about("code options", kind) {
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
	return slices.Contains(about("value options", kind), option)
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
	return words, ok && len(words) > 0 && !slices.Contains(list("builtins"), words[0])
}

func hasCodeSuffix(path string) bool {
	return slices.Contains(list("code-suffixes"), strings.ToLower(filepath.Ext(path)))
}

// filesOf are the files that give orders to a family of runners, nil if that is not known of it. Those of an
// interpreter go by its name.
func filesOf(t Tool) []string { return about("files", string(t)) }

// projectOf are the files that give orders to a runner of projects, if a command is one with these arguments.
func projectOf(base string, args []string) (files []string, ok bool) {
	files, ok = known()["projects"][base]
	verbs := about("project commands", base)
	return files, ok && (verbs == nil || slices.ContainsFunc(args, func(a string) bool { return slices.Contains(verbs, a) }))
}
