// Package launch knows what a server's command line starts.
//
// Many servers are started by a runner: npx, uvx, python -m and the like fetch or find a program and start it. A runner takes orders
// from the directory that it runs in (.npmrc, node_modules/.bin, bunfig.toml, MODULE.py …), and that directory is whatever workspace is
// open. The rule here is: the directory a server works in gives no orders to what starts it.
//
// [Parse] says what a command line asks of a runner; it reads the words and nothing else, and it is the one list of runners. Whoever
// wants to know whether a command is a runner, what it fetches and which of its arguments are code on this machine asks it.
//
// It does not start anything, and it does not decide whether a server may be started.
package launch
