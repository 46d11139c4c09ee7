package mcptest

import (
	"bytes"
	"encoding/json"
	"errors"
)

// This file reads the few fields of a message that a peer routes by, without
// decoding the rest: a value is a slice of the line it came in.

var errScan = errors.New("not a JSON object")

// envelope is one JSON-RPC message, split. Fields are nil where absent.
type envelope struct {
	raw    []byte // the whole message
	id     []byte // as written: 1, 1.0 and "1" are three ids
	method string
	params []byte
	result []byte
	err    []byte
}

func (e *envelope) isRequest() bool  { return e.method != "" && e.id != nil }
func (e *envelope) isResponse() bool { return e.method == "" && (e.result != nil || e.err != nil) }

// expectsAnswer also holds for what is no message at all: the answer is an error.
func (e *envelope) expectsAnswer() bool {
	return e.isRequest() || e.method == "" && !e.isResponse()
}

// parseEnvelope splits a message. Lines up to 64 KiB are checked to be JSON
// throughout, longer ones only as far as they have to be walked.
func parseEnvelope(line []byte) (envelope, error) {
	e := envelope{raw: line}
	if len(line) <= 64<<10 && !json.Valid(line) {
		return e, errScan
	}
	err := members(line, func(key, val []byte) {
		switch string(key) {
		case "id":
			e.id = val
		case "method":
			e.method = unquote(val)
		case "params":
			e.params = val
		case "result":
			e.result = val
		case "error":
			e.err = val
		}
	})
	return e, err
}

// member gives the value of one key of an object, nil when absent.
func member(obj []byte, name string) []byte {
	var found []byte
	_ = members(obj, func(key, val []byte) {
		if string(key) == name {
			found = val
		}
	})
	return found
}

// members calls f with each key (inside its quotes, escapes kept) and value.
func members(b []byte, f func(key, val []byte)) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return errScan
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return tail(b, i+1)
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return errScan
		}
		end := skipString(b, i)
		if end < 0 {
			return errScan
		}
		key := b[i+1 : end-1]
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return errScan
		}
		i = space(b, i+1)
		end = skipValue(b, i)
		if end < 0 {
			return errScan
		}
		f(key, b[i:end])
		i = space(b, end)
		switch {
		case i < len(b) && b[i] == ',':
			i = space(b, i+1)
		case i < len(b) && b[i] == '}':
			return tail(b, i+1)
		default:
			return errScan
		}
	}
}

// elements splits an array into its values.
func elements(b []byte) ([][]byte, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	out := make([][]byte, len(list))
	for i, m := range list {
		out[i] = m
	}
	return out, nil
}

// unquote gives the text of a JSON string, "" for anything else.
func unquote(val []byte) string {
	if len(val) < 2 || val[0] != '"' {
		return ""
	}
	if inner := val[1 : len(val)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(val, &s)
	return s
}

func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func tail(b []byte, i int) error {
	if space(b, i) != len(b) {
		return errScan
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString gives the index behind the string that starts at i, or -1.
func skipString(b []byte, i int) int {
	for j := i + 1; ; j++ {
		k := bytes.IndexByte(b[j:], '"')
		if k < 0 {
			return -1
		}
		j += k
		slashes := 0
		for j-1-slashes > i && b[j-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return j + 1
		}
	}
}

// skipValue gives the index behind the value that starts at i, or -1.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				if i = skipString(b, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	start := i
	for i < len(b) && bytes.IndexByte([]byte(",}] \t\r\n"), b[i]) < 0 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
