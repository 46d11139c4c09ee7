package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// demoServerCommand is what try puts behind the proxy: small MCP servers in processes of their own.
func demoServerCommand() *cobra.Command {
	return &cobra.Command{
		Use: demoServer + " NAME", Short: "Serve a demonstration server on stdin and stdout", Hidden: true,
		Args: cobra.ExactArgs(1), ValidArgs: []string{"clock", "notes", "broken"},
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "clock":
				return failed(newDemo("clock", countdown(), now()).serve())
			case "notes":
				return failed(newDemo("notes", notes()...).serve())
			case "broken":
				return failed(errors.New(brokenSays))
			}
			return fmt.Errorf("there is no demonstration server %q", args[0])
		},
	}
}

const demoServer = "demo-server"

// brokenSays is what the server that never starts writes to stderr.
const brokenSays = "the database /srv/orders.db does not exist"

// countdownPause is between two steps of the countdown.
const countdownPause = 150 * time.Millisecond

// demoTool is one tool of a demonstration server.
type demoTool struct {
	mcpgo.Tool
	call func(args map[string]any, progress func(done, total int, message string)) (string, error)
}

func now() demoTool {
	return demoTool{mcpgo.NewTool("now", mcpgo.WithDescription("Tells the time, and which process tells it")),
		func(map[string]any, func(int, int, string)) (string, error) {
			return fmt.Sprintf("%s (process %d)", time.Now().Format(time.TimeOnly), os.Getpid()), nil
		}}
}

func countdown() demoTool {
	return demoTool{mcpgo.NewTool("countdown", mcpgo.WithDescription("Counts down slowly and reports progress"), mcpgo.WithNumber("from", mcpgo.Required())),
		func(args map[string]any, progress func(int, int, string)) (string, error) {
			number, _ := args["from"].(float64)
			from := int(number)
			if from < 1 || from > 60 {
				return "", errors.New("from must be a number from 1 to 60")
			}
			for i := range from {
				progress(i+1, from, fmt.Sprint(from-i, " …"))
				time.Sleep(countdownPause)
			}
			return "lift-off", nil
		}}
}

// notes remember, so that they show whether two calls reach the same process.
func notes() []demoTool {
	var kept []string
	return []demoTool{
		{mcpgo.NewTool("add", mcpgo.WithDescription("Keeps a note"), mcpgo.WithString("text", mcpgo.Required())),
			func(args map[string]any, _ func(int, int, string)) (string, error) {
				text, ok := args["text"].(string)
				if !ok {
					return "", errors.New("text is missing")
				}
				kept = append(kept, text)
				return fmt.Sprintf("kept (process %d)", os.Getpid()), nil
			}},
		{mcpgo.NewTool("all", mcpgo.WithDescription("Tells all notes")),
			func(map[string]any, func(int, int, string)) (string, error) { return strings.Join(kept, "\n"), nil }},
	}
}

// demo is a stdio MCP server with a few tools, called one after another.
type demo struct {
	name  string
	tools []demoTool
	out   *jsonrpc.Outlet
}

func newDemo(name string, tools ...demoTool) *demo {
	return &demo{name: name, tools: tools, out: jsonrpc.NewOutlet(os.Stdout, jsonrpc.Lines, 0)}
}

// serve answers until the end of stdin.
func (d *demo) serve() error {
	in := jsonrpc.NewReader(os.Stdin, jsonrpc.Newline, 0)
	for {
		raw, err := in.Read()
		if err != nil {
			return nil
		}
		m, err := jsonrpc.Parse(raw)
		if err != nil || m.Kind != jsonrpc.Request {
			continue
		}
		answer := jsonrpc.NewError(m.Bytes(m.ID), mcp.MethodNotFound, "Method not found", nil)
		if result, ok := d.answer(&m); ok {
			if raw, err = json.Marshal(result); err != nil {
				return err
			}
			answer = jsonrpc.NewResult(m.Bytes(m.ID), raw)
		}
		if err := d.out.Send(jsonrpc.Whole(answer)); err != nil {
			return err
		}
	}
}

func (d *demo) answer(m *jsonrpc.Message) (result any, ok bool) {
	switch m.MethodName() {
	case mcp.Initialize:
		return map[string]any{"protocolVersion": mcp.Latest, "capabilities": map[string]any{"tools": map[string]any{}},
			"serverInfo": mcpgo.Implementation{Name: d.name, Version: "1.0.0"}}, true
	case mcp.Ping:
		return map[string]any{}, true
	case mcp.ToolsList:
		list := make([]mcpgo.Tool, len(d.tools))
		for i, t := range d.tools {
			list[i] = t.Tool
		}
		return map[string]any{"tools": list}, true
	case mcp.ToolsCall:
		var params struct {
			Name      string         `json:"name"`
			Arguments map[string]any `json:"arguments"`
			Meta      struct {
				Token json.RawMessage `json:"progressToken"`
			} `json:"_meta"`
		}
		if json.Unmarshal(m.Bytes(m.Params), &params) != nil {
			return nil, false
		}
		for _, t := range d.tools {
			if t.Name == params.Name {
				return d.call(t, params.Arguments, params.Meta.Token), true
			}
		}
	}
	return nil, false
}

func (d *demo) call(t demoTool, args map[string]any, token json.RawMessage) *mcpgo.CallToolResult {
	text, err := t.call(args, func(done, total int, message string) {
		if token != nil {
			params := fmt.Appendf(nil, `{"progressToken":%s,"progress":%d,"total":%d,"message":%s}`, token, done, total, jsonrpc.Quote(message))
			d.out.Send(jsonrpc.Whole(jsonrpc.NewNotification(mcp.Progress, params)))
		}
	})
	if err != nil {
		return mcpgo.NewToolResultError(err.Error())
	}
	return mcpgo.NewToolResultText(text)
}
