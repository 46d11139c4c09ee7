package transport

import (
	"os"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestMain(m *testing.M) {
	mcptest.Main()
	os.Exit(mcptest.Run(m))
}
