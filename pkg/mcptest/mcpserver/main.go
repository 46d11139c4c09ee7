// Command mcpserver is the scripted upstream of package mcptest as a program of
// its own, for shells and benchmarks:
//
//	mcpserver -opts '{"tools":100,"idLast":true,"faults":["garbage-stdout"]}'
package main

import (
	"flag"
	"os"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func main() {
	mcptest.Main()
	flags := flag.NewFlagSet("mcpserver", flag.ExitOnError)
	opts := flags.String("opts", "{}", "options as JSON; durations in nanoseconds (see mcptest.Server)")
	_ = flags.Parse(os.Args[1:]) // exits on an error
	os.Exit(mcptest.MainWith(*opts))
}
