package mcp

import (
	"errors"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// TestTidy: the TypeScript SDK drops a message that does not fit the schema, and waits on. What says nothing is taken out, the rest is
// refused.
func TestTidy(t *testing.T) {
	for in, want := range map[string]string{ // "" is refused
		`{"jsonrpc":"2.0","id":1,"result":{"content":[],"_meta":{"a":null}}}`:                                 `{"jsonrpc":"2.0","id":1,"result":{"content":[],"_meta":{"a":null}}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"content":[],"_meta":null}}`:                                       `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":null,"content":[null]},"error":null,"x":1}`:                `{"jsonrpc":"2.0","id":1,"result":{"content":[null]}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"progressToken":null,"b":1}}}`:                            `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"b":1}}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":null}}}`:           `{"jsonrpc":"2.0","id":1,"result":{"_meta":{}}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}}`: `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"roots/list","params":null}`:                                        `{"jsonrpc":"2.0","id":1,"method":"roots/list"}`,
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"_meta":null,"level":"info"},"time":5}`:  `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x","y":1},"result":null}`:                       `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x","y":1}}`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":7}}}`:                        `{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":7}}}`,

		`{"jsonrpc":"2.0","id":1,"result":null}`:                                                            "",
		`{"jsonrpc":"2.0","id":1,"result":[]}`:                                                              "",
		`{"jsonrpc":"2.0","id":1,"result":"ok"}`:                                                            "",
		`{"jsonrpc":"2.0","id":1,"result":true}`:                                                            "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":[]}}`:                                                    "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":"x"}}`:                                                   "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"progressToken":{}}}}`:                                  "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"progressToken":1.5}}}`:                                 "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":"t"}}}`:          "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{}}}}`:           "",
		`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":1}}}}`: "",
		`{"jsonrpc":"2.0","id":1,"method":"roots/list","params":[]}`:                                        "",
		`{"jsonrpc":"2.0","id":1,"method":"roots/list","params":"x"}`:                                       "",
		`{"jsonrpc":"2.0","method":"notifications/message","params":7}`:                                     "",
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"_meta":7}}`:                           "",
	} {
		m := parse(t, in)
		err := Tidy(m)
		switch {
		case want == "" && !errors.Is(err, jsonrpc.ErrInvalid):
			t.Errorf("%s: %v", in, err)
		case want != "" && (err != nil || string(m.Raw) != want):
			t.Errorf("%s:\nwant %s\n got %s %v", in, want, m.Raw, err)
		}
	}
}
