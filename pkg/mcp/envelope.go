package mcp

import (
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// relatedTask is the key under _meta that names the task of a message (MCP 2025-11-25, tasks).
const relatedTask = "io.modelcontextprotocol/related-task"

// Tidy makes a parsed message one that every SDK reads. What says nothing is taken out: members that JSON-RPC does not
// have, and params, _meta and its own members that are null. For anything else that does not fit it returns an error
// that wraps jsonrpc.ErrInvalid. Most messages fit, and are not looked at again.
func Tidy(m *jsonrpc.Message) error {
	at, what := &m.Params, "params"
	if m.Kind == jsonrpc.Result {
		at, what = &m.Result, "result"
	}
	if m.Kind != jsonrpc.Result && string(m.Bytes(*at)) == "null" {
		*at, m.Foreign = jsonrpc.Span{}, true
	}
	if at.End != 0 && m.Raw[at.Start] != '{' {
		return fmt.Errorf("%w: the %s is no object", jsonrpc.ErrInvalid, what)
	}
	if m.Foreign {
		*m = m.Bare()
	}
	if m.Meta.End == 0 {
		return nil
	}
	return tidyMeta(m, *at)
}

// tidyMeta checks the member _meta of the object at, as far as the schema of MCP has a say in it.
func tidyMeta(m *jsonrpc.Message, at jsonrpc.Span) error {
	if string(m.Bytes(m.Meta)) == "null" {
		return drop(m, at, m.Meta)
	}
	if m.Raw[m.Meta.Start] != '{' {
		return fmt.Errorf("%w: its _meta is no object", jsonrpc.ErrInvalid)
	}
	found, err := jsonrpc.Find(m.Raw, m.Meta, "progressToken", relatedTask)
	if err != nil {
		return err
	}
	token, task := m.Bytes(found[0]), m.Bytes(found[1])
	switch {
	case string(token) == "null":
		return drop(m, m.Meta, found[0])
	case string(task) == "null":
		return drop(m, m.Meta, found[1])
	case token != nil && !jsonrpc.IsID(token):
		return fmt.Errorf("%w: its progress token is neither a string nor a whole number", jsonrpc.ErrInvalid)
	case task != nil && (task[0] != '{' || len(jsonrpc.Unquote(Field(task, "taskId"))) == 0):
		return fmt.Errorf("%w: its related task has no taskId", jsonrpc.ErrInvalid)
	}
	return nil
}

// drop takes a member out of an object of a message, and goes on with what is left.
func drop(m *jsonrpc.Message, object, value jsonrpc.Span) error {
	changed, err := jsonrpc.Parse(jsonrpc.Without(m.Raw, object, value))
	if err != nil {
		return err
	}
	*m = changed
	return Tidy(m)
}
