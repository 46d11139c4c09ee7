package scan

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDecode is how often what was decoded is decoded again, maxDecoded how much of one text is.
const (
	maxDecode  = 2
	maxDecoded = 64 << 10
)

// decoded calls fn with each readable text that s holds in another form, and the name of the form. Forms that are read in place
// come with the whole text, and the text as it was.
func decoded(s string, fn func(form, plain, original string)) {
	if len(s) > maxDecoded {
		s = s[:maxDecoded]
	}
	part := func(form, plain string) { fn(form, plain, "") }
	if !plainASCII(s) {
		hiddenBytes(s, part)
	}
	runs(s, part)
	pieces(s, part)
	numbers(s, part)
	if strings.Count(s, "%") >= 6 {
		if plain, err := url.PathUnescape(percent(s)); err == nil && plain != s && (readable(plain) || strings.Count(plain, "%") >= 6) {
			fn("percent-encoding", plain, s)
		}
	}
	if strings.Count(s, "&") >= 4 && strings.Contains(s, ";") {
		if plain := html.UnescapeString(s); len(s)-len(plain) >= 12 {
			fn("HTML entities", plain, s)
		}
	}
	if strings.Count(s, `\u`)+strings.Count(s, `\x`)+strings.Count(s, `\U`) >= 4 {
		if plain := unescape(s); plain != s && readable(plain) {
			fn("escapes", plain, s)
		}
	}
	if plain, of := together(s); plain != "" {
		fn(letters, plain, of)
	}
}

// letters is a form that honest text may seem to have, so that more must be said in it.
const letters = "letters or pieces set apart"

