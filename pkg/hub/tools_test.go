package hub_test

import (
	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
)

func init() { hub.TestOwn = builtin.Tools(admin.New(zerolog.Nop()), "test") }
