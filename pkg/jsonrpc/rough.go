package jsonrpc

import (
	"bytes"
	"errors"
)

// What is no JSON can still be divided: an answer that is broken in one place tells whose it is, and a list with one broken item
// has others. Pieces are found by their brackets and quotes alone; whoever uses one has to check it by itself.

// Broken tells whether an error of this package says that bytes are no JSON which every parser reads.
func Broken(err error) bool {
	return errors.Is(err, ErrSyntax) || errors.Is(err, ErrDepth) || errors.Is(err, ErrNumber)
}

// roughString returns the end of the string that opens at b[i], whatever stands in it; len(b) if it has none.
func roughString(b []byte, i int) int {
	for j := i + 1; ; {
		n := bytes.IndexByte(b[min(j, len(b)):], '"')
		if n < 0 {
			return len(b)
		}
		j += n
		k := j
		for k-1 > i && b[k-1] == '\\' {
			k--
		}
		if (j-k)%2 == 0 { // an even number of backslashes before it: not escaped
			return j + 1
		}
		j++
	}
}

// roughValue returns where the value that begins at b[i] ends, at len(b) if it is cut off. Brackets are counted, not matched.
func roughValue(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = roughString(b, i); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			} else if depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(b)
}

// RoughMembers calls fn for each member that can be made out in what may be an object; the last one may be cut off. Unlike those of
// Members, keys and values may be anything, and nothing.
func RoughMembers(b []byte, at Span, fn func(key []byte, value Span)) {
	b = b[:at.End]
	for i := roughOpen(b, at.Start, '{'); i < len(b) && b[i] == '"'; {
		end := roughString(b, i)
		key := b[i:end]
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return
		}
		start := skipSpace(b, i+1)
		i = roughValue(b, start)
		if fn(Unquote(key), Span{start, i}); i == start {
			return
		}
		i = roughNext(b, i)
	}
}

// RoughElements calls fn for each element that can be made out in what may be an array, and tells whether they are all: the array has an
// end, and commas stand between them.
func RoughElements(b []byte, at Span, fn func(value Span)) (all bool) {
	b = b[:at.End]
	for i := roughOpen(b, at.Start, '['); i < len(b); {
		start := i
		if i = roughValue(b, i); i == start {
			return b[i] == ']' && skipSpace(b, i+1) == len(b)
		}
		fn(Span{start, i})
		if i = skipSpace(b, i); i < len(b) && b[i] == ']' {
			continue
		}
		i = roughNext(b, i)
	}
	return false
}

// roughOpen returns where what follows an opening bracket begins, len(b) if there is none.
func roughOpen(b []byte, i int, bracket byte) int {
	if i = skipSpace(b, i); i >= len(b) || b[i] != bracket {
		return len(b)
	}
	return skipSpace(b, i+1)
}

// roughNext returns where what follows a comma begins, len(b) if there is none.
func roughNext(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ',' {
		return len(b)
	}
	return skipSpace(b, i+1)
}

// roughLast calls fn for the last members of an object whose beginning is not at hand, from the last one on, as far as they are scalars.
func roughLast(b []byte, fn func(key, value []byte)) {
	b = bytes.TrimRight(b, " \t\r\n}")
	for {
		i := bytes.LastIndexByte(b, ',')
		if i < 0 {
			return
		}
		member := bytes.TrimRight(b[i+1:], " \t\r\n")
		start, end, err := new(scan).key(member, 0)
		if err != nil {
			return
		}
		if past, err := skipScalar(member, start); err != nil || past != len(member) {
			return
		}
		fn(Unquote(bytes.TrimSpace(member[:end])), member[start:])
		b = b[:i]
	}
}

// EndsAnswer returns the id of an answer that ends with a line, which is no message: a line break in one of its strings has cut it in two. It is
// nil if the line is something else.
func EndsAnswer(line []byte) (id []byte) {
	version, method := false, false
	roughLast(line, func(key, value []byte) {
		switch string(key) {
		case "id":
			id = value
		case "jsonrpc":
			version = string(value) == `"2.0"`
		case "method":
			method = true
		}
	})
	if !version || method || !bytes.HasSuffix(line, []byte("}")) {
		return nil
	}
	return id
}

// RoughField returns the value of a member of what may be an object, nil if it can't be made out or is there twice.
func RoughField(b []byte, name string) (value []byte) {
	n := 0
	RoughMembers(b, Span{0, len(b)}, func(key []byte, at Span) {
		if string(key) == name {
			value = at.In(b)
			n++
		}
	})
	if n != 1 {
		return nil
	}
	return value
}
