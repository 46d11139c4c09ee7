package jsonrpc

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// foldsInto are the characters beside ASCII that become ASCII when case is ignored: by simple folding (Go's
// encoding/json), by full folding or by upper or lower case (Unicode 17, CaseFolding.txt and SpecialCasing.txt). A
// reader that ignores case takes a key with one of them for one without.
var foldsInto = map[rune]string{
	'ſ': "s", '\u212a': "k", 'ß': "ss", 'ẞ': "ss", 'ı': "i", 'İ': "i", '\u0307': "", // the dot that İ leaves behind
	'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl", 'ﬅ': "st", 'ﬆ': "st",
}

// Folds tells whether a reader that ignores case, or that ends a key at a NUL, takes key for name, which is ASCII.
func Folds(key []byte, name string) bool { return folds(key, name, plainKey(key)) }

// plainKey tells a key of ASCII without NUL.
func plainKey(key []byte) bool {
	for _, c := range key {
		if c-1 >= utf8.RuneSelf-1 {
			return false
		}
	}
	return true
}

func folds(key []byte, name string, plain bool) bool {
	if plain {
		return len(key) == len(name) && bytes.EqualFold(key, []byte(name))
	}
	if i := bytes.IndexByte(key, 0); i >= 0 {
		key = key[:i]
	}
	var b strings.Builder
	for _, r := range string(key) {
		if narrow, ok := foldsInto[r]; ok {
			b.WriteString(narrow)
		} else {
			b.WriteRune(r)
		}
	}
	return strings.EqualFold(b.String(), name)
}
