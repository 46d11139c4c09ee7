package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// launchValue is one value of a launch: of a variable, a header or a parameter.
type launchValue struct {
	Name    string   `json:"name,omitempty"`
	Refs    []string `json:"refs,omitempty"`
	Literal string   `json:"literal,omitempty"` // hex HMAC of what is written out
	Secret  bool     `json:"secret,omitempty"`  // what is written out is plainly a token: another one is the same launch
	Value   string   `json:"value,omitempty"`   // for people: what is written out, references as they are
}

// launchValue describes a value as written. purpose and name tell equal values of two places apart. shown puts the value in
// the place of its hash.
func (s *Server) launchValue(purpose, name, text string, shown bool) launchValue {
	v := launchValue{Name: name, Refs: s.refs(purpose+"."+name, text)}
	parts, bad := s.parse(purpose+"."+name, text)
	if bad != nil { // such an entry is refused
		parts = []part{{text: text}}
	}
	if len(parts) == 1 && parts[0].kind != partText && parts[0].kind != partWorkspace && parts[0].kind != partOwn && !parts[0].hasDefault {
		return v // what the reference gives may change
	}
	if scheme, n, is := token(name, parts); is {
		v.Secret, parts = true, []part{{text: scheme}}
		text = fmt.Sprintf("%s(a secret, %d characters)", scheme, n)
	}
	if shown {
		v.Value = text
		return v
	}
	hashed := []string{purpose, name}
	for _, p := range parts {
		hashed = append(hashed, fmt.Sprint(p.kind, p.hasDefault), p.name, p.text)
	}
	v.Literal = s.hashed(hashed...)
	return v
}

// launchQuery describes the query of a URL, parameter by parameter and in their order, which may count.
func (s *Server) launchQuery(query string, shown bool) []launchValue {
	if query == "" {
		return nil
	}
	var all []launchValue
	for pair := range strings.SplitSeq(query, "&") {
		name, value, assigned := strings.Cut(pair, "=")
		v := s.launchValue("query", name, value, shown)
		if !assigned {
			v = s.launchValue("query, bare", name, "", shown)
		} else if shown {
			v.Value = "=" + v.Value
			if v.Value == "=" {
				v.Value = "=" + value // a reference alone
			}
		}
		all = append(all, v)
	}
	return all
}

// hashed is the HMAC of texts under the store's key, in hex. Each text goes in with its length.
func (s *Server) hashed(texts ...string) string {
	k := key{hmac.New(sha256.New, s.key)}
	k.strings("mcpproxy-stdio literal 1")
	k.list(texts)
	return hex.EncodeToString(k.h.Sum(nil))
}

// token tells whether a value is plainly a token, by its name and by what it is, and how long it is in characters. scheme is
// what stands in front of it in a header ("Bearer "). In doubt a value is none: then a person is asked about another one.
func token(name string, parts []part) (scheme string, length int, is bool) {
	if len(parts) != 1 || parts[0].kind != partText || !namesToken(name) {
		return "", 0, false
	}
	text := parts[0].text
	if first, rest, found := strings.Cut(text, " "); found && first != "" && only(first, "-") && len(first) <= 16 {
		scheme, text = first+" ", rest
	}
	if !looksRandom(text) {
		return "", 0, false
	}
	return scheme, utf8.RuneCountInString(text), true
}

// namesToken tells whether a value of this name is a secret. What decides what is run or where it connects is never one.
func namesToken(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, prefix := range []string{"npm_config_", "ld_", "dyld_"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	for _, suffix := range []string{"token", "key", "secret", "password", "passwd", "authorization", "_pat"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// looksRandom tells whether a text has the form of a key: one long word of letters and digits mixed, which can be neither a
// path, nor an address, nor an option.
func looksRandom(text string) bool {
	text = strings.TrimRight(text, "=")                                                                           // padding
	if first, sum, found := strings.Cut(text, "="); found && len(first) >= 40 && len(sum) == 8 && only(sum, "") { // tokens of Atlassian end in a checksum
		text = first
	}
	if bot, rest, found := strings.Cut(text, ":"); found && len(rest) >= 30 && !strings.ContainsFunc(bot, notWithin('0', '9')) { // Telegram
		text = rest
	}
	lower, upper := strings.ContainsFunc(text, within('a', 'z')), strings.ContainsFunc(text, within('A', 'Z'))
	digit := strings.ContainsFunc(text, within('0', '9'))
	if only(text, "+/") && strings.Contains(text, "/") { // base64 of 30 bytes or more
		return len(text) >= 40 && lower && upper && digit && !strings.HasPrefix(text, "/")
	}
	if last := text[strings.LastIndexByte(text, '.')+1:]; len(last) < 8 { // the ending of a file's name
		return false
	}
	return len(text) >= 16 && only(text, "_-.~+") && digit && (lower || upper) && !strings.ContainsAny(text[:1], "-.~")
}

func within(first, last rune) func(rune) bool {
	return func(r rune) bool { return r >= first && r <= last }
}

func notWithin(first, last rune) func(rune) bool {
	return func(r rune) bool { return r < first || r > last }
}
