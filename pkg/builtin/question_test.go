package builtin

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

func toolItem(name, annotations string) quarantine.Item {
	return quarantine.Item{Kind: quarantine.Tool, ID: name, Digest: "d", Raw: []byte(`{"name":"` + name + `","annotations":{` + annotations + `}}`)}
}

func entryOf(s *config.Server, r *quarantine.Record) *admin.Entry {
	if r == nil {
		r = &quarantine.Record{}
	}
	return &admin.Entry{Server: hub.Server{Written: s, Effective: s, Recorded: hub.Recorded{Record: r}}}
}

// The form has three paragraphs of one line, with all of the launch and no digest.
func TestQuestion(t *testing.T) {
	standard, err := config.StandardPath()
	if err != nil {
		t.Fatal(err)
	}
	var many []quarantine.Change
	for _, c := range "abcdefghijkl" {
		many = append(many, quarantine.Change{Item: toolItem(string(c), "")})
	}
	old := []byte("{}")
	definitions := []quarantine.Item{toolItem("read", `"readOnlyHint":true,"destructiveHint":true`), toolItem("drop", `"destructiveHint":true`), toolItem("kill", `"destructiveHint":true`), toolItem("gone", `"destructiveHint":true`),
		{Kind: quarantine.Prompt, ID: "p", Digest: "d", Raw: old}, {Kind: quarantine.Instructions, Digest: "d", Raw: old}}
	for name, test := range map[string]struct {
		entry string
		p     quarantine.Proposal
		r     *quarantine.Record
		found quarantine.RuleCounts
		want  string
	}{
		"new": {`{"command":"npx","args":["-y","demo-mcp"]}`, quarantine.Proposal{State: quarantine.HeldLaunch}, nil, nil,
			`Start "demo" once, to list its tools.|Runs npx -y demo-mcp as you, not isolated. Note: demo-mcp is not pinned: each start may run another version.`},
		"new in a sandbox": {`{"command":"node","args":["s.js"],"isolation":{"type":"sandbox"}}`, quarantine.Proposal{State: quarantine.HeldLaunch}, nil, nil,
			`Start "demo" once, to list its tools. It runs isolated, without files, with placeholders for the values of its variables, and without network.|Runs node s.js, isolated: sandbox, network bridge, a home of its own, kept until you remove the server or change its launch.`},
		"definitions": {`{"command":"npx","args":["-y","demo-mcp@1.0.0"]}`, quarantine.Proposal{State: quarantine.HeldDefinitions, Items: definitions},
			&quarantine.Record{Blocked: []string{"gone"}}, nil,
			`Approve "demo": 3 tools (2 destructive), 1 prompt. Scanner: nothing found.|Runs npx -y demo-mcp@1.0.0 as you, not isolated.`},
		"nothing": {`{"url":"https://h.example/mcp"}`, quarantine.Proposal{State: quarantine.HeldDefinitions}, nil, nil,
			`Approve "demo": 0 tools. Scanner: nothing found.|Connects to https://h.example/mcp.`},
		"all of a launch": {`{"command":"x","working_dir":"/w","env":{"A":"hidden","B":"${env:HOME}"},"quarantined":true}`, quarantine.Proposal{State: quarantine.HeldLaunch}, &quarantine.Record{Doubt: "its record was written by hand"}, nil,
			`Start "demo" once, to list its tools. Earlier approvals do not count: its record was written by hand.|Runs x as you, not isolated. Directory: /w. Variables: A=…, B from env:HOME.`},
		"remote": {`{"url":"https://h.example/mcp?k=v","protocol":"sse","headers":{"X-A":"${keyring:k}"},"oauth":{"account":"me"}}`, quarantine.Proposal{State: quarantine.HeldLaunch}, nil, nil,
			`Start "demo" once, to list its tools.|Connects to https://h.example/mcp?k=…. Headers: X-A from keyring:k. Login: account: me, grant: authorization_code, login: ask. Options: protocol: sse.`},
		"changes": {`{"command":"x"}`, quarantine.Proposal{State: quarantine.Approved, Changes: []quarantine.Change{
			{Item: toolItem("b", "")}, {Item: toolItem("a\u202e", "")}, {Item: toolItem("c", ""), Old: old}, {Item: quarantine.Item{Kind: quarantine.Instructions, Digest: "d", Fits: true}, Old: old},
			{Item: quarantine.Item{Kind: quarantine.Prompt, ID: strings.Repeat("p", 90)}}}},
			nil, quarantine.CountRules(scan.Finding{Rule: "r", Severity: scan.Low}, scan.Finding{Rule: "r", Severity: scan.Medium}, scan.Finding{Rule: "q", Severity: scan.Low}, scan.Finding{Rule: "i"}),
			`Approve changes to "demo": new "a\u202e", b; changed c; updated instructions; unreadable prompt "` + strings.Repeat("p", 40) + `\u2026". Scanner: 1 medium, 2 low.|Runs x as you, not isolated.`},
		"many": {`{"command":"x"}`, quarantine.Proposal{State: quarantine.Approved, Changes: many}, nil, nil,
			`Approve changes to "demo": new a, b, c, d, e, f, g, h and 4 more. Scanner: nothing found.|Runs x as you, not isolated.`},
	} {
		c, err := config.Parse(standard, []byte(`{"mcpServers":{"demo":`+test.entry+`}}`))
		if err != nil || c.Server("demo") == nil {
			t.Fatal(name, err, c.Problems)
		}
		s := c.Server("demo")
		test.p.Launch, test.p.Shown = s.Launch(), s.LaunchShown()
		got := question(entryOf(s, test.r), &test.p, test.found)
		if want := strings.ReplaceAll(test.want, "|", "\n\n") + "\n\nDetails: mcpproxy-stdio review demo"; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A launch that was changed is shown with the one before.
func TestQuestionOfAChangedLaunch(t *testing.T) {
	parse := func(entry string) *config.Server {
		c, err := config.Parse("/c.json", []byte(`{"mcpServers":{"demo":`+entry+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		return c.Server("demo")
	}
	was, now := parse(`{"command":"x","env":{"A":"1"}}`), parse(`{"command":"y","env":{"A":"2"}}`)
	r := &quarantine.Record{}
	r.Baseline(was, "test")
	r.First = false
	text := question(entryOf(now, r), r.Proposal(now), nil)
	for _, want := range []string{`Approve the changed launch of "demo" and the tools it then lists.`, "Runs y as you", "Variables: A=…", "Approved before: x", "Changed values: variable A."} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
}
