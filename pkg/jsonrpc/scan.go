package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// The scanner takes exactly RFC 8259 in the UTF-8 of RFC 3629, in one pass, and decodes nothing: what it has let through, every
// parser reads. Two things are legal and are refused all the same, because parsers that clients use do not read them: more
// than MaxDepth levels, and numbers of more than maxNumber characters.

var (
	// ErrSyntax is wrapped by every error that says why bytes are not JSON (RFC 8259).
	ErrSyntax = errors.New("invalid JSON")
	// ErrText is wrapped, beside ErrSyntax, when only the text of a string is at fault: a control character, an unknown escape, bytes
	// that are no UTF-8. The structure around it is sound.
	ErrText = fmt.Errorf("%w in a string", ErrSyntax)
	// ErrDepth is wrapped for a value that is nested too deeply.
	ErrDepth = errors.New("nested too deeply")
	// ErrNumber is wrapped for a number that not every parser reads.
	ErrNumber = errors.New("number out of range")
)

func syntaxError(b []byte, i int, want string) error {
	if i >= len(b) {
		return fmt.Errorf("%w: it ends at byte %d where %s is expected", ErrSyntax, i, want)
	}
	return fmt.Errorf("%w at byte %d: %q where %s is expected", ErrSyntax, i, b[i], want)
}

func textError(i int, what string, a ...any) error {
	return fmt.Errorf("%w at byte %d: "+what, append([]any{ErrText, i}, a...)...)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// scan is one pass over a value.
type scan struct {
	most   int  // levels that are allowed, at most 128
	breaks bool // there was a line break between tokens
	nulls  bool // there was a null

	envelope bool // the object is a message: of its params or its result, note where _meta is
	meta     Span
}

func (s *scan) space(b []byte, i int) int {
	if i < len(b) && b[i] > ' ' {
		return i // as nearly always
	}
	end := skipSpace(b, i)
	s.breaks = s.breaks || bytes.ContainsAny(b[i:end], "\r\n")
	return end
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// special marks, by their highest bits, the bytes of x that end a run of plain ones: quotes, backslashes and control characters. The
// lowest mark is exact; a higher one may be wrong, as it may owe to a borrow from a lower one.
func special(x uint64) uint64 {
	// ^2 maps the quote, 0x22, to 0x20, beside the control characters, which it leaves among themselves.
	return ((x ^ 2*ones - 0x21*ones) | (x ^ '\\'*ones - ones)) &^ x & highs
}

const (
	longRun   = 256     // bytes after which a run of plain ones is looked through in blocks
	blockMost = 8 << 10 // of them; it stays in the processor's nearest cache
)

// skipPlain returns where the run of plain bytes that begins at b[i] ends. In seen it notes the bits that it has met, and perhaps more.
func skipPlain(b []byte, i int, seen *uint64) int {
	all := *seen
	for start := i; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		all |= x
		if m := special(x); m != 0 {
			*seen = all
			return i + bits.TrailingZeros64(m)>>3
		}
		if i-start >= longRun {
			*seen = all
			return skipLong(b, i, start, seen)
		}
	}
	for i < len(b) && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\' {
		all |= uint64(b[i])
		i++
	}
	*seen = all
	return i
}

// skipLong is skipPlain for a run that began at start. The library finds quotes and backslashes faster than a loop of ours; a block is no
// larger than what was passed before, so that looking ahead costs no more than that.
func skipLong(b []byte, i, start int, seen *uint64) int {
	for i < len(b) {
		block := b[i:min(len(b), i+min(i-start, blockMost))]
		ends := false
		for _, c := range [2]byte{'"', '\\'} {
			if n := bytes.IndexByte(block, c); n >= 0 {
				block, ends = block[:n], true
			}
		}
		n := pastControls(block, seen)
		if i += n; ends || n < len(block) {
			break
		}
	}
	return i
}

// pastControls returns how many bytes from the first on are no control characters.
func pastControls(b []byte, seen *uint64) (i int) {
	for ; len(b)-i >= 32; i += 32 { // ASCII alone
		s := b[i : i+32 : i+32]
		x, y := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		z, u := binary.LittleEndian.Uint64(s[16:]), binary.LittleEndian.Uint64(s[24:])
		if (x|(x-0x20*ones)|y|(y-0x20*ones)|z|(z-0x20*ones)|u|(u-0x20*ones))&highs != 0 {
			break
		}
	}
	all := *seen
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		all |= x
		if (x-0x20*ones)&^x&highs != 0 {
			break
		}
	}
	for i < len(b) && b[i] >= 0x20 {
		all |= uint64(b[i])
		i++
	}
	*seen = all
	return i
}

// skipString returns the end of the string that opens at b[i].
func skipString(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, syntaxError(b, i, "a string")
	}
	i++
	if len(b)-i >= 8 { // as short as most are
		x := binary.LittleEndian.Uint64(b[i:])
		if m := special(x); m != 0 && x&highs == 0 {
			if i += bits.TrailingZeros64(m) >> 3; b[i] == '"' {
				return i + 1, nil
			}
			return skipText(b, i, i)
		}
	}
	return skipText(b, i, i)
}

