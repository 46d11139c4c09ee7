package config

import (
	"encoding/json"
	"fmt"
	"io"
)

// Redacted stands wherever a secret value would have been printed. An edit that
// contains it is refused: somebody is writing back what they were shown.
const Redacted = "[redacted]"

// Var is one environment variable or HTTP header, in the order it was written.
// Formatting and encoding it give its name only; read Value to use it.
type Var struct{ Name, Value string }

// String returns the name and a placeholder for the value.
func (v Var) String() string { return v.Name + "=" + Redacted }

// Format implements [fmt.Formatter], so that no verb prints the value.
func (v Var) Format(f fmt.State, _ rune) { io.WriteString(f, v.String()) }

// MarshalJSON encodes the name and a placeholder for the value.
func (v Var) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}{v.Name, Redacted})
}

// Secret is a string that formats and encodes as a placeholder.
type Secret string

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// String returns the placeholder, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Redacted
}

// Format implements [fmt.Formatter], so that no verb prints the value.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalJSON encodes the placeholder.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
