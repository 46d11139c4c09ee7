package quarantine

import (
	"errors"
	"fmt"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Challenge is a question that a person can answer and a program that says yes to everything can't: a text to be typed, of
// which four digits are random.
type Challenge struct {
	Server, Digest string
	Text           string
	Asked          time.Time
}

const (
	// ChallengeLife is how long an answer is waited for.
	ChallengeLife = 5 * time.Minute
	// quickest is the shortest time in which a person reads and types.
	quickest = time.Second
)

// ErrNotPerson is wrapped when an answer was not what a person would have given.
var ErrNotPerson = errors.New("the answer was not taken for a person's")

// ErrDeclined is returned when a person refused.
var ErrDeclined = errors.New("the user declined")

// NewChallenge makes a question about what has this digest.
func NewChallenge(server, digest string) *Challenge {
	return &Challenge{Server: server, Digest: digest, Text: server + " " + Digits(4), Asked: time.Now()}
}

// field is the one member of the form.
const field = "confirmation"

// Params are the params of elicitation/create (MCP 2025-11-25, elicitation, form mode): one required free text without a default.
func (c *Challenge) Params(message string) []byte {
	b := append([]byte(`{"message":`), jsonrpc.Quote(message)...)
	b = append(b, `,"requestedSchema":{"type":"object","properties":{"`+field+`":{"type":"string","title":`...)
	b = jsonrpc.AppendQuote(b, `To approve, type: `+c.Text)
	b = append(b, `,"description":`...)
	b = jsonrpc.AppendQuote(b, "Type exactly: "+c.Text)
	return append(b, `}},"required":["`+field+`"]}}`...)
}

// Answer reads the raw result of an elicitation that was sent at asked and answered now, and returns its action: accept, decline or
// cancel. Whatever the proxy asks a person through the client is read here. The error wraps ErrNotPerson: an answer that comes within
// a second is the client's own, whatever it says. It neither approves nor refuses, and no one has to wait because of it.
func Answer(result []byte, asked, now time.Time) (action string, err error) {
	if now.Sub(asked) < quickest {
		return "", fmt.Errorf("%w: it came within a second, in which nobody reads the question", ErrNotPerson)
	}
	switch action = string(jsonrpc.Unquote(mcp.Field(result, "action"))); action {
	case "accept", "decline", "cancel":
		return action, nil
	}
	return "", fmt.Errorf("%w: the action is none of accept, decline and cancel", ErrNotPerson)
}

// Check judges the raw result of the elicitation, which came now. The error wraps ErrDeclined or ErrNotPerson.
func (c *Challenge) Check(result []byte, now time.Time) error {
	switch action, err := Answer(result, c.Asked, now); {
	case err != nil:
		return err
	case action != "accept":
		return ErrDeclined
	case now.Sub(c.Asked) > ChallengeLife:
		return fmt.Errorf("%w: it came after %s", ErrNotPerson, ChallengeLife)
	case string(jsonrpc.Unquote(mcp.Field(result, "content", field))) != c.Text:
		return fmt.Errorf("%w: it did not have exactly the text that was asked for", ErrNotPerson)
	}
	return nil
}
