// Package jsonrpc is the raw JSON-RPC 2.0 layer of the data plane: it splits a message into the bytes
// of its members without decoding them, and frames messages on byte streams.
//
// Nothing here turns a message into Go values and back: what a peer wrote (key order, escapes, numbers
// above 2^53, unknown members) is what the other peer reads. Only an id, a name or a token is replaced,
// by splicing bytes. MCP's own vocabulary is not known here; see package mcp.
package jsonrpc
