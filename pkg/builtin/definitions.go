package builtin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

// ownTool is one of the tools.
type ownTool struct {
	name       string
	definition func() mcpgo.Tool
	run        func(context.Context, *own, map[string]any) (string, error)
}

var tools = []ownTool{
	{catalog.ServersTool, serversTool, runServers},
	{catalog.ReviewTool, reviewTool, runReview},
	{catalog.ApproveTool, approveTool, runApprove},
	{catalog.RejectTool, rejectTool, runReject},
	{catalog.LoginTool, loginTool, runLogin},
	{catalog.LoginStatusTool, loginStatusTool, runLoginStatus},
	{catalog.LogoutTool, logoutTool, runLogout},
}

func call(ctx context.Context, o *own, name string, args map[string]any) (string, error) {
	for _, t := range tools {
		if t.name == name {
			return t.run(ctx, o, args)
		}
	}
	return "", fmt.Errorf("there is no tool %s; there are: %v", strconv.QuoteToASCII(name), catalog.OwnTools)
}

func asText(v any) string {
	var indented bytes.Buffer
	b, err := encode(v)
	if err == nil {
		err = json.Indent(&indented, b, "", " ")
	}
	if err != nil {
		return err.Error()
	}
	return indented.String()
}

// object is the schema of an object with these parameters and no others.
func object(required []string, properties map[string]any) json.RawMessage {
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		schema["required"] = required
	}
	raw, err := encode(schema)
	if err != nil {
		panic(err) // a constant
	}
	return raw
}

func text(description string) map[string]any {
	return map[string]any{"type": "string", "description": description}
}

func annotated(t mcpgo.Tool, title string, readOnly, destructive bool) mcpgo.Tool {
	no := false
	t.Annotations = mcpgo.ToolAnnotation{Title: title, ReadOnlyHint: &readOnly, DestructiveHint: &destructive, IdempotentHint: &no, OpenWorldHint: &no}
	return t
}

func reviewTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(catalog.ReviewTool,
		`Show what quarantine holds. operation: list (every server with something to review), inspect (one server: its launch, counts, findings, and the digest to approve). It starts nothing and shows no text of a server; the user sees everything with "mcpproxy-stdio review NAME".`,
		object([]string{"operation"}, map[string]any{
			"operation": map[string]any{"type": "string", "enum": []string{"list", "inspect"}},
			"name":      text("the server"),
		})), "Quarantine: review", true, false)
}

func approveTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(catalog.ApproveTool,
		`Ask the user to approve a server or its pending changes. The user is asked by the client, or gives a one-time code from their terminal; nothing else approves.`,
		object([]string{"name", "digest"}, map[string]any{
			"name":   text("the server; * for the whole file"),
			"digest": text("from quarantine_review inspect"),
			"code":   text("the eight digits that the user read on their terminal"),
		})), "Quarantine: ask for approval", false, true)
}

func rejectTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(catalog.RejectTool,
		`Revoke a server's approval and reject its pending changes, or block one of its tools. It works at any time.`,
		object([]string{"name"}, map[string]any{"name": text("the server"), "tool": text("block only this tool, as the server calls it")})),
		"Quarantine: reject", false, true)
}

// stringsOf reads string parameters; any other parameter is refused, since ignoring it would mislead the caller.
func stringsOf(args map[string]any, known ...string) (map[string]string, error) {
	out := map[string]string{}
	for name, v := range args {
		s, ok := v.(string)
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("there is no parameter %s; there are: %v", strconv.QuoteToASCII(name), known)
		case !ok:
			return nil, fmt.Errorf("parameter %s must be a string", name)
		}
		out[name] = s
	}
	return out, nil
}
