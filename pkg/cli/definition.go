package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/text/unicode/bidi"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// honest tells whether a character shows as what it is: it is visible, does not look like another one, does not sit on its neighbour, and
// leaves the order of a line as it is. Most of another script stays readable; a Cyrillic letter that could be a Latin one does not pass.
func honest(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	if !unicode.IsPrint(r) || unicode.Is(unicode.M, r) || confusables.Ignorable(r) || confusables.Prototype(r) != "" {
		return false
	}
	switch p, _ := bidi.LookupString(string(r)); p.Class() {
	case bidi.R, bidi.AL, bidi.AN, bidi.BN:
		return false
	}
	return r != utf8.RuneError
}

// appendHonest appends a text of a server with all that could deceive an eye or a terminal as \u escapes, which are JSON's.
func appendHonest(b []byte, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			b = fmt.Appendf(b, `\x%02x`, text[0])
		case honest(r):
			b = append(b, text[:n]...)
		case r > 0xffff:
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b
}

// shown is a text with all that could deceive as escapes. It is for reading: two texts can give the same.
func shown(text string) string { return string(appendHonest(nil, []byte(text))) }

// inWords is a name of a server's as it can be read, typed and told from every other one: ASCII, the rest escaped.
func inWords(name string) string {
	quoted := strconv.QuoteToASCII(name)
	return quoted[1 : len(quoted)-1]
}

// itemWords is an item's name in the same way.
func itemWords(it quarantine.Item) string { return inWords(it.Name()) }

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
			out = appendHonest(out, bytes.ReplaceAll(plain, []byte(`"`), []byte(`\"`)))
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

// asciiJSON escapes what is not ASCII in valid JSON, where it can only stand in strings.
func asciiJSON(raw []byte) []byte {
	var out []byte
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		raw = raw[n:]
	}
	return out
}
