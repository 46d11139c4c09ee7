// driver lets the official conformance suite judge a stdio proxy as a client.
//
//	conformance client --command driver --scenario auth/metadata-default
//
// The suite starts an HTTP server (and an authorization server) and runs
// "driver <url>". driver fills the template (see template.go), starts the proxy
// over stdio and acts as the editor: it initializes, lists tools and makes the
// calls that the scenario needs, as raw JSON lines. Environment:
//
//	PROXY            the proxy's binary, {proxy} in the template
//	PROXY_TEMPLATE   the template, proxy.json
//	DRIVER_ERA       legacy: initialize handshake at 2025-11-25; modern: 2026-07-28, a _meta in each
//	                 request, or legacy after all if server/discover gets -32601; auto (default): what the scenario's MCP_CONFORMANCE_PROTOCOL_VERSION says
//	DRIVER_WAIT      seconds to wait for a tool to appear (default 15)
//	DRIVER_LOG       file to append every line of both directions to
//	DRIVER_PASSENV   comma list of variables kept for the proxy besides PATH (default GOCOVERDIR)
//	DRIVER_KEEP      if set, the proxy's home is kept
//	LOGIN_ONLY       if set, a call that fails at the end is no failure: the suite judges the login alone
//
// The proxy finds a browser as $BROWSER, xdg-open, open ...: see browser.go. ($BROWSER is
// not called xdg-open: an xdg-open script would take that for itself and do nothing.)
//
// Two more uses serve the scripts: "driver render ..." (template.go) and
// "driver freeport", which prints a free loopback port.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("driver: ")
	var err error
	switch {
	case isBrowser():
		err = browse(os.Args[1:])
	case len(os.Args) > 1 && os.Args[1] == "render":
		err = renderCommand(os.Args[2:])
	case len(os.Args) > 2 && os.Args[1] == "client":
		os.Exit(client(os.Args[2:]))
	case len(os.Args) == 3 && os.Args[1] == "fetch":
		err = fetch(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "freeport":
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			fmt.Println(l.Addr().(*net.TCPAddr).Port)
			err = l.Close()
		}
	default:
		os.Exit(judge())
	}
	if err != nil {
		log.Fatal(err)
	}
}

// client starts a command on its own streams, as a client does that was started after the configuration was written.
func client(argv []string) int {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		log.Print(err)
		return 1
	}
	return 0
}
