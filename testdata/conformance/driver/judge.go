package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// judge runs one scenario: os.Args ends with the URL of the suite's server.
func judge() int {
	u := os.Args[len(os.Args)-1]
	scenario := os.Getenv("MCP_CONFORMANCE_SCENARIO")
	var cctx map[string]any
	json.Unmarshal([]byte(os.Getenv("MCP_CONFORMANCE_CONTEXT")), &cctx)
	dir, err := os.MkdirTemp("", "proxy-under-test-")
	if err != nil {
		log.Fatal(err)
	}
	if os.Getenv("DRIVER_KEEP") == "" {
		defer os.RemoveAll(dir)
	}
	str := func(k string) string { s, _ := cctx[k].(string); return s }
	kind := "http"
	if strings.HasPrefix(scenario, "auth/") {
		kind = "oauth"
	}
	l, err := render(kind, dir, fields{text: map[string]string{"url": u, "command": "",
		"client_id": str("client_id"), "client_secret": str("client_secret")}})
	if err != nil {
		log.Print(err)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		log.Print(err)
		return 1
	}
	shim := filepath.Join(dir, "bin")
	os.MkdirAll(shim, 0o755)
	for _, n := range browsers {
		os.Symlink(self, filepath.Join(shim, n))
	}
	env := append([]string{"PATH=" + shim + ":" + os.Getenv("PATH"), "BROWSER=" + shim + "/test-browser", "BROWSER_LOG=" + dir + "/browser.log", "LANG=C.UTF-8"}, l.env...)
	pass := os.Getenv("DRIVER_PASSENV")
	if pass == "" {
		pass = "GOCOVERDIR"
	}
	for _, k := range strings.Split(pass, ",") {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	// The proxy's configuration is older than its client, and lies outside of the folder that is open.
	work := filepath.Join(dir, "work")
	os.MkdirAll(work, 0o755)
	cmd := exec.Command(self, append([]string{"client"}, l.argv...)...)
	cmd.Env = env
	cmd.Dir = work
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	c := &conn{in: in, wait: map[string]chan rpc{}, change: make(chan struct{}, 1), dead: make(chan struct{})}
	if f := os.Getenv("DRIVER_LOG"); f != "" {
		c.logf, _ = os.OpenFile(f, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	}
	era := os.Getenv("DRIVER_ERA")
	c.modern = era == "modern" || era != "legacy" && os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION") >= "2026-07-28"
	go c.read(out)
	rc := 0
	fail := func(err error) {
		if err != nil {
			log.Print(scenario, ": ", err)
			rc = 1
		}
	}
	fail(run(c, scenario, cctx))
	if os.Getenv("LOGIN_ONLY") != "" {
		rc = 0
	}
	in.Close()
	t := time.AfterFunc(5*time.Second, func() { log.Print("the proxy did not exit on EOF; killed"); cmd.Process.Kill() })
	cmd.Wait()
	t.Stop()
	if len(l.after) > 0 {
		a := exec.Command(l.after[0], l.after[1:]...)
		a.Env, a.Dir = env, work
		a.Run()
	}
	return rc
}

func run(c *conn, scenario string, cctx map[string]any) error {
	wait := 15 * time.Second
	var n int
	if _, err := fmt.Sscan(os.Getenv("DRIVER_WAIT"), &n); err == nil {
		wait = time.Duration(n) * time.Second
	}
	if c.modern {
		_, err := c.call("server/discover", nil, 25*time.Second)
		if err != nil && !strings.Contains(err.Error(), `"code":-32601`) {
			return err
		}
		c.modern = err == nil // else on with initialize, as editors do
	}
	if !c.modern {
		if _, err := c.call("initialize", map[string]any{"protocolVersion": "2025-11-25", "capabilities": caps, "clientInfo": map[string]any{"name": "conformance-driver", "version": "1"}}, 25*time.Second); err != nil {
			return err
		}
		c.put(rpc{JSONRPC: "2.0", Method: "notifications/initialized"})
	}
	one := func(name string, args any) error {
		t, err := c.find(name, wait)
		if err != nil {
			return err
		}
		r, err := c.callTool(t.Name, args)
		if err == nil {
			log.Printf("%s -> %.300s", t.Name, r)
		}
		return err
	}
	none := map[string]any{}
	switch {
	case scenario == "initialize", scenario == "request-metadata", scenario == "json-schema-ref-no-deref":
		_, err := c.tools()
		time.Sleep(1500 * time.Millisecond) // let a lazy upstream connect
		return err
	case scenario == "tools_call":
		return one("add_numbers", map[string]any{"a": 5, "b": 3})
	case scenario == "elicitation-sep1034-client-defaults":
		return one("test_client_elicitation_defaults", none)
	case scenario == "sse-retry":
		return one("test_reconnection", none)
	case scenario == "json-schema-2020-12-preservation":
		t, err := c.find("json_schema_2020_12_tool", wait)
		if err != nil {
			return err
		}
		return one("json_schema_echo", map[string]any{"schema": t.InputSchema})
	case scenario == "sep-2322-client-request-state":
		for i, name := range []string{"test_mrtr_echo_state", "test_mrtr_no_state", "test_mrtr_unrelated", "test_mrtr_no_result_type"} {
			w := wait
			if i > 0 {
				w = time.Second
			}
			t, err := c.find(name, w)
			if err != nil {
				t.Name = name
			}
			if _, err := c.callTool(t.Name, none); err != nil {
				log.Print(err)
			}
		}
		return nil
	case scenario == "http-standard-headers":
		if t, err := c.find("", wait); err == nil {
			c.callTool(t.Name, none)
		}
		if r, err := c.call("resources/list", nil, 10*time.Second); err == nil {
			var l struct {
				Resources []struct {
					URI string `json:"uri"`
				} `json:"resources"`
			}
			json.Unmarshal(r, &l)
			if len(l.Resources) > 0 {
				c.call("resources/read", map[string]any{"uri": l.Resources[0].URI}, 10*time.Second)
			}
		}
		if r, err := c.call("prompts/list", nil, 10*time.Second); err == nil {
			var l struct {
				Prompts []struct {
					Name string `json:"name"`
				} `json:"prompts"`
			}
			json.Unmarshal(r, &l)
			if len(l.Prompts) > 0 {
				c.call("prompts/get", map[string]any{"name": l.Prompts[0].Name}, 10*time.Second)
			}
		}
		return nil
	case scenario == "http-custom-headers":
		l, _ := cctx["toolCalls"].([]any)
		for i, x := range l {
			m, _ := x.(map[string]any)
			name, _ := m["name"].(string)
			w := wait
			if i > 0 {
				w = time.Second
			}
			t, err := c.find(name, w)
			if err != nil {
				t.Name = name
			}
			if _, err := c.callTool(t.Name, m["arguments"]); err != nil {
				log.Print(err)
			}
		}
		return nil
	case scenario == "http-invalid-tool-headers":
		if _, err := c.find("", wait); err != nil {
			return err
		}
		l, err := c.tools()
		for _, t := range l {
			if _, err := c.callTool(t.Name, map[string]any{"region": "us-west1"}); err != nil {
				log.Print(err)
			}
		}
		return err
	case strings.HasPrefix(scenario, "auth/"):
		return one("test-tool", none)
	}
	return fmt.Errorf("unknown scenario %q", scenario)
}
