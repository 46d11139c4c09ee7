package session

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// This file puts the server's name in front of what it asks a person, so that it cannot imitate the proxy or another
// server.

// Bounds of one question. A longer one pushes the name of who asks out of sight.
const (
	mostMessage = 4000     // characters
	mostSchema  = 64 << 10 // bytes
	mostNodes   = 2000     // values in the schema
	mostDepth   = 12
	mostAtOnce  = 3 // addresses in one error
)

// question is an elicitation as it is passed on.
type question struct {
	edits []jsonrpc.Edit
	mode  string // form or url
	id    string // its elicitationId
}

var errHidden = errors.New("it has characters that do not show")

// readQuestion reads the params of an elicitation and says what to change in them. Its error says why it is not
// passed on.
func readQuestion(raw []byte, at jsonrpc.Span, server string) (q question, err error) {
	if at.End == 0 || raw[at.Start] != '{' {
		return q, errors.New("params must be an object")
	}
	found, err := jsonrpc.Find(raw, at, "message", "mode", "url", "elicitationId", "requestedSchema")
	if err != nil {
		return q, err
	}
	message, mode, url, id, schema := found[0], found[1], found[2], found[3], found[4]
	switch q.mode = mcp.String(raw, mode); {
	case mode.End == 0:
		q.mode = "form"
	case q.mode != "form" && q.mode != "url":
		return q, fmt.Errorf("mode %s is unknown", strconv.QuoteToASCII(q.mode))
	}
	edit, err := attribute(raw, message, prefix(server))
	if err != nil {
		return q, fmt.Errorf("message: %w", err)
	}
	q.edits = append(q.edits, edit)
	for name, span := range map[string]jsonrpc.Span{"url": url, "elicitationId": id} {
		if span.End != 0 && raw[span.Start] != '"' {
			return q, fmt.Errorf("%s must be a string", name)
		}
		if !confusables.Shows(mcp.String(raw, span)) {
			return q, fmt.Errorf("%s: %w", name, errHidden)
		}
	}
	if id.End-id.Start > mostID {
		return q, fmt.Errorf("elicitationId has more than %d bytes", mostID)
	}
	q.id = mcp.String(raw, id)
	if schema.End-schema.Start > mostSchema {
		return q, fmt.Errorf("requestedSchema has more than %d bytes", mostSchema)
	}
	if schema.End != 0 {
		w := schemaWalk{raw: raw, edits: q.edits}
		err = w.value(schema, false, 0)
		q.edits = w.edits
	}
	return q, err
}

// imitates tells whether the message of a question could be taken for one of the proxy's own, or names somebody who asks.
func imitates(raw []byte, at jsonrpc.Span) bool {
	found, err := jsonrpc.Find(raw, at, "message")
	if err != nil {
		return true
	}
	text := confusables.Skeleton(mcp.String(raw, found[0]))
	return strings.Contains(text, confusables.Skeleton("mcpproxy")) || strings.HasPrefix(strings.TrimSpace(text), "[")
}

// attribute puts a text in front of the string at a span.
func attribute(raw []byte, at jsonrpc.Span, front string) (jsonrpc.Edit, error) {
	if at.End == 0 || raw[at.Start] != '"' {
		return jsonrpc.Edit{}, errors.New("it must be a string")
	}
	if at.End-at.Start > 12*mostMessage+2 { // the longest way to write so many characters
		return jsonrpc.Edit{}, fmt.Errorf("it has more than %d characters", mostMessage)
	}
	text := mcp.String(raw, at)
	if utf8.RuneCountInString(text) > mostMessage {
		return jsonrpc.Edit{}, fmt.Errorf("it has more than %d characters", mostMessage)
	}
	if seen := confusables.Visible(text); seen != text {
		return jsonrpc.Edit{At: at, With: jsonrpc.Quote(front + seen)}, nil
	}
	return insert(at.Start+1, within(front)), nil
}

// insert is an edit that puts bytes where nothing is replaced.
func insert(at int, with []byte) jsonrpc.Edit {
	return jsonrpc.Edit{At: jsonrpc.Span{Start: at, End: at}, With: with}
}

