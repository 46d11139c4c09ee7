package cli

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// itemWords is an item's name in the same way.
func itemWords(it quarantine.Item) string { return confusables.ASCII(it.Name()) }

// definitionLines writes a definition for people: indented, strings decoded and escaped anew (so that an escape can't hide a plain
// letter), and broken where they have line breaks, each piece in quotes of its own.
func definitionLines(raw []byte) []string {
	var indented bytes.Buffer
	if json.Indent(&indented, bytes.TrimSpace(raw), "", "  ") != nil || !utf8.Valid(raw) {
		return []string{"not JSON: " + strconv.QuoteToASCII(string(raw))}
	}
	var out []byte
	text := indented.Bytes()
	start := 0 // of the line in out
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n':
			out = append(out, c)
			start = len(out)
			i++
		case c != '"':
			out = append(out, c) // structure and numbers are ASCII
			i++
		default:
			end := i + 1
			for text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			out = appendString(out, jsonrpc.Unquote(text[i:end+1]), utf8.RuneCount(out[start:]))
			i = end + 1
			start = max(start, bytes.LastIndexByte(out, '\n')+1)
		}
	}
	return strings.Split(string(out), "\n")
}

// appendString appends a string's pieces, the ones after the first under it.
func appendString(out, s []byte, column int) []byte {
	out = append(out, '"')
	for len(s) > 0 {
		end := bytes.IndexByte(s, '\n') + 1
		for end > 0 && end < len(s) && s[end] == '\n' {
			end++
		}
		piece := s
		if end > 0 {
			piece = s[:end]
		}
		for _, part := range bytes.SplitAfter(piece, []byte("\n")) {
			plain, broken := bytes.CutSuffix(part, []byte("\n"))
			plain = bytes.ReplaceAll(plain, []byte(`\`), []byte(`\\`))
			out = confusables.AppendReveal(out, bytes.ReplaceAll(plain, []byte(`"`), []byte(`\"`)))
			if broken {
				out = append(out, `\n`...)
			}
		}
		if s = s[len(piece):]; len(s) > 0 {
			out = append(out, "\"\n"+strings.Repeat(" ", column)+"\""...)
		}
	}
	return append(out, '"')
}

// differenceLines are the lines in which two definitions differ, with some around them, each with +, - or a space in front. The order of
// members does not count, as it does not for a digest.
func differenceLines(old, changed []byte) []string {
	text := func(raw []byte) []byte {
		if canonical, err := jsonrpc.Canonical(raw); err == nil {
			raw = canonical
		}
		return []byte(strings.Join(definitionLines(raw), "\n") + "\n")
	}
	all := strings.Split(strings.TrimSuffix(string(diff.Diff("old", text(old), "new", text(changed))), "\n"), "\n")
	if len(all) < 3 {
		return nil
	}
	return all[3:] // the names of the files
}
