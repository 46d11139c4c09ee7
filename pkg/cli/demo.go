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

const demoServer = "demo-server"

// demoServerCommand is what try puts behind the proxy: small MCP servers in processes of their own.
func demoServerCommand() *cobra.Command {
	return &cobra.Command{
		Use: demoServer + " NAME", Short: "Serve a demonstration server on stdin and stdout", Hidden: true,
		Args: cobra.ExactArgs(1), ValidArgs: []string{"clock", "notes", "broken"},
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] == "broken" {
				return failed(errors.New(brokenSays))
			}
			d := demo{name: args[0], tools: demoTools()[args[0]], out: jsonrpc.NewOutlet(os.Stdout, jsonrpc.Lines, 0)}
			if d.tools == nil {
				return fmt.Errorf("there is no demonstration server %q", args[0])
			}
			return failed(d.serve())
		},
	}
}

// brokenSays is what the server that never starts writes to stderr.
const brokenSays = "the database /srv/orders.db does not exist"

// countdownPause is between two steps of the countdown.
const countdownPause = 150 * time.Millisecond

// demo is a stdio MCP server with a few tools, called one after another.
type demo struct {
	name  string
	tools []mcpgo.Tool
	out   *jsonrpc.Outlet
	notes []string // kept in the process, so that they show whether two calls reach the same one
}

func demoTools() map[string][]mcpgo.Tool {
	return map[string][]mcpgo.Tool{
		"clock": {
			mcpgo.NewTool("countdown", mcpgo.WithDescription("Counts down slowly and reports progress"),
				mcpgo.WithNumber("from", mcpgo.Required())),
			mcpgo.NewTool("now", mcpgo.WithDescription("Tells the time, and which process tells it")),
		},
		"notes": {
			mcpgo.NewTool("add", mcpgo.WithDescription("Keeps a note"), mcpgo.WithString("text", mcpgo.Required())),
			mcpgo.NewTool("all", mcpgo.WithDescription("Tells all notes")),
		},
	}
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
		if result := d.answer(&m); result != nil {
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

// answer is the result of a request, nil for a method that a demonstration does without.
func (d *demo) answer(m *jsonrpc.Message) any {
	switch m.MethodName() {
	case mcp.Initialize:
		return map[string]any{"protocolVersion": mcp.Latest, "capabilities": map[string]any{"tools": map[string]any{}},
			"serverInfo": mcpgo.Implementation{Name: d.name, Version: "1.0.0"}}
	case mcp.Ping:
		return map[string]any{}
	case mcp.ToolsList:
		return map[string]any{"tools": d.tools}
	case mcp.ToolsCall:
		var call demoCall
		if json.Unmarshal(m.Bytes(m.Params), &call) != nil {
			return nil
		}
		text, err := d.call(&call)
		if err != nil {
			return mcpgo.NewToolResultError(err.Error())
		}
		return mcpgo.NewToolResultText(text)
	}
	return nil
}

// demoCall is the part of the parameters of tools/call that the tools read.
type demoCall struct {
	Name      string
	Arguments struct {
		Text *string
		From int
	}
	Meta struct {
		Token json.RawMessage `json:"progressToken"`
	} `json:"_meta"`
}

func (d *demo) call(c *demoCall) (string, error) {
	switch c.Name {
	case "now":
		return fmt.Sprintf("%s (process %d)", time.Now().Format(time.TimeOnly), os.Getpid()), nil
	case "all":
		return strings.Join(d.notes, "\n"), nil
	case "add":
		if c.Arguments.Text == nil {
			return "", errors.New("text is missing")
		}
		d.notes = append(d.notes, *c.Arguments.Text)
		return fmt.Sprintf("kept (process %d)", os.Getpid()), nil
	case "countdown":
		from := c.Arguments.From
		if from < 1 || from > 60 {
			return "", errors.New("from must be a number from 1 to 60")
		}
		for i := range from {
			if c.Meta.Token != nil {
				params := fmt.Appendf(nil, `{"progressToken":%s,"progress":%d,"total":%d,"message":"%d …"}`,
					c.Meta.Token, i+1, from, from-i)
				d.out.Send(jsonrpc.Whole(jsonrpc.NewNotification(mcp.Progress, params)))
			}
			time.Sleep(countdownPause)
		}
		return "lift-off", nil
	}
	return "", fmt.Errorf("there is no tool %q", c.Name)
}
