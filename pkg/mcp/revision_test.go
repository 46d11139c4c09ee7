package mcp

import (
	"strings"
	"testing"
)

func TestNextRevision(t *testing.T) {
	for _, one := range []struct {
		tried, said string
		certain     bool
		want        string
	}{
		{"2025-11-25", `{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2025-06-18"],"requested":"2025-11-25"}}`, true, "2025-06-18"},
		{"2025-11-25", `{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2024-11-05","2025-03-26"]}}`, true, "2025-03-26"},
		{"2025-11-25", `Bad Request: Unsupported protocol version (supported versions: 2025-06-18, 2025-03-26, 2024-11-05, 2024-10-07)`, false, "2025-06-18"},
		{"2024-11-05", `only 2025-06-18 is spoken here`, false, "2025-06-18"},
		{"2025-11-25", `{"code":-32602,"message":"Invalid params"}`, true, "2025-06-18"},
		{"2025-11-25 2025-06-18", `{"code":-32602,"message":"Invalid params"}`, true, "2025-03-26"},
		{"2025-11-25 2025-06-18 2025-03-26 2024-11-05", `{"code":-32602,"message":"Invalid params"}`, true, ""},
		{"2025-11-25", `{"code":-32000,"message":"Protocol Version 2025-11-25 is unknown"}`, false, "2025-06-18"},
		{"2025-11-25", `{"code":-32000,"message":"bad revision"}`, false, "2025-06-18"},
		{"2025-11-25 2025-06-18", `{"message":"version","data":{"supported":["2025-06-18"]}}`, true, "2025-03-26"},
		{"2025-11-25", `{"message":"we speak 2023-01-01","data":{}}`, false, "2025-06-18"},
		{"2025-11-25", `{"code":-32603,"message":"no such file"}`, false, ""},
		{"2025-11-25", `{"code":-32001,"message":"Unauthorized"}`, false, ""},
		{"2024-11-05", `{"code":-32602,"message":"Invalid params"}`, true, ""},
	} {
		if got := NextRevision(strings.Fields(one.tried), one.said, one.certain); got != one.want {
			t.Errorf("%s, %s: %q, not %q", one.tried, one.said, got, one.want)
		}
	}
}
