package config

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Shortest values that are taken for secrets, in bytes: shorter ones occur everywhere.
const (
	shortestSent  = 6 // of headers, cookies, tokens and parts of a URL
	shortestKept  = 4 // from the keyring, where nothing else is kept
	shortestGiven = 8 // of variables, and literals
)

// Secrets are the values that must not be quoted back from a server: what references of the entry gave, wherever they stand, and
// the values of its variables. Paths and addresses of variables are none.
func (l Launch) Secrets() []string {
	secrets := slices.Clone(l.kept)
	values := slices.Clone(l.given)
	for _, v := range l.Env {
		values = append(values, v.Value)
	}
	for _, v := range values {
		if len(v) >= shortestGiven && !place(v) {
			secrets = append(secrets, v)
		}
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return len(s) < shortestKept })
}

// SecretValues are those of the values, of headers, cookies, tokens and parts of a URL, that are long enough to be taken for secrets.
func SecretValues(values ...string) []string {
	return slices.DeleteFunc(values, func(s string) bool { return len(s) < shortestSent })
}

// place tells whether a value is a path or an address without a secret in it.
func place(v string) bool {
	return strings.HasPrefix(v, "/") || strings.HasPrefix(v, `C:\`) || strings.Contains(v, "://") && !strings.ContainsAny(v, "@?")
}

// Redactor takes secrets out of texts in the forms that programs quote them in: as they are, URL-encoded, escaped as in JSON or HTML, all
// of it or some characters, up to three times over, in base64, alone or with something around it, and in hexadecimal. Of one of several
// lines each long line is a secret.
type Redactor struct {
	replacer *strings.Replacer
	secrets  []string // to be found where characters are escaped; the longest first
	instead  string
}

// NewRedactor makes a redactor that puts instead in the place of each secret.
func NewRedactor(secrets []string, instead string) Redactor {
	var forms, plain []string
	for _, s := range secrets {
		forms = append(forms, formsOf(s)...)
		plain = append(plain, s, strings.ReplaceAll(s, " ", "+")) // as forms in the web send it
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); line != s && len(line) >= shortestGiven {
				forms = append(forms, formsOf(line)...)
				plain = append(plain, line, strings.ReplaceAll(line, " ", "+"))
			}
		}
	}
	longest := func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) } // of two that begin alike the longer goes first
	slices.SortFunc(forms, longest)
	slices.SortFunc(plain, longest)
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, instead)
	}
	return Redactor{strings.NewReplacer(pairs...), slices.Compact(plain), instead}
}

// Redact returns text without the secrets. The zero Redactor knows none.
func (r Redactor) Redact(text string) string {
	if r.replacer == nil {
		return text
	}
	return r.redactEscaped(r.replacer.Replace(text))
}

// escapeLevels is how often a text is escaped: JSON in JSON, a URL in a parameter of another.
const escapeLevels = 3

// redactEscaped takes out the secrets of which some characters are escaped.
func (r Redactor) redactEscaped(text string) string {
	if !strings.ContainsAny(text, `%\&`) {
		return text
	}
	hide := make([]bool, len(text))
	found := false
	for level, e := 0, asWritten(text); level < escapeLevels; level++ {
		plain, changed := e.unescape()
		if !changed {
			break
		}
		for _, secret := range r.secrets {
			for from := 0; ; {
				i := bytes.Index(plain.text[from:], []byte(secret))
				if i < 0 {
					break
				}
				i += from
				from = i + len(secret)
				found = true
				for at := plain.starts[i]; at < plain.ends[from-1]; at++ {
					hide[at] = true
				}
			}
		}
		e = plain
	}
	if !found {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hide[i]:
			b.WriteByte(text[i])
		case i == 0 || !hide[i-1]:
			b.WriteString(r.instead)
		}
	}
	return b.String()
}

// Error is err without the secrets in its text; it wraps err.
func (r Redactor) Error(err error) error {
	if err == nil || r.Redact(err.Error()) == err.Error() {
		return err
	}
	return &redactedError{r.Redact(err.Error()), err}
}

type redactedError struct {
	text  string
	cause error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.cause }

// formsOf are the forms of one secret.
func formsOf(s string) []string {
	lower := func(encoded string) string { // %2F as %2f
		b := []byte(encoded)
		for i := 0; i+2 < len(b); i++ {
			if b[i] == '%' {
				copy(b[i+1:i+3], strings.ToLower(encoded[i+1:i+3]))
			}
		}
		return string(b)
	}
	query, path := url.QueryEscape(s), url.PathEscape(s)
	strict := strings.ReplaceAll(query, "+", "%20") // encodeURIComponent
	forms := []string{s, query, path, strict, lower(query), lower(path), lower(strict)}
	if text, err := json.Marshal(s); err == nil {
		forms = append(forms, string(text[1:len(text)-1]))
	}
	if text, err := encodeJSON(s); err == nil {
		plain := strings.TrimSpace(string(text))
		forms = append(forms, plain[1:len(plain)-1], strings.ReplaceAll(plain[1:len(plain)-1], "/", `\/`)) // PHP's
	}
	if len(s) < shortestGiven {
		return forms
	}
	forms = append(forms, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))))
	for before := range 3 { // in the middle of something, as user:password is
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", before) + s))
			from := (before*8 + 5) / 6 // characters that something before the secret has a part in
			to := len(encoded)
			if (before+len(s))%3 != 0 {
				to-- // and behind it
			}
			forms = append(forms, encoded[from:to])
		}
	}
	return forms
}
