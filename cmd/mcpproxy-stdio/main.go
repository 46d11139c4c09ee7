// Mcpproxy-stdio is one stdio MCP server in front of all the others. See package cli.
package main

import (
	"os"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == transport.ShimArg {
		transport.RunShim()
	}
	os.Exit(cli.Main(os.Args[1:]))
}
