package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// template is proxy.json: how the proxy under test is started and configured.
type template struct {
	Command    []any             `json:"command"` // strings; a list among them is left out if a field in it is empty
	After      []any             `json:"after"`
	Env        map[string]string `json:"env"`
	Prefix     string            `json:"prefix"`
	ConfigName string            `json:"config_name"`
	Stdio      any               `json:"stdio"`
	HTTP       any               `json:"http"`
	OAuth      any               `json:"oauth"`
}

// launch is a filled template: everything that is needed to start the proxy.
type launch struct {
	argv, after, env []string
	prefix           string
}

// fields are the values that may stand in braces in the template. "args" is a list.
type fields struct {
	text map[string]string
	args []string
}

func (f fields) fill(s string) string {
	for k, v := range f.text {
		s = strings.ReplaceAll(s, "{"+k+"}", v)
	}
	return s
}

func (f fields) list(in []any) []string {
	var out []string
	for _, x := range in {
		switch x := x.(type) {
		case string:
			if x == "{args}" {
				out = append(out, f.args...)
			} else {
				out = append(out, f.fill(x))
			}
		case []any:
			if l := f.list(x); !slices.Contains(l, "") {
				out = append(out, l...)
			}
		}
	}
	return out
}

// value fills a configuration. A member that is a field without a value is left out.
func (f fields) value(v any) any {
	switch v := v.(type) {
	case string:
		if v == "{args}" {
			return append([]string{}, f.args...)
		}
		return f.fill(v)
	case []any:
		out := []any{}
		for _, x := range v {
			out = append(out, f.value(x))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			y := f.value(x)
			if s, ok := x.(string); ok && s != "" && y == "" {
				continue
			}
			out[k] = y
		}
		return out
	}
	return v
}

// render writes the configuration into dir and returns how to start the proxy.
// kind is stdio, http or oauth; dir becomes the proxy's home.
func render(kind, dir string, f fields) (*launch, error) {
	name := os.Getenv("PROXY_TEMPLATE")
	if name == "" {
		return nil, fmt.Errorf("PROXY_TEMPLATE is not set")
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var t template
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.ConfigName == "" {
		t.ConfigName = "config.json"
	}
	proxy := os.Getenv("PROXY")
	if proxy == "" && strings.Contains(string(b), `"{proxy}"`) {
		return nil, fmt.Errorf("PROXY (path of the proxy's binary) is not set")
	}
	cfg := filepath.Join(dir, t.ConfigName)
	for k, v := range map[string]string{"proxy": proxy, "dir": dir, "config": cfg, "kit": filepath.Dir(name),
		"install": os.Getenv("CONFORMANCE_DIR"), "node": os.Getenv("NODE")} {
		f.text[k] = v
	}
	body := map[string]any{"stdio": t.Stdio, "http": t.HTTP, "oauth": t.OAuth}[kind]
	if body != nil {
		b, _ := json.MarshalIndent(f.value(body), "", "  ")
		if err := os.WriteFile(cfg, append(b, '\n'), 0o600); err != nil {
			return nil, err
		}
	}
	l := &launch{argv: f.list(t.Command), after: f.list(t.After), prefix: t.Prefix}
	for _, d := range []string{"run", "tmp", ".config", ".state", ".cache", ".share"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	l.env = []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir + "/.config", "XDG_STATE_HOME=" + dir + "/.state", "XDG_CACHE_HOME=" + dir + "/.cache",
		"XDG_DATA_HOME=" + dir + "/.share", "XDG_RUNTIME_DIR=" + dir + "/run", "TMPDIR=" + dir + "/tmp"}
	for k, v := range t.Env {
		l.env = append(l.env, k+"="+f.fill(v))
	}
	return l, nil
}

func quote(argv []string) string {
	var out []string
	for _, s := range argv {
		out = append(out, "'"+strings.ReplaceAll(s, "'", `'\''`)+"'")
	}
	return strings.Join(out, " ")
}

// renderCommand is "driver render stdio DIR COMMAND [ARGS]" and "driver render http DIR URL":
// it prints shell assignments for the scripts.
func renderCommand(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: driver render stdio|http DIR COMMAND-or-URL [ARGS]")
	}
	f := fields{text: map[string]string{"url": "", "command": "", "client_id": "", "client_secret": ""}}
	if args[0] == "stdio" {
		f.text["command"], f.args = args[2], args[3:]
	} else {
		f.text["url"] = args[2]
	}
	l, err := render(args[0], args[1], f)
	if err != nil {
		return err
	}
	env := append([]string{"env"}, l.env...)
	fmt.Printf("PROXY_LINE=%s\n", quote([]string{quote(append(env, l.argv...))}))
	after := ""
	if len(l.after) > 0 {
		after = quote(append(env, l.after...))
	}
	fmt.Printf("PROXY_AFTER=%s\nPROXY_PREFIX=%s\n", quote([]string{after}), quote([]string{l.prefix}))
	return nil
}
