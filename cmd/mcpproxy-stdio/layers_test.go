package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// tiers of the packages: a lower one never imports a higher one.
var tiers = map[string]int{
	"confusables": 0, "jsonrpc": 0, "mcp": 0, "config": 0, "sandbox": 0, "secret": 0, "store": 0,
	"docker": 1, "launch": 1, "oauth": 1, "scan": 1, "scan/eval": 1, "transport": 1,
	"catalog": 2, "quarantine": 2, "upstream": 2,
	"session": 3,
	"hub":     4,
	"admin":   5,
	"builtin": 6, "front": 6,
	"cli": 7, "cli/process": 7,
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "../../pkg/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const root = "github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/"
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], root)
		if strings.HasPrefix(name, "mcptest") {
			continue
		}
		tier, known := tiers[name]
		if !known {
			t.Errorf("package %s has no tier: add it to the table", name)
		}
		for _, imported := range fields[1:] {
			other, ours := strings.CutPrefix(imported, root)
			if ours && (strings.HasPrefix(other, "mcptest") || tiers[other] > tier) {
				t.Errorf("%s (tier %d) imports %s (tier %d)", name, tier, other, tiers[other])
			}
		}
		// Its package starts what takes 3.4 ms in every process; see package builtin.
		for _, imported := range fields[1:] {
			if path.Base(path.Dir(imported)) == "mcp-go" && path.Base(imported) == "server" {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

func TestMainIsSmall(t *testing.T) {
	data, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n >= 30 {
		t.Errorf("main.go has %d lines; it calls package cli and does nothing else", n)
	}
}

// TestOnePlaceForHTTPClients: proxies and certificates are decided in oauth/outbound.go. The Docker engine and our own
// pages on 127.0.0.1 are reached in other ways.
func TestOnePlaceForHTTPClients(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{"oauth/outbound.go": true, "oauth/share.go": true, "docker/engine.go": true}
	root := os.DirFS("../../pkg")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "mcptest/") || allowed[name] {
			return err
		}
		data, err := fs.ReadFile(root, name)
		for _, word := range []string{"http.Transport{", "http.DefaultTransport", "http.DefaultClient", "http.ProxyFromEnvironment", "http.Get(", "http.Post("} {
			if strings.Contains(string(data), word) {
				t.Errorf("pkg/%s has %s; begin with oauth.NewTransport", name, word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
