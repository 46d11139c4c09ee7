package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type rpc struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// conn is the editor's side of the proxy's stdin and stdout.
type conn struct {
	in     io.WriteCloser
	mu     sync.Mutex
	wait   map[string]chan rpc
	n      atomic.Int64
	logf   *os.File
	modern bool
	change chan struct{}
	dead   chan struct{}
}

func (c *conn) log(dir string, b []byte) {
	if c.logf != nil {
		fmt.Fprintf(c.logf, "%s %s %s %s\n", time.Now().Format("15:04:05.000"), os.Getenv("MCP_CONFORMANCE_SCENARIO"), dir, b)
	}
}

func (c *conn) put(v any) {
	b, _ := json.Marshal(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log(">", b)
	c.in.Write(append(b, '\n'))
}

var caps = json.RawMessage(`{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}`)

func (c *conn) call(method string, params map[string]any, timeout time.Duration) (json.RawMessage, error) {
	if params == nil {
		params = map[string]any{}
	}
	if c.modern {
		m, _ := params["_meta"].(map[string]any)
		if m == nil {
			m = map[string]any{}
		}
		m["io.modelcontextprotocol/protocolVersion"] = "2026-07-28"
		m["io.modelcontextprotocol/clientCapabilities"] = caps
		m["io.modelcontextprotocol/clientInfo"] = map[string]any{"name": "conformance-driver", "version": "1"}
		params["_meta"] = m
	}
	id := fmt.Sprintf(`"d-%d"`, c.n.Add(1))
	ch := make(chan rpc, 1)
	c.mu.Lock()
	c.wait[id] = ch
	c.mu.Unlock()
	p, _ := json.Marshal(params)
	c.put(rpc{JSONRPC: "2.0", ID: json.RawMessage(id), Method: method, Params: p})
	select {
	case r := <-ch:
		if len(r.Error) > 0 {
			return nil, fmt.Errorf("%s: %s", method, r.Error)
		}
		return r.Result, nil
	case <-c.dead:
		return nil, fmt.Errorf("%s: the proxy closed its output", method)
	case <-time.After(timeout):
		return nil, fmt.Errorf("%s: no answer in %v", method, timeout)
	}
}

// answer fills an elicitation with the schema's defaults, as a client must
// under SEP-1034, and gives canned sampling and roots answers.
func answer(method string, params json.RawMessage) any {
	switch method {
	case "elicitation/create":
		var p struct {
			Schema struct {
				Properties map[string]struct {
					Default json.RawMessage   `json:"default"`
					Type    string            `json:"type"`
					Enum    []json.RawMessage `json:"enum"`
				} `json:"properties"`
				Required []string `json:"required"`
			} `json:"requestedSchema"`
		}
		json.Unmarshal(params, &p)
		content := map[string]any{}
		for k, v := range p.Schema.Properties {
			switch {
			case len(v.Default) > 0:
				content[k] = v.Default
			case len(v.Enum) > 0:
				content[k] = v.Enum[0]
			case v.Type == "boolean":
				content[k] = true
			case v.Type == "integer" || v.Type == "number":
				content[k] = 1
			default:
				content[k] = "test"
			}
		}
		return map[string]any{"action": "accept", "content": content}
	case "sampling/createMessage":
		return map[string]any{"role": "assistant", "model": "test-model", "stopReason": "endTurn", "content": map[string]any{"type": "text", "text": "ok"}}
	case "roots/list":
		return map[string]any{"roots": []any{map[string]any{"uri": "file:///tmp", "name": "tmp"}}}
	case "ping":
		return map[string]any{}
	}
	return nil
}

func (c *conn) read(r io.Reader) {
	defer close(c.dead)
	br := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := br.ReadBytes('\n')
		line = bytes.TrimSpace(line)
		if len(line) > 0 {
			c.mu.Lock()
			c.log("<", line)
			c.mu.Unlock()
			var m rpc
			if e := json.Unmarshal(line, &m); e != nil {
				log.Printf("proxy wrote something that is not JSON: %.200s", line)
			} else if m.Method != "" && len(m.ID) > 0 {
				if a := answer(m.Method, m.Params); a != nil {
					b, _ := json.Marshal(a)
					c.put(rpc{JSONRPC: "2.0", ID: m.ID, Result: b})
				} else {
					c.put(rpc{JSONRPC: "2.0", ID: m.ID, Error: json.RawMessage(`{"code":-32601,"message":"Method not found"}`)})
				}
			} else if m.Method != "" {
				if strings.HasSuffix(m.Method, "list_changed") {
					select {
					case c.change <- struct{}{}:
					default:
					}
				}
			} else {
				c.mu.Lock()
				ch := c.wait[string(m.ID)]
				delete(c.wait, string(m.ID))
				c.mu.Unlock()
				if ch != nil {
					ch <- m
				}
			}
		}
		if err != nil {
			return
		}
	}
}

type tool struct {
	Name        string          `json:"name"`
	InputSchema json.RawMessage `json:"inputSchema"`
}

func (c *conn) tools() ([]tool, error) {
	var all []tool
	cursor := ""
	for i := 0; i < 20; i++ {
		p := map[string]any{}
		if cursor != "" {
			p["cursor"] = cursor
		}
		r, err := c.call("tools/list", p, 20*time.Second)
		if err != nil {
			return nil, err
		}
		var l struct {
			Tools  []tool  `json:"tools"`
			Cursor *string `json:"nextCursor"`
		}
		if err := json.Unmarshal(r, &l); err != nil {
			return nil, err
		}
		all = append(all, l.Tools...)
		if l.Cursor == nil {
			break
		}
		cursor = *l.Cursor
	}
	return all, nil
}

// find waits until a tool called name, or ending in name, is listed.
func (c *conn) find(name string, wait time.Duration) (tool, error) {
	end := time.Now().Add(wait)
	for {
		l, err := c.tools()
		for _, t := range l {
			if t.Name == name || strings.HasSuffix(t.Name, name) {
				return t, nil
			}
		}
		if time.Now().After(end) {
			return tool{}, fmt.Errorf("tool %q not listed (%d tools, err %v)", name, len(l), err)
		}
		select {
		case <-c.change:
		case <-c.dead:
			return tool{}, fmt.Errorf("the proxy closed its output")
		case <-time.After(400 * time.Millisecond):
		}
	}
}

func (c *conn) callTool(name string, args any) (json.RawMessage, error) {
	p := map[string]any{"name": name, "arguments": args}
	for i := 0; i < 5; i++ {
		r, err := c.call("tools/call", p, 25*time.Second)
		if err != nil {
			return nil, err
		}
		var ir struct {
			Type  string                     `json:"resultType"`
			Reqs  map[string]json.RawMessage `json:"inputRequests"`
			State *string                    `json:"requestState"`
		}
		json.Unmarshal(r, &ir)
		if ir.Type != "input_required" {
			return r, nil
		}
		resp := map[string]any{}
		for k, q := range ir.Reqs {
			var m rpc
			json.Unmarshal(q, &m)
			resp[k] = answer(m.Method, m.Params)
		}
		p = map[string]any{"name": name, "arguments": args, "inputResponses": resp}
		if ir.State != nil {
			p["requestState"] = *ir.State
		}
	}
	return nil, fmt.Errorf("too many input rounds")
}
