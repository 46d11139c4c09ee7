package catalog

import (
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Servers that write every optional member, those without a value as null, have their results refused by strict clients after the call has
// run. Only such members are named here; all else of a result is the server's.
var (
	block = object(map[string]member{
		"annotations": {shape: free}, "_meta": {shape: free}, "title": {shape: str}, "description": {shape: str}, "size": {shape: size},
		"icons": {shape: icons}, "resource": {shape: contents},
	})
	contents = object(map[string]member{"mimeType": {shape: str}, "_meta": {shape: free}})
	results  = map[string]shape{
		mcp.ToolsCall: object(map[string]member{
			"content": {shape: arrayOf(block)}, "structuredContent": {shape: free}, "isError": {shape: boolean},
		}),
		mcp.PromptsGet: object(map[string]member{
			"description": {shape: str}, "messages": {shape: arrayOf(object(map[string]member{"content": {shape: block}}))},
		}),
		mcp.ResourcesRead: object(map[string]member{"contents": {shape: arrayOf(contents)}}),
		mcp.Complete: object(map[string]member{
			"completion": {shape: object(map[string]member{"total": {shape: size}, "hasMore": {shape: boolean}})},
		}),
	}
)

func arrayOf(of shape) shape { return shape{first: "[", what: "an array", of: &of} }

// WithoutNulls returns a successful answer to a method without the optional members that are null. One that does not fit otherwise stays as
// it is: the client that refuses it says so.
func WithoutNulls(method string, answer *jsonrpc.Message) *jsonrpc.Message {
	s, known := results[method]
	if !known || !answer.Nulls {
		return answer
	}
	f := fitting{raw: answer.Raw}
	if f.value(&s, answer.Result) != nil || len(f.edits) == 0 {
		return answer
	}
	if tidy, err := jsonrpc.Parse(jsonrpc.Splice(answer.Raw, f.edits...)); err == nil {
		return &tidy
	}
	return answer
}
