// Mcpproxy-stdio is one stdio MCP server in front of all the others. See package cli.
package main

import (
	"os"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:]))
}
