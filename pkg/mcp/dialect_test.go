package mcp

import (
	"errors"
	"strings"
	"testing"
)

// TestOpen: what a client says of itself goes with each of its requests, and what it may not ask is refused under its id.
func TestOpen(t *testing.T) {
	d := &Dialect{}
	for _, one := range []struct {
		raw  string
		code int
		text string
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, 0, ""},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, InvalidRequest, "Invalid request: the first request must be initialize"},
		{`{"jsonrpc":"2.0","id":1,"method":"server/discover"}`, MethodNotFound, "Method not found"},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"n"}}}`, 0, ""},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05"}}`, InvalidRequest, "Invalid request: already initialized"},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}`, InvalidParams, ""},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`, 0, ""},
	} {
		r, err := d.Open(parse(t, one.raw))
		var refused *Error
		if errors.As(err, &refused) != (one.code != 0) || refused != nil && (refused.Code != one.code || one.text != "" && refused.Text != one.text) {
			t.Errorf("%s: %v", one.raw, err)
		}
		if string(r.Bytes(r.ID)) != "1" || r.Client != d.Client() {
			t.Errorf("%s: %+v", one.raw, r)
		}
	}
	c := d.Client()
	if c.Revision != "2025-06-18" || c.Name() != "n" || !c.CanAskForm() || c.CanAskURL() || c.Can("roots") || c.Rules().Tasks || !c.Rules().Completions {
		t.Errorf("%+v", c)
	}
}

// TestIntroduced: a client that says nothing of itself, or nothing that can be used, can do what all can.
func TestIntroduced(t *testing.T) {
	for _, params := range []string{``, `{}`, `[]`, `{"protocolVersion":7,"capabilities":[],"clientInfo":"x"}`, `{"protocolVersion":"1999-01-01"}`} {
		c := introduced([]byte(params))
		if c.Revision != Latest || string(c.Capabilities) != "{}" || c.Name() != "unknown" {
			t.Errorf("%s: %+v", params, c)
		}
	}
	var nobody *Client
	if nobody.Can("roots") || nobody.CanAskForm() || nobody.Name() != "" || nobody.Rules() != (Rules{}) {
		t.Error("who has not said anything can do nothing")
	}
}

func TestAsking(t *testing.T) {
	for capabilities, want := range map[string][2]bool{ // forms, addresses
		`{}`:                                      {},
		`{"elicitation":null}`:                    {},
		`{"elicitation":{}}`:                      {true, false},
		`{"elicitation":{"form":{}}}`:             {true, false},
		`{"elicitation":{"url":{}}}`:              {false, true},
		`{"elicitation":{"form":{},"url":{}}}`:    {true, true},
		`{"elicitation":{"form":{},"url":false}}`: {true, false},
	} {
		c := &Client{Capabilities: []byte(capabilities)}
		if got := [2]bool{c.CanAskForm(), c.CanAskURL()}; got != want {
			t.Errorf("%s: %v", capabilities, got)
		}
	}
}

// TestRules: the table of what the revisions differ in has each of them.
func TestRules(t *testing.T) {
	if len(rules) != len(Revisions) {
		t.Errorf("%d rules for %d revisions", len(rules), len(Revisions))
	}
	for i, revision := range Revisions {
		r := rules[revision]
		if r.Batches != (i == 1) || r.Completions != (i >= 1) || r.VersionHeader != (i >= 1) || r.Tasks != (i == 3) {
			t.Errorf("%s: %+v", revision, r)
		}
	}
}

func TestDeclares(t *testing.T) {
	caps := []byte(`{"tools":{"listChanged":true},"prompts":{"listChanged":false},"logging":{},"x":null,"n":0}`)
	for path, want := range map[string]bool{"tools": true, "tools listChanged": true, "prompts": true, "prompts listChanged": false, "logging": true,
		"logging x": false, "x": false, "n": true, "absent": false} {
		if got := Declares(caps, strings.Fields(path)...); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if Declares(nil, "tools") || Declares([]byte(`[]`), "tools") || Declares([]byte(`{"tools":{},"tools":{}}`), "tools") {
		t.Error("declared by nothing")
	}
}
