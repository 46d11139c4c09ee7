package upstream

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// TestRevisionRefused: a server that refuses a revision instead of negotiating is asked for another, and next time for that one at once.
func TestRevisionRefused(t *testing.T) {
	refuse := func(c *scripted, id, err string) { c.say(`{"jsonrpc":"2.0","id":` + id + `,"error":` + err + `}`) }
	failed := func(c *scripted, id string, err error) {
		c.in <- transport.Inbound{Failed: &transport.Failed{ID: []byte(id), Err: err}}
	}
	for name, one := range map[string]struct {
		knows string
		no    func(c *scripted, id, version string)
		asked string // in order, of the first start and the second
	}{
		"data": {"2025-06-18", func(c *scripted, id, _ string) {
			refuse(c, id, `{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2025-06-18"]}}`)
		}, "2025-11-25 2025-06-18 2025-06-18"},
		"data, the oldest": {"2024-11-05", func(c *scripted, id, v string) {
			refuse(c, id, `{"code":-32602,"message":"x","data":{"requested":"`+v+`","supported":["2024-11-05"]}}`)
		}, "2025-11-25 2024-11-05 2024-11-05"},
		"invalid params": {"2025-03-26", func(c *scripted, id, _ string) { refuse(c, id, `{"code":-32602,"message":"Invalid params"}`) },
			"2025-11-25 2025-06-18 2025-03-26 2025-03-26"},
		"a message": {"2024-11-05", func(c *scripted, id, v string) {
			refuse(c, id, `{"code":-32000,"message":"protocol version `+v+` is not supported; use 2024-11-05"}`)
		}, "2025-11-25 2024-11-05 2024-11-05"},
		"an error that is text": {"2025-06-18", func(c *scripted, id, v string) { refuse(c, id, `"bad protocolVersion"`) }, "2025-11-25 2025-06-18 2025-06-18"},
		"HTTP 400": {"2025-06-18", func(c *scripted, id, v string) {
			failed(c, id, &transport.StatusError{Code: 400, Status: "400 Bad Request"})
		},
			"2025-11-25 2025-06-18 2025-06-18"},
		"HTTP 400 with a text": {"2025-03-26", func(c *scripted, id, v string) {
			failed(c, id, &transport.StatusError{Code: 400, Status: "400 Bad Request", Excerpt: "supported: 2025-03-26"})
		}, "2025-11-25 2025-03-26 2025-03-26"},
		"and ends": {"2025-06-18", func(c *scripted, id, v string) {
			refuse(c, id, `{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2025-06-18"]}}`)
			c.die(errBoom)
		}, "2025-11-25 2025-06-18 2025-06-18 2025-06-18"}, // the second of them may be lost
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string // by one goroutine at a time
			s := &script{}
			s.initialize = func(c *scripted, id, version string) bool {
				if asked = append(asked, version); version == one.knows {
					return false
				}
				one.no(c, id, version)
				return true
			}
			in, _ := newServer(t, s, nil)
			works(t, in)
			s.last().die(errBoom)
			until(t, "the end is noted", func() bool { return in.Status().State != Ready })
			works(t, in)
			in.Close(0)
			got := strings.Join(slices.DeleteFunc(asked, func(v string) bool { return v == "" }), " ")
			if got != one.asked && got != strings.TrimSuffix(one.asked, " "+one.knows) {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

// TestOtherRefusals are told as they are; a server that knows no revision of ours is not asked for ever.
func TestOtherRefusals(t *testing.T) {
	for refusal, want := range map[string]int{
		`{"code":-32603,"message":"no API key"}`:                            1,
		`{"code":-32601,"message":"Method not found"}`:                      1,
		`{"code":-32602,"message":"Unsupported protocol version"}`:          4,
		`{"code":-32602,"message":"x","data":{"supported":["1999-01-01"]}}`: 4,
	} {
		n := 0
		s := &script{initialize: func(c *scripted, id, _ string) bool {
			n++
			c.say(`{"jsonrpc":"2.0","id":` + id + `,"error":` + refusal + `}`)
			return true
		}}
		in, _ := newServer(t, s, nil)
		_, out := do(t, in, "x/ask")
		o := wait(t, out)
		var e *Error
		if !errors.As(o.err, &e) || !strings.Contains(o.err.Error(), "refused initialize") || n != want || want > 1 != strings.Contains(o.err.Error(), "2025-11-25, 2025-06-18") {
			t.Errorf("%s: asked %d times, %v", refusal, n, o.err)
		}
	}
}
