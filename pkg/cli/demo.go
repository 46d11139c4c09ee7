package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"
)

// demoServerCommand is what try puts behind the proxy: small MCP servers, made with a library that shares no code with the proxy.
func demoServerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "demo-server NAME", Short: "Serve a demonstration server on stdin and stdout", Hidden: true,
		Args: cobra.ExactArgs(1), ValidArgs: []string{"clock", "notes", "broken"},
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "clock":
				return failed(server.ServeStdio(clock()))
			case "notes":
				return failed(server.ServeStdio(notes()))
			case "broken":
				return failed(errors.New(brokenSays))
			}
			return fmt.Errorf("there is no demonstration server %q", args[0])
		},
	}
}

// brokenSays is what the server that never starts writes to stderr.
const brokenSays = "the database /srv/orders.db does not exist"

// countdownPause is between two steps of the countdown.
const countdownPause = 150 * time.Millisecond

func clock() *server.MCPServer {
	s := server.NewMCPServer("clock", "1.0.0", server.WithToolCapabilities(false))
	s.AddTool(mcp.NewTool("now", mcp.WithDescription("Tells the time, and which process tells it")),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(fmt.Sprintf("%s (process %d)", time.Now().Format(time.TimeOnly), os.Getpid())), nil
		})
	s.AddTool(mcp.NewTool("countdown", mcp.WithDescription("Counts down slowly and reports progress"), mcp.WithNumber("from", mcp.Required())), countdown)
	return s
}

func countdown(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	from, err := r.RequireInt("from")
	if err != nil || from < 1 || from > 60 {
		return mcp.NewToolResultError("from must be a number from 1 to 60"), nil
	}
	for i := range from {
		if r.Params.Meta != nil && r.Params.Meta.ProgressToken != nil {
			if err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": r.Params.Meta.ProgressToken, "progress": i + 1, "total": from, "message": fmt.Sprint(from-i, " …"),
			}); err != nil {
				return nil, err
			}
		}
		select {
		case <-time.After(countdownPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return mcp.NewToolResultText("lift-off"), nil
}

// notes remembers, so that it shows whether two calls reach the same process.
func notes() *server.MCPServer {
	var (
		mu   sync.Mutex
		kept []string
	)
	s := server.NewMCPServer("notes", "1.0.0", server.WithToolCapabilities(false))
	s.AddTool(mcp.NewTool("add", mcp.WithDescription("Keeps a note"), mcp.WithString("text", mcp.Required())),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			text, err := r.RequireString("text")
			if err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, text)
			return mcp.NewToolResultText(fmt.Sprintf("kept (process %d)", os.Getpid())), nil
		})
	s.AddTool(mcp.NewTool("all", mcp.WithDescription("Tells all notes")),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			mu.Lock()
			defer mu.Unlock()
			return mcp.NewToolResultText(strings.Join(kept, "\n")), nil
		})
	return s
}
