// Package mcptest has scripted MCP peers for tests: an upstream that runs as a
// child process ([Main], [Command]) or over a pipe ([Serve], [Pipe]), the same
// upstream as an HTTP peer ([NewHTTP]), a raw client ([Start]), checks for what
// was left running ([CheckGoroutines], [WaitGone]), and recorded traffic of real
// clients ([ReadTranscript], [Replay]). For logins there are a real authorization server
// ([NewTestbed]) and the person's browser ([Browser], [NewBrowserProgram]). For
// containers there are real Docker engines ([SharedEngine], [NewEngine]), reached by
// TLS or SSH where wanted ([WithTLS], [Engine.NewSSHD]), and one that misbehaves
// ([NewFakeEngine]).
//
// It exists because a proxy is judged by bytes: everything here writes its JSON
// by hand and keeps what it received as it came, so that a test can say what was
// relayed and not what some decoder made of it. Misbehaviour is a named [Fault]
// or a tool, never a matter of luck; a server that is honest until it is trusted has a [Rug].
//
// It does not speak revision 2026-07-28, does not check what a client sends
// against a schema, and imports no other package of this project. Processes it
// starts end by themselves after [Lifetime], so that a failed test leaves
// nothing behind for good.
package mcptest
