package builtin

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

const description = `List and change the MCP servers behind this proxy. ` +
	`operation: list (state of every server, why, and what to do), logs (a server's stderr), restart, ` +
	`add, update, remove, enable, disable. ` +
	`add and update take the options of an entry as parameters. A server that is added, or whose launch is changed, is held in quarantine and is not run until the user approves it.`

var operations = []any{"list", "add", "update", "remove", "enable", "disable", "restart", "logs"}

// alwaysLoad marks the tool that is needed at any time, for clients that show a model the other definitions only when it looks for
// them: Claude Code and Antigravity have a mark each.
var alwaysLoad = mcpgo.NewMetaFromMap(map[string]any{"anthropic/alwaysLoad": true, "antigravity/alwaysLoad": true})

func serversTool() mcpgo.Tool {
	properties := map[string]any{
		"operation": map[string]any{"type": "string", "enum": operations},
		"name":      map[string]any{"type": "string", "description": "the server"},
	}
	for _, o := range config.Options() {
		if o.Person {
			continue
		}
		p := map[string]any{"description": o.Meaning}
		switch o.Type {
		case "array":
			p["type"], p["items"] = "array", map[string]any{"type": "string"}
		case "duration":
			p["type"] = []string{"number", "string"}
		default:
			p["type"] = o.Type
		}
		properties[o.Name] = p
	}
	schema, err := encode(map[string]any{"type": "object", "properties": properties, "required": []string{"operation"}, "additionalProperties": false})
	if err != nil {
		panic(err) // a constant
	}
	t := mcpgo.NewToolWithRawSchema(catalog.ServersTool, description, schema)
	yes, no := true, false
	t.Meta = alwaysLoad
	t.Annotations = mcpgo.ToolAnnotation{Title: "Upstream servers", ReadOnlyHint: &no, DestructiveHint: &yes, IdempotentHint: &no, OpenWorldHint: &no}
	return t
}

func runServers(ctx context.Context, o *own, args map[string]any) (string, error) {
	operation, _ := args["operation"].(string)
	name, _ := args["name"].(string)
	if operation != "list" && name == "" {
		return "", fmt.Errorf("operation %q needs the parameter name", operation)
	}
	options, err := optionsOf(args)
	if err != nil {
		return "", err
	}
	quoted := strconv.Quote(name)
	switch operation {
	case "list":
		return o.list()
	case "add":
		if err := o.admin.Add(o.by, name, options); err != nil {
			return "", err
		}
		return "Server " + quoted + " was added and is held in quarantine: it has not been run. The user has to approve it first: quarantine_review.", nil
	case "update":
		held, err := o.admin.Update(o.by, name, options)
		switch {
		case err != nil:
			return "", err
		case held:
			return "Server " + quoted + " was updated. Its launch changed, so it is held in quarantine and is not run until the user approves it: quarantine_review.", nil
		}
		return "Server " + quoted + " was updated.", nil
	case "remove":
		_, err := o.admin.Remove(o.by, name)
		return "Server " + quoted + " was removed.", err
	case "enable":
		text := "Server " + quoted + " is now enabled."
		if note := o.nowListed(""); note != "" {
			text += " Now " + note + "."
		}
		_, err := o.admin.Enable(ctx, o.by, name)
		if only := (*admin.OnlyPersonError)(nil); errors.As(err, &only) {
			err = fmt.Errorf(`the user disabled server %s in the config file; only they can enable it: they set "enabled": true there and confirm it`, quoted)
		}
		return text, err
	case "disable":
		_, err := o.admin.Disable(o.by, name)
		return "Server " + quoted + " is now disabled.", err
	case "restart":
		return "Server " + quoted + " is being restarted.", unavailable(name, o.admin.Restart(o.by, name))
	case "logs":
		text, err := o.admin.Logs(o.by, name)
		if err == nil && text == "" {
			text = "Server " + quoted + " has written nothing to stderr in this session."
		}
		return text, unavailable(name, err)
	}
	return "", fmt.Errorf("unknown operation %q; it must be one of %v", operation, operations)
}

// unavailable names the server in an error that says why it can't be used.
func unavailable(name string, err error) error {
	if blocked := (*admin.BlockedError)(nil); errors.As(err, &blocked) {
		return fmt.Errorf("server %q is not available: %w", name, err)
	}
	return err
}

// optionsOf picks the options of an entry out of a call's arguments, in the order of the documentation.
func optionsOf(args map[string]any) ([]config.Option, error) {
	order := map[string]int{}
	for i, o := range config.Options() {
		if !o.Person {
			order[o.Name] = i
		}
	}
	var options []config.Option
	for key, value := range args {
		if key == "operation" || key == "name" {
			continue
		}
		if _, known := order[key]; !known {
			return nil, fmt.Errorf("%q can't be set through this tool", key)
		}
		options = append(options, config.Option{Key: key, Value: value})
	}
	sort.Slice(options, func(i, j int) bool { return order[options[i].Key] < order[options[j].Key] })
	return options, nil
}
