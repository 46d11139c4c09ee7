package cli

import (
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON schema of the config file", Args: cobra.NoArgs,
		Long: `Print the JSON Schema (draft 2020-12) of the config file. Editors complete and check the file with it.`,
		Example: `  mcpproxy-stdio schema > mcp_config.schema.json
  then, in the config file: "$schema": "./mcp_config.schema.json"`,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(config.Schema())
			return failed(err)
		},
	}
}
