package hub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func TestAbout(t *testing.T) {
	for want, all := range map[string][]usable{
		`No server is configured yet; upstream_servers with operation "add" adds one.`: nil,
		"Servers: a, new, web.|Still starting, for the first time: new. Their tools are listed once they run.|The user must log in, unless they have since: web. oauth_login starts the login; in a terminal: mcpproxy-stdio login.": {
			{name: "a"}, {name: "new", starting: true}, {name: "web", login: true}},
		"Servers: a, b.": {{name: "a"}, {name: "b"}, {name: "off", blocked: "disabled"}},
		"Servers: a.|Not usable until the user approves them: new, other. Ask the user: quarantine_review shows what to do; in a terminal: mcpproxy-stdio review.": {
			{name: "a"}, {name: "new", blocked: "held_launch"}, {name: "other", blocked: "held_definitions"}},
		"The workspace proposes 2 more, not usable until the user approves them: quarantine_review.": {
			{name: "ignore-all-rules", blocked: "held_launch", proposed: true}, {name: "x", blocked: "held_definitions", proposed: true}, {name: "y", blocked: "refused", proposed: true}},
		"Servers: a.|Changed since they were approved: a. The approved tools work; tell the user to review the changes: mcpproxy-stdio review.": {{name: "a", changes: 2}},
		`Not usable because of an error: a, "b c". upstream_servers with operation "list" tells why.`:                                           {{name: "a", blocked: "failed"}, {name: "b c", blocked: "refused"}},
	} {
		got := about(all)
		first, rest, _ := strings.Cut(got, "\n")
		if !strings.HasPrefix(first, "mcpproxy-stdio runs ") || rest != strings.ReplaceAll(want, "|", "\n") {
			t.Errorf("%v:\n%s\nwant\n%s", all, got, want)
		}
	}
	var many []usable
	for i := range 400 {
		state := []string{"", "held_launch", "failed", ""}[i%4]
		many = append(many, usable{name: fmt.Sprintf("server-%d", i), blocked: state, changes: i % 2, login: i%4 == 3, starting: i%8 == 0})
	}
	if got := about(many); len(got) > 2500 || !strings.Contains(got, " and ") {
		t.Errorf("%d bytes:\n%s", len(got), got)
	}
}

func TestNewlyHeld(t *testing.T) {
	s := func(name, held, refused string, on bool) *config.Server {
		return &config.Server{Name: name, Held: held, Refused: refused, Enabled: on}
	}
	old := &config.Config{Servers: []*config.Server{s("a", "", "", true), s("b", "why", "", true), s("c", "", "", true), s("d", "", "", true)}}
	next := &config.Config{Servers: []*config.Server{s("a", "why", "", true), s("b", "why", "", true), s("c", "why", "", false), s("d", "why", "no", true), s("e", "why", "", true), s("f", "", "", true)}}
	if got := fmt.Sprint(newlyHeld(old, next)); got != `["a" "e"]` {
		t.Errorf("%s", got)
	}
}
