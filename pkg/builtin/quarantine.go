package builtin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
)

// Names of the tools of quarantine.
const (
	ReviewName  = "quarantine_review"
	ApproveName = "quarantine_approve"
	RejectName  = "quarantine_reject"
)

// Names are the names of all own tools: no server can have one that looks like them.
var Names = []string{Name, ReviewName, ApproveName, RejectName, LoginName, LoginStatusName, LogoutName}

// ownTool is one of them.
type ownTool struct {
	name       string
	definition func() mcpgo.Tool
	run        func(context.Context, Admin, map[string]any) (string, error)
}

var tools = []ownTool{
	{Name, serversTool, runServers},
	{ReviewName, reviewTool, runReview},
	{ApproveName, approveTool, runApprove},
	{RejectName, rejectTool, runReject},
	{LoginName, loginTool, runLogin},
	{LoginStatusName, loginStatusTool, runLoginStatus},
	{LogoutName, logoutTool, runLogout},
}

func call(ctx context.Context, admin Admin, name string, args map[string]any) (string, error) {
	for _, t := range tools {
		if t.name == name {
			return t.run(ctx, admin, args)
		}
	}
	return "", fmt.Errorf("there is no tool %s; there are: %v", strconv.QuoteToASCII(name), Names)
}

// Waiting is one server in the inbox of reviews.
type Waiting struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Pending int    `json:"items,omitempty"` // definitions that wait at an approved server
	Digest  string `json:"digest,omitempty"`
	Do      string `json:"do"`
}

// Inspection is all that a model may know of what waits at a server: nothing of it is the server's own text.
type Inspection struct {
	Name      string         `json:"name"`
	State     string         `json:"state"`
	From      string         `json:"from"` // the file the entry stands in
	Launch    string         `json:"launch"`
	Was       string         `json:"launch_was,omitempty"`
	Dir       string         `json:"working_dir,omitempty"`
	Env       []string       `json:"env,omitempty"`
	Headers   []string       `json:"headers,omitempty"`
	Login     []string       `json:"login,omitempty"`
	Isolation string         `json:"isolation"`
	Options   []string       `json:"options,omitempty"` // others, each as "name: value"
	Notes     []string       `json:"notes,omitempty"`
	Policy    string         `json:"policy,omitempty"`
	Items     map[string]int `json:"items,omitempty"`   // by kind
	Changes   map[string]int `json:"changes,omitempty"` // new, changed (held), updated (calls go on), unreadable
	Findings  []Found        `json:"findings,omitzero"` // not nil once there are definitions
	Blocked   int            `json:"blocked_tools,omitempty"`
	Digest    string         `json:"digest,omitempty"`
	Do        string         `json:"do"`
}

// Found counts the findings of one rule.
type Found struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Count    int    `json:"count"`
}

// Outcome is what became of a request for approval.
type Outcome struct {
	Status string   `json:"status"` // approved, inspected, approval_required
	Server string   `json:"server"`
	State  string   `json:"state"`
	Why    string   `json:"why,omitempty"`
	Digest string   `json:"digest,omitempty"` // of what waits now
	Ways   []string `json:"ways,omitempty"`
	Next   string   `json:"next,omitempty"`
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
	return annotated(mcpgo.NewToolWithRawSchema(ReviewName,
		`Show what quarantine holds. operation: list (every server with something to review), inspect (one server: its launch, counts, findings, and the digest to approve). It starts nothing and shows no text of a server; the user sees everything with "mcpproxy-stdio review NAME".`,
		object([]string{"operation"}, map[string]any{
			"operation": map[string]any{"type": "string", "enum": []string{"list", "inspect"}},
			"name":      text("the server"),
		})), "Quarantine: review", true, false)
}

func approveTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(ApproveName,
		`Ask the user to approve a server or its pending changes. The user is asked by the client, or gives a one-time code from their terminal; nothing else approves.`,
		object([]string{"name", "digest"}, map[string]any{
			"name":   text("the server"),
			"digest": text("from quarantine_review inspect"),
			"code":   text("the eight digits that the user read on their terminal"),
		})), "Quarantine: ask for approval", false, true)
}

func rejectTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(RejectName,
		`Revoke a server's approval and reject its pending changes, or block one of its tools. It works at any time.`,
		object([]string{"name"}, map[string]any{"name": text("the server"), "tool": text("block only this tool, as the server calls it")})),
		"Quarantine: reject", false, true)
}

// stringsOf reads string parameters; any other parameter is refused, so that nobody thinks it meant something.
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

func runReview(_ context.Context, admin Admin, args map[string]any) (string, error) {
	p, err := stringsOf(args, "operation", "name")
	if err != nil {
		return "", err
	}
	switch {
	case p["operation"] == "list":
		waiting := admin.Waiting()
		if len(waiting) == 0 {
			return "Nothing to review.", nil
		}
		return asText(waiting), nil
	case p["operation"] != "inspect":
		return "", fmt.Errorf("unknown operation %s; it must be list or inspect", strconv.QuoteToASCII(p["operation"]))
	case p["name"] == "":
		return "", errors.New("operation inspect needs the parameter name")
	}
	in, err := admin.Inspect(p["name"])
	if err != nil {
		return "", err
	}
	return asText(in), nil
}

func runApprove(ctx context.Context, admin Admin, args map[string]any) (string, error) {
	p, err := stringsOf(args, "name", "digest", "code")
	switch {
	case err != nil:
		return "", err
	case p["name"] == "" || p["digest"] == "":
		return "", errors.New("quarantine_approve needs the parameters name and digest; quarantine_review with operation inspect tells the digest")
	}
	out, err := admin.Approve(ctx, p["name"], p["digest"], p["code"])
	if err != nil {
		return "", err
	}
	return asText(out), nil
}

func runReject(_ context.Context, admin Admin, args map[string]any) (string, error) {
	p, err := stringsOf(args, "name", "tool")
	switch {
	case err != nil:
		return "", err
	case p["name"] == "":
		return "", errors.New("quarantine_reject needs the parameter name")
	}
	if err := admin.Reject(p["name"], p["tool"]); err != nil {
		return "", err
	}
	if p["tool"] != "" {
		return "Tool " + strconv.QuoteToASCII(p["tool"]) + " of server " + strconv.Quote(p["name"]) + " is blocked. Only the user can unblock it.", nil
	}
	return "Server " + strconv.Quote(p["name"]) + " is rejected and held in quarantine. Only the user can approve it again: quarantine_approve asks them.", nil
}