// within is a text as it stands within a JSON string.
func within(text string) []byte {
	quoted := jsonrpc.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// schemaWalk goes through the schema of a form.
type schemaWalk struct {
	raw   []byte
	edits []jsonrpc.Edit
	nodes int
}

// value makes what a person reads visible (read is set), and refuses what an answer is made of and does not show.
func (w *schemaWalk) value(at jsonrpc.Span, read bool, depth int) error {
	if w.nodes++; w.nodes > mostNodes || depth > mostDepth {
		return fmt.Errorf("requestedSchema has more than %d values or %d levels", mostNodes, mostDepth)
	}
	switch w.raw[at.Start] {
	case '{':
		return jsonrpc.Members(w.raw, at, func(key []byte, value jsonrpc.Span) error {
			if !confusables.Shows(string(key)) {
				return fmt.Errorf("requestedSchema: a name: %w", errHidden)
			}
			read := string(key) == "title" || string(key) == "description" || string(key) == "enumNames"
			return w.value(value, read, depth+1)
		})
	case '[':
		return jsonrpc.Elements(w.raw, at, func(value jsonrpc.Span) error { return w.value(value, read, depth+1) })
	case '"':
		text := mcp.String(w.raw, at)
		seen := confusables.Visible(text)
		switch {
		case seen == text:
		case read:
			w.edits = append(w.edits, jsonrpc.Edit{At: at, With: jsonrpc.Quote(seen)})
		default:
			return fmt.Errorf("requestedSchema: a value: %w", errHidden)
		}
	}
	return nil
}

// readSampling says what to change in the params of a sampling request, which has no field for who asks: its system
// prompt begins with the server's name.
func readSampling(raw []byte, at jsonrpc.Span, server string) (jsonrpc.Edit, error) {
	if at.End == 0 || raw[at.Start] != '{' {
		return jsonrpc.Edit{}, errors.New("params must be an object")
	}
	found, err := jsonrpc.Find(raw, at, "systemPrompt")
	if err != nil {
		return jsonrpc.Edit{}, err
	}
	text := jsonrpc.Quote(prefix(server) + "This is asked by an MCP server.")
	switch prompt := found[0]; {
	case prompt.End == 0:
		comma := ","
		if empty(raw, at) {
			comma = ""
		}
		return insert(at.Start+1, append(append([]byte(`"systemPrompt":`), text...), comma...)), nil
	case raw[prompt.Start] != '"':
		return jsonrpc.Edit{At: prompt, With: text}, nil
	default:
		return insert(prompt.Start+1, within(prefix(server))), nil
	}
}

// empty tells an object without members.
func empty(raw []byte, at jsonrpc.Span) bool {
	none := true
	jsonrpc.Members(raw, at, func([]byte, jsonrpc.Span) error { none = false; return nil })
	return none
}

// readLog says what to change in a log message, so that it names its server: its logger does, or its text where it
// has no logger.
func readLog(raw []byte, at jsonrpc.Span, server string) (edit jsonrpc.Edit, change bool, err error) {
	if at.End == 0 || raw[at.Start] != '{' {
		return edit, false, errors.New("params must be an object")
	}
	found, err := jsonrpc.Find(raw, at, "logger", "data", "level")
	if err != nil {
		return edit, false, err
	}
	logger, data, name := found[0], found[1], label(server)
	text := mcp.String(raw, logger)
	switch {
	case logger.End != 0 && raw[logger.Start] != '"', logger.End != 0 && text == "":
		return jsonrpc.Edit{At: logger, With: jsonrpc.Quote(name)}, true, nil
	case logger.End != 0 && confusables.Shows(text) && name == server && (text == name || strings.HasPrefix(text, name+"/")):
		return edit, false, nil // it names itself
	case logger.End != 0:
		return jsonrpc.Edit{At: logger, With: jsonrpc.Quote(name + "/" + confusables.Visible(text))}, true, nil
	case data.End != 0 && raw[data.Start] == '"': // many clients show nothing but the text
		said := mcp.String(raw, data)
		if seen := confusables.Visible(said); seen != said {
			return jsonrpc.Edit{At: data, With: jsonrpc.Quote(prefix(server) + seen)}, true, nil
		}
		return insert(data.Start+1, within(prefix(server))), true, nil
	}
	front := append(append([]byte(`"logger":`), jsonrpc.Quote(name)...), ',')
	if empty(raw, at) {
		front = front[:len(front)-1]
	}
	return insert(at.Start+1, front), true, nil
}

// readRequired says what to change in an error that has addresses for a person to open (MCP 2025-11-25, elicitation,
// -32042), whatever its code: a reader may take -32042.0 for it. There is nothing to change in another error.
// A server that is alone in the configuration is named only where its question could be taken for the proxy's own, since
// there is no other that it could be taken for.
func readRequired(raw []byte, at jsonrpc.Span, server string, alone bool) (edits []jsonrpc.Edit, ids []string, err error) {
	if at.End == 0 || raw[at.Start] != '{' {
		return nil, nil, nil
	}
	lists := 0
	var list jsonrpc.Span
	err = jsonrpc.Members(raw, at, func(key []byte, data jsonrpc.Span) error {
		if !jsonrpc.Folds(key, "data") || raw[data.Start] != '{' {
			return nil
		}
		return jsonrpc.Members(raw, data, func(inner []byte, value jsonrpc.Span) error {
			if jsonrpc.Folds(inner, "elicitations") {
				if lists++; string(key) != "data" || string(inner) != "elicitations" {
					lists++
				}
				list = value
			}
			return nil
		})
	})
	switch {
	case err != nil || lists == 0:
		return nil, nil, err
	case lists > 1:
		return nil, nil, fmt.Errorf("%w: elicitations", jsonrpc.ErrAmbiguous)
	case raw[list.Start] != '[':
		return nil, nil, errors.New("elicitations must be an array")
	}
	err = jsonrpc.Elements(raw, list, func(one jsonrpc.Span) error {
		q, err := readQuestion(raw, one, server)
		if err != nil {
			return err
		}
		if alone && !imitates(raw, one) {
			q.edits = slices.DeleteFunc(q.edits, func(e jsonrpc.Edit) bool { return string(e.With) == string(within(prefix(server))) })
		}
		edits, ids = append(edits, q.edits...), append(ids, q.id)
		if len(ids) > mostAtOnce {
			return fmt.Errorf("it wants a person to open more than %d addresses at once", mostAtOnce)
		}
		return nil
	})
	return edits, ids, err
}