// percent makes lone percent signs harmless.
func percent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && (i+2 >= len(s) || !hexDigit(s[i+1]) || !hexDigit(s[i+2])) {
			b.WriteString("%25")
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func base64Char(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '/' || c == '-' || c == '_'
}

// runs decodes what looks like base64, hexadecimal or binary.
func runs(s string, fn func(form, plain string)) {
	for i := 0; i < len(s); {
		if !base64Char(s[i]) {
			i++
			continue
		}
		end := i
		for end < len(s) && base64Char(s[end]) {
			end++
		}
		if end-i >= 16 {
			run(s[i:end], fn)
		}
		i = end
	}
}

// run decodes one run of such characters in the first way that gives text.
func run(s string, fn func(form, plain string)) {
	try := func(form string, b []byte, err error) bool {
		if err != nil {
			return false
		}
		if len(b) >= 16 && bytes.Count(b, []byte{0})*2 >= len(b)-2 { // UTF-16, as for PowerShell
			b = bytes.ReplaceAll(b, []byte{0}, nil)
		}
		plain := string(b)
		if !readable(plain) && !(len(plain) >= 16 && nested(plain)) || strings.HasPrefix(plain, "{") || strings.HasPrefix(plain, "<") { // tokens and images are data
			return false
		}
		fn(form, plain)
		return true
	}
	if hexes := strings.TrimPrefix(s, "0x"); onlyOf(hexes, "0123456789abcdefABCDEF") {
		if onlyOf(s, "01") {
			numbers(strings.Join(eights(s), " "), fn)
			return
		}
		b, err := hex.DecodeString(hexes[:len(hexes)&^1])
		if try("hexadecimal", b, err) {
			return
		}
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	b, err := encoding.DecodeString(s[:len(s)-boolInt(len(s)%4 == 1)])
	try("base64", b, err)
}

func onlyOf(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func eights(s string) (out []string) {
	for ; len(s) >= 8; s = s[8:] {
		out = append(out, s[:8])
	}
	return out
}

// pieces decodes base64 that was cut into pieces of the same length.
func pieces(s string, fn func(form, plain string)) {
	var joined strings.Builder
	n, size, last := 0, 0, false
	flush := func() {
		if n >= 3 && joined.Len() >= 24 {
			run(strings.TrimRight(joined.String(), "="), fn)
		}
		joined.Reset()
		n, size, last = 0, 0, false
	}
	for word := range strings.FieldsSeq(s) {
		word = strings.Trim(word, "\"',+\\")
		bare := strings.TrimRight(word, "=")
		if len(bare) < 2 || len(bare) > 80 || !nested(bare) {
			flush()
			continue
		}
		if last || size > 0 && len(word) > size || len(word) < 4 && size == 0 {
			flush()
		}
		last = size > 0 && len(word) < size
		size = max(size, len(word))
		joined.WriteString(bare)
		n++
	}
	flush()
}

// nested tells whether what was decoded can be decoded again.
func nested(s string) bool {
	for i := range len(s) {
		if !base64Char(s[i]) && s[i] != '=' {
			return false
		}
	}
	return true
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// numbers decodes characters that are written as numbers with signs between: 0x49 0x67, \111\147, U+0049, &#73, =49=67, 73 103, 4967 6e6f.
func numbers(s string, fn func(form, plain string)) {
	if digits(s) < 16 {
		return
	}
	for _, as := range []struct {
		form               string
		base, least, width int
	}{{"hexadecimal", 16, 2, 8}, {"decimal", 10, 2, 3}, {"octal", 8, 3, 3}, {"binary", 2, 8, 8}} {
		var plain []byte
		flush := func() {
			if len(plain) >= 12 && readable(string(plain)) {
				fn(as.form, string(plain))
			}
			plain = plain[:0]
		}
		for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			number := word
			if as.base == 16 {
				number = strings.TrimPrefix(strings.TrimLeft(word, "uUxX"), "0x")
				if number == "" {
					continue // of U+0049, \u{49}
				}
			}
			n, err := strconv.ParseUint(number, as.base, 32)
			if err != nil || len(number) < as.least || len(number) > as.width || as.base == 16 && len(number)%2 != 0 || as.base != 16 && n > 255 {
				flush()
				continue
			}
			for shift := 24; shift >= 0; shift -= 8 {
				if c := byte(n >> shift); c != 0 {
					plain = append(plain, c)
				}
			}
		}
		flush()
	}
}

// readable tells whether text is likely to be meant for reading: printable, with words.
func readable(s string) bool {
	if len(s) < 8 || !utf8.ValidString(s) {
		return false
	}
	letters, other, spaces, all := 0, 0, 0, 0
	for _, r := range s {
		all++
		switch {
		case unicode.IsLetter(r):
			letters++
		case r == ' ' || r == '\n' || r == '\t':
			spaces++
		case !unicode.IsPrint(r):
			other++
		}
	}
	return other*20 <= all && letters*5 >= all*2 && (spaces*25 >= all || all < 64 && letters*10 > all*7)
}

// unescape reads escapes of programming languages that were left in the text.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '\\' && i+1 < len(s) {
			n := map[byte]int{'u': 4, 'x': 2, 'U': 8}[s[i+1]]
			if n > 0 && i+2+n <= len(s) {
				if v, err := strconv.ParseUint(s[i+2:i+2+n], 16, 32); err == nil {
					b.WriteRune(rune(v))
					i += 2 + n
					continue
				}
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// hiddenBytes reads what characters that show nothing spell: tags and private-use characters as ASCII, variation selectors
// as bytes, two or more zero-width characters as bits.
func hiddenBytes(s string, fn func(form, plain string)) {
	var tags, private, selectors []byte
	var bits []rune
	for _, r := range s {
		switch {
		case r >= 0xE0020 && r < 0xE007F:
			tags = append(tags, byte(r-0xE0000))
		case r >= 0xE000 && r <= 0xF8FF && r&0xff >= 0x20 && r&0xff < 0x7f:
			private = append(private, byte(r&0xff))
		case r >= 0xFE00 && r <= 0xFE0F:
			selectors = append(selectors, byte(r-0xFE00))
		case r >= 0xE0100 && r <= 0xE01EF:
			selectors = append(selectors, byte(r-0xE0100+16))
		case r == 0x200B || r == 0x200C || r == 0x200D || r == 0x2060 || r == 0xFEFF:
			bits = append(bits, r)
		}
	}
	for _, hidden := range []struct {
		form string
		b    []byte
	}{{"tag characters", tags}, {"private-use characters", private}, {"variation selectors", selectors}} {
		if readable(string(hidden.b)) {
			fn(hidden.form, string(hidden.b))
		}
	}
	if len(bits) < 64 {
		return
	}
	for _, oneBit := range []rune{0x200C, 0x200B, 0x200D} {
		var b []byte
		for i, r := range bits {
			if i%8 == 0 {
				b = append(b, 0)
			}
			b[i/8] <<= 1
			if r == oneBit {
				b[i/8] |= 1
			}
		}
		if readable(string(b)) {
			fn("zero-width characters", string(b))
			return
		}
	}
}
