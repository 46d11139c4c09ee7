package mcp

import (
	"errors"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// Params are the values of a request's params that decide its route. Spans lie in the message.
type Params struct {
	Name     jsonrpc.Span // tools/call, prompts/get
	URI      jsonrpc.Span // resources/*
	Cursor   jsonrpc.Span // lists
	TaskID   jsonrpc.Span // tasks/*
	Task     jsonrpc.Span // the request asks to run as a task (2025-11-25)
	Token    jsonrpc.Span // _meta.progressToken
	RefName  jsonrpc.Span // completion/complete: ref.name
	RefURI   jsonrpc.Span // completion/complete: ref.uri
	Level    jsonrpc.Span // logging/setLevel
	ID       jsonrpc.Span // notifications/cancelled: requestId
	Progress jsonrpc.Span // notifications/progress: progressToken
}

// ReadParams finds the routing values in m's params. Values it does not name are not looked at. The
// error wraps jsonrpc.ErrAmbiguous when a value occurs twice.
func ReadParams(m *jsonrpc.Message) (p Params, err error) {
	if m.Params.End == 0 || m.Raw[m.Params.Start] != '{' {
		return p, nil
	}
	var top [10]jsonrpc.Span
	err = jsonrpc.FindInto(top[:], m.Raw, m.Params, "name", "uri", "cursor", "taskId", "task", "_meta", "ref", "level", "requestId", "progressToken")
	if err != nil {
		return p, err
	}
	p.Name, p.URI, p.Cursor, p.TaskID, p.Task = top[0], top[1], top[2], top[3], top[4]
	p.Level, p.ID, p.Progress = top[7], top[8], top[9]
	if isObject(m.Raw, top[5]) {
		var in [1]jsonrpc.Span
		if err := jsonrpc.FindInto(in[:], m.Raw, top[5], "progressToken"); err != nil {
			return p, err
		}
		p.Token = in[0]
	}
	if isObject(m.Raw, top[6]) {
		var in [2]jsonrpc.Span
		if err := jsonrpc.FindInto(in[:], m.Raw, top[6], "name", "uri"); err != nil {
			return p, err
		}
		p.RefName, p.RefURI = in[0], in[1]
	}
	return p, nil
}

func isObject(b []byte, s jsonrpc.Span) bool { return s.End != 0 && b[s.Start] == '{' }

// String returns the decoded string at the span, "" if it is absent or no string.
func String(b []byte, s jsonrpc.Span) string { return string(jsonrpc.Unquote(s.In(b))) }

// Field returns the raw value of one member of a raw object, nil if it is absent or raw is no object. Of an object that
// is no JSON it returns what can be made out, which may be none either.
func Field(raw []byte, path ...string) []byte {
	for _, name := range path {
		if len(raw) == 0 || raw[0] != '{' {
			return nil
		}
		var found [1]jsonrpc.Span
		err := jsonrpc.FindInto(found[:], raw, jsonrpc.Span{Start: 0, End: len(raw)}, name)
		switch {
		case jsonrpc.Broken(err):
			raw = jsonrpc.RoughField(raw, name)
		case err != nil || found[0].End == 0:
			return nil
		default:
			raw = found[0].In(raw)
		}
	}
	return raw
}

// Items splits one page of a list: the raw elements of result[key], and the raw nextCursor, nil at the end. A page that
// is no JSON is divided all the same, because the fault of one element need not cost the others: each has to be
// checked. No more than most items are returned.
func Items(result []byte, key string, most int) (items [][]byte, next []byte, err error) {
	found, err := jsonrpc.Find(result, jsonrpc.Span{Start: 0, End: len(result)}, key, "nextCursor")
	if jsonrpc.Broken(err) {
		list := jsonrpc.RoughField(result, key)
		if len(list) == 0 || list[0] != '[' {
			return nil, nil, err
		}
		if !jsonrpc.RoughElements(list, jsonrpc.Span{Start: 0, End: len(list)}, func(at jsonrpc.Span) {
			if len(items) < most {
				items = append(items, at.In(list))
			}
		}) {
			return nil, nil, err
		}
		if next = jsonrpc.RoughField(result, "nextCursor"); string(next) == "null" || jsonrpc.Check(next) != nil {
			next = nil
		}
		return items, next, nil
	}
	if err != nil {
		return nil, nil, err
	}
	err = jsonrpc.Elements(result, found[0], func(s jsonrpc.Span) error {
		if len(items) == most {
			return errMost
		}
		items = append(items, s.In(result))
		return nil
	})
	if next = found[1].In(result); string(next) == "null" {
		next = nil
	}
	if errors.Is(err, errMost) {
		err = nil
	}
	return items, next, err
}

var errMost = errors.New("there are more")

// ToolError is the raw result of a tools/call that failed in a way the model should read; what could deceive in it is
// escaped.
func ToolError(text string) []byte {
	b := jsonrpc.AppendQuote([]byte(`{"content":[{"type":"text","text":`), confusables.PlainLines(text))
	return append(b, `}],"isError":true}`...)
}
