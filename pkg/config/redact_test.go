package config

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

const odd = "s3cr+t/\"va <l>&ü\\ue~k"

// A secret is known in each form that a program may quote it in, wherever in the entry it came from.
func TestRedactor(t *testing.T) {
	for _, secret := range []string{"plain0123456789", odd, "p/w+d=?&#@!$", "-----BEGIN KEY-----\nMIIEvQIBADANBg+/kqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIB/+AQ\n-----END KEY-----\n"} {
		r := NewRedactor([]string{secret}, Redacted)
		marshalled, _ := json.Marshal(secret)
		for what, text := range map[string]string{
			"raw": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "lower": strings.ToLower(url.QueryEscape("%")) + "=" + url.QueryEscape(secret),
			"uri component": strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"), "json": string(marshalled), "hex": hex.EncodeToString([]byte(secret)),
			"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "basic": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
			"longer": base64.StdEncoding.EncodeToString([]byte("me:" + secret + "\n")), "url": base64.RawURLEncoding.EncodeToString([]byte("x" + secret + "yz")),
			"lines": "key is " + strings.ReplaceAll(secret, "\n", "\r\n  "),
		} {
			got := r.Redact("before " + text + " after")
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, Redacted) {
				t.Errorf("%s of %q: %q", what, secret, got)
			}
			for i := 0; i+12 <= len(text); i++ { // no long part of it is left
				if part := text[i : i+12]; strings.Contains(got, part) && !strings.Contains("-----BEGIN KEY----------END KEY-----", part) && !strings.Contains(part, "\n") {
					t.Errorf("%s of %q: %q is left in %q", what, secret, part, got)
					break
				}
			}
		}
	}
	if got := (Redactor{}).Redact("x"); got != "x" {
		t.Error(got)
	}
	cause := errors.New("no such file: /opt/plain0123456789")
	if err := NewRedactor([]string{"plain0123456789"}, Redacted).Error(cause); !errors.Is(err, cause) || strings.Contains(err.Error(), "plain0") {
		t.Error(err)
	}
}

// Programs differ in which characters they escape, and escape what is escaped.
func TestRedactorOfPartlyEscaped(t *testing.T) {
	r := NewRedactor([]string{odd, "two words/and+more", "emoji🔑1234567"}, Redacted)
	each := func(format string) string {
		var b strings.Builder
		for _, c := range []byte("two words/and+more") {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	inJSON, _ := json.Marshal(odd)
	twice, _ := json.Marshal(string(inJSON))
	thrice, _ := json.Marshal(string(twice))
	for what, text := range map[string]string{
		"Python's quote": "two%20words/and%2Bmore", "quote_plus": "two+words%2fand%2Bmore", "all in percents": each("%%%02x"), "all in \\u": each("\\u%04x"),
		"all in \\x": each("\\x%02X"), "HTML": html.EscapeString(odd), "numbers of HTML": each("&#%d;"), "percents twice": url.QueryEscape(url.QueryEscape("two words/and+more")),
		"one slash": `two words\/and+more`, "JSON in JSON": string(twice), "and once more": string(thrice), "Go": strconv.QuoteToASCII(odd), "surrogates": `emoji\ud83d\udd111234567`,
		"JSON in a URL": url.QueryEscape(string(inJSON)), "URL in JSON": strings.ReplaceAll(url.PathEscape("two words/and+more"), "/", `\/`),
	} {
		got := r.Redact("before 100% \\ & " + text + " after %zz \\u12")
		if !strings.HasPrefix(got, "before 100% \\ & ") || !strings.HasSuffix(got, " after %zz \\u12") || strings.Count(got, Redacted) != 1 || len(got) > 60 {
			t.Errorf("%s: %q of %q", what, got, text)
		}
	}
	for _, text := range []string{"", "%", `\`, "&", `\u`, "%4", `C:\users\new\table`, "100 % of it & more", "&amp;", `\ud83d\u0041`, "a%ff%fe"} {
		if got := r.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// Whatever a reference gives is a secret, in each option; places of variables are none.
func TestSecretsOfALaunch(t *testing.T) {
	give := Resolver{
		Env: func(name string) (string, bool) {
			switch name {
			case "PLACE":
				return "/home/somebody", true
			case "SITE":
				return "https://example.com/p", true
			}
			return "env-" + name + "-value", true
		},
		Keyring:   func(name string) (string, error) { return "kr-" + name, nil },
		Workspace: "/w",
	}
	for _, entry := range []string{
		`{"command":"x${env:A}","args":["--key=${keyring:B}","${C:-default}"],"working_dir":"/d/${env:D}","env":{"V":"v${env:E}","L":"literal-value","S":"short","P":"${env:PLACE}"},"isolation":{"image":"i","mounts":["/m${env:G}:/m","/n${env:F}:/n"]}}`,
		`{"url":"https://h/${env:A}?k=${keyring:B}&s=${env:SITE}","headers":{"X":"a ${env:C}"},"oauth":{"client_id":"${env:D}","client_secret":"${keyring:E}","scopes":["${env:F}"],"authorize_params":{"k":"${env:G}"}}}`,
	} {
		s := keyed(t, entry)
		l, err := s.Resolve(give)
		if err != nil {
			t.Fatal(err)
		}
		secrets := l.Secrets()
		for _, name := range "ABCDEFG" {
			one, other := "env-"+string(name)+"-value", "kr-"+string(name)
			if text := strings.Join(secrets, "\n") + "\n"; !strings.Contains(text, one+"\n") && !strings.Contains(text, other+"\n") {
				t.Errorf("%s: what %c gave is not known: %q", entry, name, secrets)
			}
		}
		for _, s := range secrets {
			if place(s) || s == "short" {
				t.Errorf("%s passes for a secret", strconv.Quote(s))
			}
		}
		if text := fmt.Sprintf("%v %+v %#v", l, l, l); strings.Contains(text, "-value") || strings.Contains(text, "kr-") {
			t.Errorf("printed: %s", text)
		}
	}
}
