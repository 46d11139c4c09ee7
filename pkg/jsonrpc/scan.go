package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrSyntax is wrapped by every error that says why bytes are not JSON (RFC 8259).
var ErrSyntax = errors.New("invalid JSON")

func syntaxError(b []byte, i int, want string) error {
	if i >= len(b) {
		return fmt.Errorf("%w: it ends at byte %d where %s is expected", ErrSyntax, i, want)
	}
	return fmt.Errorf("%w at byte %d: %q where %s is expected", ErrSyntax, i, b[i], want)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the string that opens at b[i]. Control characters and escapes inside
// are not judged: they pass as they are.
func skipString(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, syntaxError(b, i, "a string")
	}
	for j := i + 1; ; {
		n := bytes.IndexByte(b[j:], '"')
		if n < 0 {
			return len(b), syntaxError(b, len(b), "the end of a string")
		}
		j += n
		k := j
		for b[k-1] == '\\' && k-1 > i {
			k--
		}
		if (j-k)%2 == 0 { // an even number of backslashes before it: not escaped
			return j + 1, nil
		}
		j++
	}
}

func skipDigits(b []byte, i int) (int, error) {
	j := i
	for j < len(b) && '0' <= b[j] && b[j] <= '9' {
		j++
	}
	if j == i {
		return i, syntaxError(b, i, "a digit")
	}
	return j, nil
}

func skipNumber(b []byte, i int) (_ int, err error) {
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i, err = skipDigits(b, i); err != nil {
		return i, err
	}
	if i < len(b) && b[i] == '.' {
		if i, err = skipDigits(b, i+1); err != nil {
			return i, err
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
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

// skipKey skips `"key" :` and the space around it.
func skipKey(b []byte, i int) (int, error) {
	i, err := skipString(b, skipSpace(b, i))
	if err != nil {
		return i, err
	}
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return i, syntaxError(b, i, "a colon")
	}
	return skipSpace(b, i+1), nil
}

// skipValue returns the end of the value that starts at b[i]. Nesting costs one bit a level and no
// recursion, so depth is bounded by the size of the message alone.
func skipValue(b []byte, i int) (_ int, err error) {
	var first [4]uint64
	objects, depth := first[:], 0 // one bit a level: is it an object?
	for {
		// A value is due at b[i].
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			object := b[i] == '{'
			if depth>>6 >= len(objects) {
				objects = append(objects, 0)
			}
			if object {
				objects[depth>>6] |= 1 << (depth & 63)
			} else {
				objects[depth>>6] &^= 1 << (depth & 63)
			}
			depth++
			i = skipSpace(b, i+1)
			if empty := i < len(b) && (object && b[i] == '}' || !object && b[i] == ']'); !empty {
				if object {
					if i, err = skipKey(b, i); err != nil {
						return i, err
					}
				}
				continue
			}
		} else if i, err = skipScalar(b, i); err != nil {
			return i, err
		}
		if depth == 0 {
			return i, nil
		}
		i = skipSpace(b, i)
		// Commas and closing brackets after a value.
		for {
			object := objects[(depth-1)>>6]&(1<<((depth-1)&63)) != 0
			if i < len(b) && (object && b[i] == '}' || !object && b[i] == ']') {
				if depth--; depth == 0 {
					return i + 1, nil
				}
				i = skipSpace(b, i+1)
				continue
			}
			if i >= len(b) || b[i] != ',' {
				return i, syntaxError(b, i, "a comma or a closing bracket")
			}
			if i = skipSpace(b, i+1); object {
				if i, err = skipKey(b, i); err != nil {
					return i, err
				}
			}
			break
		}
	}
}
