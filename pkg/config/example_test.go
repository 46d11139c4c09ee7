package config_test

import (
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func ExampleParse() {
	c, err := config.Parse("mcp_config.json", []byte(`{
  "mcpServers": [
    {"name": "files", "protocol": "stdio", "command": "npx", "comand": "x"}, // a slip
    {"name": "web", "protocol": "http", "url": "http://example.com/mcp"},
  ],
}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range c.Problems {
		fmt.Println(p)
	}
	for _, s := range c.Servers {
		fmt.Println(s.Name, s.Refused == "")
	}
	// Output:
	// mcp_config.json:3:62: files: unknown option, ignored (comand) – did you mean command?
	// mcp_config.json:4:48: web: plain http to another machine can be read and changed on the way (http://example.com) – use https, or write "allow_http": true to allow it
	// files true
	// web false
}
