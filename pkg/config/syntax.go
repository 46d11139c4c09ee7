package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// source is one file's text and, unless it is blank, its syntax tree.
type source struct {
	path       string
	data       []byte // without a byte order mark, ending in a newline
	lineStarts []int
	runes      []int // how many begin before each block
	root       hujson.Value
	blank      bool // nothing but whitespace and comments
}

var utf8BOM = []byte("\xef\xbb\xbf")

// parseSource reads JSON with comments and trailing commas (JWCC). A byte order
// mark and a last line comment without a newline, both of which the parser
// refuses, are tolerated.
func parseSource(path string, data []byte) (*source, error) {
	data = bytes.TrimPrefix(data, utf8BOM)
	if len(data) == 0 || data[len(data)-1] != '\n' {
		data = append(slices.Clip(data), '\n')
	}
	s := &source{path: path, data: data, lineStarts: []int{0}}
	count := 0
	for i, c := range data {
		if i%block == 0 {
			s.runes = append(s.runes, count)
		}
		if c == '\n' {
			s.lineStarts = append(s.lineStarts, i+1)
		}
		if utf8.RuneStart(c) {
			count++
		}
	}
	sc := scanner{data: data}
	if f := sc.scan(); f != nil {
		return nil, s.syntaxError(f)
	}
	if s.blank = !sc.tokens; s.blank {
		return s, nil
	}
	root, err := hujson.Parse(data)
	if err != nil {
		return nil, s.syntaxError(s.explain(err))
	}
	s.root = root
	return s, nil
}

// position turns a byte offset into line and column, both from 1.
func (s *source) position(offset int) (line, column int) {
	line, found := slices.BinarySearch(s.lineStarts, offset)
	if !found {
		line--
	}
	return line + 1, s.runesBefore(offset) - s.runesBefore(s.lineStarts[line]) + 1
}

// block is in bytes: a file of thousands of entries on one line is not counted through from its beginning for each of them.
const block = 512

func (s *source) runesBefore(offset int) int {
	at := min(offset/block, len(s.runes)-1)
	count := s.runes[at]
	for _, c := range s.data[at*block : offset] {
		if utf8.RuneStart(c) {
			count++
		}
	}
	return count
}

// fault is a place in the text and what is wrong with it.
type fault struct {
	offset                int
	text, message, remedy string
}

func (s *source) syntaxError(f *fault) *SyntaxError {
	line, column := s.position(f.offset)
	return &SyntaxError{Path: s.path, Line: line, Column: column, Text: f.text, Message: f.message, Remedy: f.remedy}
}

// explain puts the parser's error into the words of somebody who wrote the file.
// The parser tells the place in its text only.
func (s *source) explain(err error) *fault {
	var line, column int
	if _, scanErr := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); scanErr != nil ||
		line < 1 || line > len(s.lineStarts) {
		return &fault{message: "this is not JSON", remedy: "check the file with an editor that knows JSON with comments"}
	}
	f := &fault{offset: min(s.lineStarts[line-1]+column-1, len(s.data)-1)}
	f.text = s.glimpse(f.offset)
	switch why := errors.Unwrap(err).Error(); {
	case s.data[f.offset] == '#':
		f.message, f.remedy = "# does not begin a comment", "comments begin with //"
	case strings.Contains(why, "after object name"):
		f.message, f.remedy = "a key is not followed by a colon", `write "key": value`
	case strings.Contains(why, "after object value"), strings.Contains(why, "after array value"):
		f.message, f.remedy = "a comma is missing before this", "put a comma after the value in front of it"
	case strings.Contains(why, "at start of object name"):
		f.message, f.remedy = "a key is expected here", "keys are strings in double quotes"
	case strings.Contains(why, "invalid literal"), strings.Contains(why, "at start of value"):
		f.message, f.remedy = "a value is expected here", "write a string in double quotes, a number, true, false, null, [ or {"
	case strings.Contains(why, "after top-level value"):
		f.message, f.remedy = "the configuration ended before this", "put everything between one { and its }"
	default:
		f.message, f.remedy = "this is not JSON", "check the file with an editor that knows JSON with comments"
	}
	return f
}

// glimpse shows the text at offset without showing a secret that stands there
// unquoted: words of other languages for JSON's in full, else one character.
func (s *source) glimpse(offset int) string {
	rest := s.data[offset:]
	word := rest
	if i := bytes.IndexFunc(rest, func(r rune) bool { return !(r|0x20 >= 'a' && r|0x20 <= 'z') }); i >= 0 {
		word = rest[:i]
	}
	switch strings.ToLower(string(word)) {
	case "true", "false", "null", "none", "nil", "undefined", "nan", "infinity", "yes", "no", "on", "off":
		return string(word)
	}
	r, size := utf8.DecodeRune(rest)
	if size < len(rest) && (r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '"') {
		return string(r) + "…"
	}
	if r == '\n' || r == '\r' {
		return "end of line"
	}
	return string(r)
}
