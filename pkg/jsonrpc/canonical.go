package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrDuplicate is wrapped by Canonical for an object that has a key twice: two readers could take different ones.
var ErrDuplicate = errors.New("duplicate key")

// Canonical writes a JSON value in its one form: no space, the keys of objects sorted, strings escaped as little as possible
// (RFC 8785), but numbers as they were written, because a float64 would lose digits of them. Equal values give equal bytes,
// and unequal ones unequal bytes. The error is that of Check, but for its size, or wraps ErrDuplicate.
func Canonical(value []byte) ([]byte, error) {
	if err := check(value, len(value)); err != nil {
		return nil, err
	}
	canonical := jsontext.Value(bytes.Clone(value))
	err := canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return nil, fmt.Errorf("%w: %w", ErrDuplicate, err)
	}
	return canonical, err
}
