package config

import "github.com/tailscale/hujson"

// serverOptions are the options of an entry, in the order of the documentation. What is not marked as aside is part of its launch.
var serverOptions = options[Server]{
	{
		name: "name", required: "yes", aside: true, person: true,
		meaning: "unique identifier",
		more: ", also with slashes, dots and spaces (`io.github.someone/notes`); " +
			"it becomes part of the names of tools",
		field: func(s *Server) any { return &s.Name },
	},
	{
		name: "command", takes: "array", required: "stdio",
		meaning: "the program to run", more: "; no shell is involved",
		field: func(s *Server) any { return &s.Command }, read: (*entry).command, refs: true, local: true,
	},
	{
		name:    "args",
		meaning: "its arguments",
		field:   func(s *Server) any { return &s.Args }, read: (*entry).args, refs: true, local: true,
	},
	{
		name: "url", required: "http",
		meaning: "server URL: https, or http on loopback",
		field:   func(s *Server) any { return &s.URL }, read: (*entry).url, refs: true, remote: true,
	},
	{
		name:    "allow_http",
		meaning: "allow plain http to other machines; default `false`",
		field:   func(s *Server) any { return &s.AllowInsecure }, remote: true,
	},
	{
		name: "protocol", loose: true, values: []string{ProtocolStdio, ProtocolHTTP, ProtocolSSE},
		meaning: "`stdio`, `http`, or `sse` for old servers; default: inferred from `command` or `url`",
		more:    "; `http` is streamable HTTP",
		field:   func(s *Server) any { return &s.Protocol }, read: (*entry).protocol,
		get: func(s *Server) any { return s.Protocol },
	},
	{
		name: "enabled", standard: true, aside: true, person: true,
		meaning: "default `true`",
		field:   func(s *Server) any { return &s.Enabled },
		read:    func(e *entry, _ *Server, v hujson.Value) { e.switched(v, e.boolean(v, false)) },
	},
	{
		name:    "working_dir",
		meaning: "directory for stdio servers; default: the workspace",
		more: ". One written relative, or with `${workspaceFolder}`, " +
			"[has to lie in the workspace](#isolation)",
		field: func(s *Server) any { return &s.Dir }, read: (*entry).workingDir, refs: true, local: true,
	},
	{
		name:    "env",
		meaning: "environment to pass, on top of a [short allow-list](#security)",
		field:   func(s *Server) any { return &s.Env }, read: (*entry).env, get: (*Server).environment,
		refs: true, local: true,
	},
	{
		name:    "env_file",
		meaning: "file with more variables, `NAME=VALUE` in each line; relative to the configuration file; `env` wins",
		more: ", and variables that decide what is run (`PATH`, `NODE_OPTIONS`, `npm_config_*` …) " +
			"are not taken from it",
		field: func(s *Server) any { return &s.EnvFile }, read: (*entry).envFile, refs: true, local: true,
	},
	{
		name:    "headers",
		meaning: "HTTP headers to send",
		field:   func(s *Server) any { return &s.Headers }, read: (*entry).headers, refs: true, purpose: "header", remote: true,
	},
	{
		name: "start", values: []string{StartLazy, StartEager}, standard: StartLazy, aside: true,
		meaning: "`lazy` (default): when first needed; `eager`: at once",
		more:    ", with the client, and again when it ends",
		field:   func(s *Server) any { return &s.Start },
	},
	{
		name: "start_timeout", standard: DefaultStartTimeout, aside: true,
		meaning: "how long a start may go without a sign of life; default 60 s",
		more:    ". Output is one; on Linux work of its processes is too",
		field:   func(s *Server) any { return &s.StartTimeout },
	},
	{
		name: "start_wait", standard: DefaultStartWait, aside: true,
		meaning: "how long a call waits for a start; default 45 s",
		more:    ". The start goes on after that",
		field:   func(s *Server) any { return &s.StartWait },
	},
	{
		name: "call_timeout", aside: true,
		meaning: "longest call; default none", more: ". It is counted from the call's last progress",
		field: func(s *Server) any { return &s.CallTimeout },
	},
	{
		name: "idle_timeout", aside: true,
		meaning: "stop after this long without a call; default none",
		field:   func(s *Server) any { return &s.IdleTimeout },
	},
	{
		name: "quarantined", aside: true, person: true, broken: true,
		meaning: "hold the server back until a person approves it; default `false`",
		more:    ". Taking the line out approves nothing",
		field:   func(s *Server) any { return &s.Quarantined },
	},
	{
		name: "tool_changes", values: []string{ToolChangesReview, ToolChangesAuto}, standard: ToolChangesReview,
		aside: true, person: true,
		meaning: "`review` (default): changed tools are used as approved, or held back until approved; `auto`: they are not",
		more:    ", unless they [look hostile](#review-and-approval)",
		field:   func(s *Server) any { return &s.ToolChanges },
	},
	{
		name: "enabled_tools", aside: true, emptyCounts: true,
		meaning: "only these tools; `*` matches any text",
		field:   func(s *Server) any { return &s.EnabledTools }, read: (*entry).enabledTools,
	},
	{
		name: "disabled_tools", aside: true,
		meaning: "never these tools; `*` matches any text",
		field:   func(s *Server) any { return &s.DisabledTools },
		read:    func(e *entry, s *Server, v hujson.Value) { s.DisabledTools = e.tools(v) },
	},
	{
		name: "oauth",
		meaning: "login, for servers that want another one than the default: " +
			"`client_id`, `client_secret`, `scopes`, `account` and more",
		more:  ": [see below](#the-options-of-oauth)",
		field: func(s *Server) any { return &s.OAuth }, read: (*entry).oauth,
	},
	{
		name: "isolation", takes: "string",
		meaning: "[confinement](#isolation): `type` (docker, sandbox, auto or none), " +
			"`image`, `memory_limit`, `cpu_limit`, `network`, `mounts`, `working_dir` and more",
		more:  ": [see below](#the-options-of-isolation)",
		field: func(s *Server) any { return &s.Isolation }, read: (*entry).isolation,
	},
}