// skipText returns the end of the string that has begun at b[start], which is plain up to b[i].
func skipText(b []byte, i, start int) (_ int, err error) {
	for seen := uint64(0); ; {
		if i = skipPlain(b, i, &seen); i >= len(b) {
			return i, syntaxError(b, i, "the end of a string")
		}
		switch c := b[i]; {
		case c == '"' && seen&highs != 0 && !utf8.Valid(b[start:i]):
			for start < i {
				r, n := utf8.DecodeRune(b[start:i])
				if r == utf8.RuneError && n < 2 {
					break
				}
				start += n
			}
			return start, textError(start, "%#02x is no UTF-8", b[start])
		case c == '"':
			return i + 1, nil
		case c != '\\':
			return i, textError(i, "the control character %#02x, which must be escaped", c)
		}
		if i, err = skipEscape(b, i); err != nil {
			return i, err
		}
	}
}

// skipEscape skips the escape at b[i]. Half of a surrogate pair is one (RFC 8259, section 8.2); see Check.
func skipEscape(b []byte, i int) (int, error) {
	if i+1 >= len(b) {
		return i, syntaxError(b, i+1, "an escape")
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		if _, ok := escapedUnit(b[i:]); ok {
			return i + 6, nil
		}
		return i, textError(i, "%q is no escape", b[i:min(i+6, len(b))])
	}
	return i, textError(i, "%q is no escape", b[i:i+2])
}

// pastDigits returns where the digits at b[i] end.
func pastDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

func skipNumber(b []byte, i int) (int, error) {
	start := i
	if b[i] == '-' {
		i++
	}
	from := i
	if i = pastDigits(b, i); i == from {
		return i, syntaxError(b, i, "a digit")
	}
	if b[from] == '0' { // a digit behind it would be a value of its own
		i = from + 1
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = pastDigits(b, from); i == from {
			return i, syntaxError(b, i, "a digit")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		if i = pastDigits(b, from); i == from {
			return i, syntaxError(b, i, "a digit")
		}
	}
	if i-start > maxNumber {
		return i, fmt.Errorf("%w: it has %d characters", ErrNumber, i-start)
	}
	return i, nil
}

func skipLiteral(b []byte, i int, lit string) (int, error) {
	if len(b)-i < len(lit) || string(b[i:i+len(lit)]) != lit {
		return i, syntaxError(b, i, "a value")
	}
	return i + len(lit), nil
}

// skipScalar skips a string, a number or a literal.
func skipScalar(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, syntaxError(b, i, "a value")
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '-' || '0' <= c && c <= '9':
		return skipNumber(b, i)
	case c == 't':
		return skipLiteral(b, i, "true")
	case c == 'f':
		return skipLiteral(b, i, "false")
	case c == 'n':
		return skipLiteral(b, i, "null")
	}
	return i, syntaxError(b, i, "a value")
}

// key skips `"key" :` and the space around it; end is where the string ends.
func (s *scan) key(b []byte, i int) (next, end int, err error) {
	if i = s.space(b, i); i >= len(b) || b[i] != '"' {
		return i, i, syntaxError(b, i, "a key")
	}
	if end, err = skipString(b, i); err != nil {
		return end, end, err
	}
	if i = s.space(b, end); i >= len(b) || b[i] != ':' {
		return i, end, syntaxError(b, i, "a colon")
	}
	return s.space(b, i+1), end, nil
}

// value returns the end of the value that starts at b[i]. There is no recursion.
func (s *scan) value(b []byte, i int) (_ int, err error) {
	var objects [2]uint64 // one bit a level: is it an object?
	depth := 0
	for {
		// A value is due at b[i].
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			if depth == s.most {
				return i, fmt.Errorf("%w: more than %d levels at byte %d", ErrDepth, s.most, i)
			}
			object := b[i] == '{'
			if object {
				objects[depth>>6&1] |= 1 << (depth & 63)
			} else {
				objects[depth>>6&1] &^= 1 << (depth & 63)
			}
			depth++
			i = s.space(b, i+1)
			if empty := i < len(b) && (object && b[i] == '}' || !object && b[i] == ']'); !empty {
				if object {
					if i, _, err = s.key(b, i); err != nil {
						return i, err
					}
				}
				continue
			}
		} else {
			s.nulls = s.nulls || i < len(b) && b[i] == 'n'
			if i, err = skipScalar(b, i); err != nil {
				return i, err
			}
		}
		if depth == 0 {
			return i, nil
		}
		// Commas and closing brackets after a value.
		for {
			i = s.space(b, i)
			object := objects[(depth-1)>>6&1]&(1<<((depth-1)&63)) != 0
			if i < len(b) && (object && b[i] == '}' || !object && b[i] == ']') {
				if depth--; depth == 0 {
					return i + 1, nil
				}
				i++
				continue
			}
			if i >= len(b) || b[i] != ',' {
				return i, syntaxError(b, i, "a comma or a closing bracket")
			}
			if object {
				if i, _, err = s.key(b, i+1); err != nil {
					return i, err
				}
			} else {
				i = s.space(b, i+1)
			}
			break
		}
	}
}

// escapedUnit reads \uXXXX.
func escapedUnit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
