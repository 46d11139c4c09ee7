// Package transport carries messages to and from one upstream: a child process or a container over
// stdio, or a remote server over streamable HTTP or the older HTTP+SSE transport. A file each.
//
// A transport moves bytes. It knows which request of ours waits for an answer, because HTTP ties the two
// together, and nothing else about MCP: no negotiation, no retries of calls, no restarts. What to do with
// a lost connection is for the supervisor above it (package upstream) to decide; a transport says what
// happened, and whether the upstream can have seen the message.
//
// What comes in is never decoded: a message leaves Recv as the bytes it arrived in, on one line.
// Headers, session ids and the paths and queries of URLs may be secrets and occur in no error and no log.
package transport
