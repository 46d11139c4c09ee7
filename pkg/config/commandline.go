package config

import (
	"strings"

	"github.com/tailscale/hujson"
)

// checkCommand refuses a command line in the place of a program, and shows how it is split.
func (e *entry) checkCommand() {
	v, ok := e.seen["command"]
	if !ok || v.Value.Kind() != '"' {
		return
	}
	words := splitCommandLine(e.server.Command)
	if !isCommandLine(words) {
		return
	}
	e.fail(v, "", "command is a whole command line, and no shell runs here to split it", "write "+splitEntry(words, e.server.Args))
}

// isCommandLine tells whether the words of a command are a program and its arguments, and not a path with spaces in it.
func isCommandLine(words []string) bool {
	if len(words) < 2 {
		return false
	}
	if !strings.ContainsAny(words[0], `/\`) {
		return true
	}
	for _, word := range words[1:] {
		if strings.ContainsAny(word[:1], "-/~@$.") && !strings.HasSuffix(word, `\`) {
			return true
		}
	}
	return false
}

// splitCommandLine splits a text at its spaces, as a shell does; quotes keep words together.
func splitCommandLine(text string) (words []string) {
	var word strings.Builder
	quote, inside := rune(0), false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inside = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n' || r == '\r'):
			if inside || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
		}
	}
	if inside || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}

// splitEntry is the split command as an entry has it. Words that may be secrets are not shown.
func splitEntry(words, args []string) string {
	all := make([]string, 0, len(words)+len(args))
	secret := false
	for i, word := range append(append(all, words[1:]...), args...) {
		name, value, assigned := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch {
		case secret || looksRandom(word) || namesToken(name) && assigned || looksRandom(value) || i >= maxShownWords:
			word = "…"
		default:
			word = excerpt(word)
		}
		secret = strings.HasPrefix(word, "-") && namesToken(name) && !assigned || strings.HasSuffix(strings.ToLower(word), "bearer")
		if i <= maxShownWords {
			all = append(all, word)
		}
	}
	quote := func(v any) string {
		text, err := encodeJSON(v)
		if err != nil {
			panic(err) // strings
		}
		return strings.TrimSpace(string(text))
	}
	texts := make([]string, len(all))
	for i, word := range all {
		texts[i] = quote(word)
	}
	return `"command": ` + quote(excerpt(words[0])) + `, "args": [` + strings.Join(texts, ", ") + "]"
}

const maxShownWords = 12

// checkArgs warns of arguments that do not mean what they would to a shell, and of secrets, which every program of the machine sees there.
func (e *entry) checkArgs() {
	var elements []hujson.Value
	for _, option := range []string{"command", "args"} {
		if list, ok := e.seen[option].Value.(*hujson.Array); ok {
			elements = append(elements, list.Elements...)
		}
	}
	for _, v := range elements {
		if v.Value.Kind() != '"' {
			continue
		}
		text := textOf(v)
		if _, value, assigned := strings.Cut(text, "="); text == "~" || strings.HasPrefix(text, "~/") || assigned && strings.HasPrefix(text, "-") && strings.HasPrefix(value, "~/") {
			e.warn(v, "~", "~ is the shell's, and no shell runs here: the server gets it as it is", "write ${env:HOME} in its place")
		}
		if e.holdsSecret(text) {
			e.warn(v, "", "a secret in args is visible to every program of this machine in the list of processes", "pass it in env")
		}
	}
}

// holdsSecret tells whether a text refers to a secret, by itself or by one of the entry's own variables.
func (e *entry) holdsSecret(text string) bool {
	parts, _ := e.server.parse("args", e.rewritten(text, false))
	for _, p := range parts {
		switch p.kind {
		case partKeyring:
			return true
		case partOwn:
			if value := e.server.variable(p.name); namesToken(p.name) || strings.Contains(value, "${keyring:") || looksRandom(value) {
				return true
			}
		}
	}
	return false
}
