// Package docker runs MCP servers in containers, through the Docker Engine API and never the docker command.
//
// What an entry asks for is given, or its server is not started and the error says why: there is no way from here to running
// it unconfined. A container gets no capability, cannot gain privileges, sees no file and no variable of this machine but
// what its entry names, writes no log on the engine, and is removed when its server has ended.
//
// An [Owner] stands for one running proxy. It notes on disk which engines it uses before it makes a container there, and holds a
// lock while it lives; what a crashed one has left is found by that note and removed by the next. Containers of an
// owner that lives are never touched by another, whatever they are called.
//
// Nothing here knows of MCP: a [Container] is three streams and a way to end it.
package docker
