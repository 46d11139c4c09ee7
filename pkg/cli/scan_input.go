package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// definitions takes apart what a file holds: one or several JSON values, each a definition, an array, a list's result with or
// without its envelope, or the answer to initialize with instructions.
func definitions(data []byte) ([]scan.Item, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var items []scan.Item
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		at := int(d.InputOffset())
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			at = min(max(0, int(syntax.Offset)-1), len(data))
		case err != nil:
			at = len(data)
		}
		line := 1 + bytes.Count(data[:at], []byte("\n"))
		if err != nil {
			return nil, fmt.Errorf("line %d: no JSON: %w", line, err)
		}
		more, err := definitionsIn(raw)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		items = append(items, more...)
	}
	if len(items) == 0 {
		return nil, errors.New("there is no definition in it")
	}
	return items, nil
}

// listed are the members of a list's result, and the kind of what they hold.
var listed = []struct{ member, kind string }{{"tools", "tool"}, {"prompts", "prompt"}, {"resourceTemplates", "template"}, {"resources", "resource"}}

var errNoDefinition = errors.New("an object that is no definition: it has neither a name nor a URI")

func definitionsIn(raw []byte) ([]scan.Item, error) {
	whole := jsonrpc.Span{End: len(raw)}
	if raw[0] == '[' {
		return elements(raw, "")
	}
	if raw[0] != '{' {
		return nil, errors.New("neither an object nor an array")
	}
	var items []scan.Item
	members := map[string][]byte{}
	err := jsonrpc.Members(raw, whole, func(key []byte, value jsonrpc.Span) error {
		if _, twice := members[string(key)]; !twice { // the definition is scanned whole, second members too
			members[string(key)] = value.In(raw)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if result, ok := members["result"]; ok && members["jsonrpc"] != nil && len(result) > 0 && result[0] == '{' {
		return definitionsIn(result)
	}
	if result, ok := members["result"]; ok && members["name"] == nil && len(result) > 0 && result[0] == '{' {
		return definitionsIn(result)
	}
	for _, l := range listed {
		if list := members[l.member]; len(list) > 0 && list[0] == '[' && members["name"] == nil {
			more, err := elements(list, l.kind)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.member, err)
			}
			items = append(items, more...)
			members["listed"] = list
		}
	}
	if text := members["instructions"]; len(text) > 0 && text[0] == '"' && members["name"] == nil {
		items = append(items, scan.Item{Kind: "instructions", Raw: text})
	}
	if items != nil || members["listed"] != nil {
		return items, nil
	}
	item := scan.Item{Raw: raw}
	item.Kind, item.Name = identity(members)
	if item.Kind == "" {
		return nil, errNoDefinition
	}
	return []scan.Item{item}, nil
}

func elements(list []byte, kind string) ([]scan.Item, error) {
	var items []scan.Item
	err := jsonrpc.Elements(list, jsonrpc.Span{End: len(list)}, func(value jsonrpc.Span) error {
		raw := value.In(list)
		if kind == "" {
			more, err := definitionsIn(raw)
			items = append(items, more...)
			return err
		}
		item := scan.Item{Kind: kind, Raw: raw}
		members := map[string][]byte{}
		if len(raw) > 0 && raw[0] == '{' {
			if err := jsonrpc.Members(raw, jsonrpc.Span{End: len(raw)}, func(key []byte, value jsonrpc.Span) error {
				members[string(key)] = value.In(raw)
				return nil
			}); err != nil {
				return err
			}
		}
		_, item.Name = identity(members)
		items = append(items, item)
		return nil
	})
	return items, err
}

// identity tells what kind of definition has these members, and what identifies it; "" is none.
func identity(members map[string][]byte) (kind, name string) {
	named := func(key string) string { return string(jsonrpc.Unquote(members[key])) }
	switch {
	case members["uriTemplate"] != nil:
		return "template", named("uriTemplate")
	case members["uri"] != nil:
		return "resource", named("uri")
	case members["name"] == nil:
		return "", ""
	case members["arguments"] != nil && members["inputSchema"] == nil:
		return "prompt", named("name")
	}
	return "tool", named("name")
}
