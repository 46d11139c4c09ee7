package config

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/tailscale/hujson"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// maxDuration bounds every time limit; what is meant to last longer is 0, none.
const maxDuration = 30 * 24 * time.Hour

// maxExcerpt bounds what a message quotes from a file, in characters.
const maxExcerpt = 41

func keyOf(m hujson.ObjectMember) string { return textOf(m.Name) }

// textOf is the value of a string literal.
func textOf(v hujson.Value) string { return v.Value.(hujson.Literal).String() }

// kindName is the value's type, for messages.
func kindName(v hujson.Value) string {
	switch v.Value.Kind() {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	default:
		return "an object"
	}
}

// shown is the value where it is short and simple, else its type.
func shown(v hujson.Value) string {
	if literal, ok := v.Value.(hujson.Literal); ok {
		return excerpt(string(literal))
	}
	return kindName(v)
}

func excerpt(s string) string { return confusables.Cut(s, maxExcerpt) }

func integerOf(v hujson.Value) (int64, bool) {
	if v.Value.Kind() != '0' {
		return 0, false
	}
	var n int64
	err := json.Unmarshal(v.Value.(hujson.Literal), &n)
	return n, err == nil
}

// durationOf reads a number of seconds or a string such as "90s" or "2m". The
// problem it returns is worded to follow the option's name.
func durationOf(v hujson.Value, zero bool) (time.Duration, *Problem) {
	bad := func(message string) (time.Duration, *Problem) {
		return 0, &Problem{Value: shown(v), Message: message, Remedy: `write seconds (90) or a text with a unit ("90s", "2m")`}
	}
	var d time.Duration
	switch v.Value.Kind() {
	case '0':
		seconds, err := strconv.ParseFloat(string(v.Value.(hujson.Literal)), 64)
		if err != nil || math.Abs(seconds) > maxDuration.Seconds() {
			return bad("is longer than 30 days")
		}
		d = time.Duration(seconds * float64(time.Second))
	case '"':
		var err error
		if d, err = time.ParseDuration(textOf(v)); err != nil {
			return bad("is not a time")
		}
	default:
		return bad("must be a time, not " + kindName(v))
	}
	switch {
	case d < 0:
		return bad("must not be negative")
	case d == 0 && !zero:
		return bad("must be more than 0")
	case d > maxDuration:
		return bad("is longer than 30 days")
	}
	return d, nil
}
