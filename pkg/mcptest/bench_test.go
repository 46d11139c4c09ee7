package mcptest

import (
	"encoding/json"
	"testing"
)

// What a call costs between this client and the scripted upstream, as the floor
// under what is measured through a proxy.
func BenchmarkDirect(b *testing.B) {
	echo := json.RawMessage(`{"name":"echo","arguments":{"message":"hello, world"},"_meta":{"progressToken":1}}`)
	c := StartServer(b, Server{}, Unrecorded())
	c.Initialize("", "")
	b.Run("echo", func(b *testing.B) {
		for b.Loop() {
			c.Call("tools/call", echo)
		}
	})
	b.Run("echo-32", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Call("tools/call", echo)
			}
		})
	})
	b.Run("10MiB", func(b *testing.B) {
		b.SetBytes(10 << 20)
		for b.Loop() {
			c.Call("tools/call", json.RawMessage(`{"name":"bytes","arguments":{"n":10485760}}`))
		}
	})
}
