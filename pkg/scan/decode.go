package scan

import (
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

// decoded calls fn with each readable text that s holds in another form, and the name of the form.
func decoded(s string, fn func(form, plain string)) {
	if len(s) > maxDecoded {
		s = s[:maxDecoded]
	}
	ascii := plainASCII(s)
	if !ascii {
		hiddenBytes(s, fn)
	}
	runs(s, fn)
	if strings.Count(s, "%") >= 6 {
		if plain, err := url.PathUnescape(percent(s)); err == nil && plain != s && strings.Count(s, "%") >= 6 && readable(plain) {
			fn("percent-encoding", plain)
		}
	}
	if strings.Count(s, "&") >= 4 && strings.Contains(s, ";") {
		if plain := html.UnescapeString(s); len(s)-len(plain) >= 12 {
			fn("HTML entities", plain)
		}
	}
	if strings.Count(s, `\u`)+strings.Count(s, `\x`)+strings.Count(s, `\U`) >= 4 {
		if plain := unescape(s); plain != s && readable(plain) {
			fn("escapes", plain)
		}
	}
}

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

// runs decodes what looks like base64 or hexadecimal.
func runs(s string, fn func(form, plain string)) {
	for i := 0; i < len(s); {
		if !base64Char(s[i]) {
			i++
			continue
		}
		end, hexes := i, 0
		for end < len(s) && base64Char(s[end]) {
			if hexDigit(s[end]) {
				hexes++
			}
			end++
		}
		if run := s[i:end]; len(run) >= 16 {
			plain, form := "", ""
			if hexes == len(run) {
				if b, err := hex.DecodeString(run[:len(run)&^1]); err == nil {
					plain, form = string(b), "hexadecimal"
				}
			}
			if plain == "" || !readable(plain) {
				encoding := base64.RawStdEncoding
				if strings.ContainsAny(run, "-_") {
					encoding = base64.RawURLEncoding
				}
				if b, err := encoding.DecodeString(run[:len(run)-boolInt(len(run)%4 == 1)]); err == nil {
					plain, form = string(b), "base64"
				}
			}
			if readable(plain) && !strings.HasPrefix(plain, "{") && !strings.HasPrefix(plain, "<") { // tokens and images are data
				fn(form, plain)
			}
		}
		i = end
	}
	spacedHex(s, fn)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// spacedHex decodes bytes in hexadecimal with spaces, commas or colons between.
func spacedHex(s string, fn func(form, plain string)) {
	var bytes []byte
	start := true
	for i := 0; i+1 < len(s); {
		at := i
		if strings.HasPrefix(s[i:], "0x") {
			at += 2
		}
		if start && at+1 < len(s) && hexDigit(s[at]) && hexDigit(s[at+1]) && (at+2 == len(s) || strings.IndexByte(" ,:\n", s[at+2]) >= 0) {
			n, _ := strconv.ParseUint(s[at:at+2], 16, 8)
			bytes = append(bytes, byte(n))
			i = at + 3
			for i < len(s) && s[i] == ' ' {
				i++
			}
			continue
		}
		if len(bytes) >= 12 && readable(string(bytes)) {
			fn("hexadecimal", string(bytes))
		}
		bytes = bytes[:0]
		start = strings.IndexByte(" ,:\n\"", s[i]) >= 0
		i++
	}
	if len(bytes) >= 12 && readable(string(bytes)) {
		fn("hexadecimal", string(bytes))
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
	for form, b := range map[string][]byte{"tag characters": tags, "private-use characters": private, "variation selectors": selectors} {
		if readable(string(b)) {
			fn(form, string(b))
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
