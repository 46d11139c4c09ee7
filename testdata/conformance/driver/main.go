// driver starts the proxy under test for the kit's scripts: "driver render ..." (template.go)
// fills the template, and "driver freeport" prints a free loopback port.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("driver: ")
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "render":
		err = renderCommand(os.Args[2:])
	case len(os.Args) == 2 && os.Args[1] == "freeport":
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			fmt.Println(l.Addr().(*net.TCPAddr).Port)
			err = l.Close()
		}
	default:
		err = fmt.Errorf("usage: driver render stdio|http DIR COMMAND-or-URL [ARGS] | driver freeport")
	}
	if err != nil {
		log.Fatal(err)
	}
}
