package catalog

import (
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// TestWithoutNulls: the TypeScript SDK refuses a result for an optional member that is null.
func TestWithoutNulls(t *testing.T) {
	for _, one := range []struct{ method, in, want string }{ // want is "" for what stays
		{"tools/call", `{"content":[{"type":"text","text":"x","annotations":null,"_meta":null}],"structuredContent":null,"isError":null}`, `{"content":[{"type":"text","text":"x"}]}`},
		{"tools/call", `{"content":[{"type":"resource","resource":{"uri":"x:1","text":"","mimeType":null,"_meta":null}}]}`, `{"content":[{"type":"resource","resource":{"uri":"x:1","text":""}}]}`},
		{"tools/call", `{"content":[{"type":"resource_link","uri":"x:1","name":"n","title":null,"description":null,"size":null,"icons":null}]}`,
			`{"content":[{"type":"resource_link","uri":"x:1","name":"n"}]}`},
		{"prompts/get", `{"description":null,"messages":[{"role":"user","content":{"type":"text","text":"x","annotations":null}}]}`,
			`{"messages":[{"role":"user","content":{"type":"text","text":"x"}}]}`},
		{"resources/read", `{"contents":[{"mimeType":null,"uri":"x:1","text":""}]}`, `{"contents":[{"uri":"x:1","text":""}]}`},
		{"completion/complete", `{"completion":{"values":[],"total":null,"hasMore":null}}`, `{"completion":{"values":[]}}`},
		{"tools/call", `{"content":[],"structuredContent":{"a":null,"isError":null},"own":null}`, ""},
		{"tools/call", `{"content":[{"type":"text","text":null}]}`, ""},
		{"tools/call", `{"content":"null","structuredContent":null}`, ""},
		{"tools/call", `{"content":[{"type":"text","text":"null"}],"isError":false}`, ""},
		{"tasks/get", `{"isError":null}`, ""},
	} {
		m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"result":` + one.in + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if one.want == "" {
			one.want = one.in
		}
		if got := WithoutNulls(one.method, &m); string(got.Bytes(got.Result)) != one.want {
			t.Errorf("%s %s:\nwant %s\n got %s", one.method, one.in, one.want, got.Raw)
		}
	}
}
