package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrSize is wrapped for an item that is too large.
var ErrSize = errors.New("too large")

// Check tells whether a value may stand in a list beside those of other servers: every parser and every encoder has to take it, or it would take
// the whole list away. It must be JSON, no deeper than a list allows, with numbers that a float64 can hold, and strings without half of
// a surrogate pair, which many can't write again; and within MaxItem and MaxNodes. The error wraps ErrSyntax, ErrText, ErrDepth, ErrNumber or ErrSize.
func Check(value []byte) error {
	if len(value) > MaxItem {
		return fmt.Errorf("%w: it has %d bytes, and %d are allowed", ErrSize, len(value), MaxItem)
	}
	return check(value, MaxNodes)
}

// check is Check for a value of any size.
func check(value []byte, most int) error {
	start := skipSpace(value, 0)
	end, err := (&scan{most: maxItemDepth}).value(value, start)
	if err != nil {
		return err
	}
	if err := trailing(value, end); err != nil {
		return err
	}
	nodes := 0
	for i := start; i < end; {
		switch c := value[i]; {
		case c == '"':
			nodes++
			from := i
			if i, err = skipString(value, i); err == nil {
				err = pairs(value, from, i)
			}
		case c == '-' || '0' <= c && c <= '9':
			nodes++
			from := i
			if i, err = skipNumber(value, i); err == nil {
				err = inRange(value, from, i)
			}
		default:
			if c == '{' || c == '[' {
				nodes++
			}
			i++
		}
		if err != nil {
			return err
		}
	}
	if nodes > most {
		return fmt.Errorf("%w: it has %d values and keys, and %d are allowed", ErrSize, nodes, most)
	}
	return nil
}

// pairs finds half of a surrogate pair in the string b[i:end].
func pairs(b []byte, i, end int) error {
	for i++; i < end; {
		n := bytes.IndexByte(b[i:end], '\\')
		if n < 0 {
			break
		}
		i += n
		unit, ok := escapedUnit(b[i:])
		switch {
		case !ok:
			i += 2
		case !utf16.IsSurrogate(unit):
			i += 6
		default:
			low, _ := escapedUnit(b[i+6:])
			if utf16.DecodeRune(unit, low) == utf8.RuneError {
				return textError(i, "%s is half of a surrogate pair", b[i:i+6])
			}
			i += 12
		}
	}
	return nil
}

// inRange tells whether a float64 holds the number b[i:end], if not exactly.
func inRange(b []byte, i, end int) error {
	if f, err := strconv.ParseFloat(string(b[i:end]), 64); err != nil || math.IsInf(f, 0) {
		return fmt.Errorf("%w at byte %d: %.40s", ErrNumber, i, b[i:end])
	}
	return nil
}
