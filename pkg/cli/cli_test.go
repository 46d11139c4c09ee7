package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The README documents every option; nothing else keeps the two together.
func TestReadmeListsEveryOption(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| .*\|$`).FindAllString(string(data), -1)
	for _, o := range config.Options() {
		found := false
		for _, row := range rows {
			first, _, _ := strings.Cut(row[1:], "|")
			found = found || strings.Contains(first, "`"+o.Name+"`")
		}
		if !found {
			t.Errorf("the README has no row for the option %s", o.Name)
		}
	}
}

// What stands in the README as JSON can be pasted into a configuration: all of it has the form of our own or of a client's.
func TestReadmeExamplesAreRight(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```jsonc?\n(.*?)^```").FindAllStringSubmatch(string(data), -1)
	if len(blocks) < 5 {
		t.Fatalf("%d examples found", len(blocks))
	}
	for _, block := range append(blocks, []string{"", minimalExample}) {
		c, err := config.Parse("README.md", []byte(block[1]))
		if err != nil || len(c.Servers) == 0 || len(c.Problems) > 0 {
			t.Errorf("%v, %v:\n%s", err, c, block[1])
		}
	}
}

// A newcomer reads what it does, installs it and moves in, before anything else; tests come last. Clients with a window get the full path.
func TestReadmeBeginsWithItsUse(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, at := string(data), 0
	for _, next := range []string{"One MCP server", "## Install", "go run ./cmd/mcpproxy-stdio try", "go install ./cmd/mcpproxy-stdio\n", "## Move in", "mcpproxy-stdio import",
		"## Put it into your client", "## Name your servers", "## Working on it", "go test ./..."} {
		i := strings.Index(text, next)
		if i < at {
			t.Errorf("%q is missing, or stands before what belongs before it", next)
		}
		at = i
	}
	for _, client := range []string{"Claude Desktop", "Cursor", "VS Code"} {
		_, after, _ := strings.Cut(text, "\n**"+client+"**")
		if snippet, _, _ := strings.Cut(after, "\n```\n"); !strings.Contains(snippet, `"command": "/`) {
			t.Errorf("%s gets no full path: %s", client, snippet)
		}
	}
}

// Help is read by people in a hurry: short lines, and none of the turns of phrase that had to be read twice.
func TestHelpReadsWell(t *testing.T) {
	t.Parallel()
	puzzling := regexp.MustCompile(`(?i)behind it stand|waits? of|takes? (it|the decision) over|all trust|a person|by itself; a proxy|mind that|proxy that runs|` +
		`of which|is looked for|at once, however|how the logins|less one line|what confines|hostile text`)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, text := range []string{c.Short, c.Long, c.Example, c.LocalFlags().FlagUsages()} {
			if found := puzzling.FindString(text); found != "" {
				t.Errorf("%s: %q in %q", c.CommandPath(), found, text)
			}
			for line := range strings.Lines(text) {
				if utf8.RuneCountInString(line) > 112 && text == c.Long {
					t.Errorf("%s: the line is too long: %s", c.CommandPath(), line)
				}
			}
		}
		if n := utf8.RuneCountInString(c.Short); n == 0 || n > 70 {
			t.Errorf("%s: %d characters: %s", c.CommandPath(), n, c.Short)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&app{out: output{os.Stdout}, err: output{os.Stderr}}).command())
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain – text":          "plain – text",
		"a\x1b[31mred":          `a\u001b[31mred`,
		"line\nbreak\t":         `line\u000abreak\u0009`,
		"\u202eright to left":   `\u202eright to left`,
		"bad \xff UTF-8":        `bad \ufffd UTF-8`,
		"a real \ufffd":         "a real \ufffd",
		"\u0085C1 and \u00a0":   `\u0085C1 and \u00a0`,
		"zero\u200bwidth 日本語 é": `zero\u200bwidth 日本語 é`,
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &printer{w: &out, width: 40}
	p.table([]column{{title: "NAME"}, {title: "LAUNCH", cut: true}, {title: "TOOLS", right: true}, {title: "STATE"}}, [][]string{
		{"a", "npx -y a-very-long-package-name", "7", "ok"},
		{"naïve", "x", "12", "refused"},
	})
	want := strings.TrimLeft(`
NAME   LAUNCH             TOOLS  STATE
a      npx -y a-very-lo…      7  ok
naïve  x                     12  refused
`, "\n")
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestShortLaunchShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server config.Server
		want   string
	}{
		{config.Server{Protocol: "stdio", Command: "npx", Args: []string{"-y", "@scope/pkg", "--key", "SECRET"}}, "npx -y @scope/pkg … 2 arguments"},
		{config.Server{Protocol: "stdio", Command: "/opt/bin/node", Args: []string{"--token=SECRET", "server.js"}}, "/opt/bin/node --token… server.js"},
		{config.Server{Protocol: "stdio", Command: "my-server", Args: []string{"SECRET"}}, "my-server … 1 argument"},
		{config.Server{Protocol: "http", URL: "https://host:8443/SECRET?k=SECRET#SECRET"}, "https://host:8443/…"},
		{config.Server{Protocol: "http", URL: "https://user:SECRET@host"}, "https://host"},
		{config.Server{Protocol: "http", URL: "${env:BASE}/SECRET"}, "${env:BASE}…"},
		{config.Server{Protocol: "http", URL: "://SECRET"}, ""},
	} {
		if got := shortLaunch(&c.server); got != c.want {
			t.Errorf("shortLaunch(%v, %v) = %q, want %q", c.server.Command, c.server.URL, got, c.want)
		}
	}
}

// A program that is no proxy: this test binary does not know --config and ends.
func TestTrySaysWhichStepFailed(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), mcptest.Patience(20*time.Second))
	defer cancel()
	var out bytes.Buffer
	trial := &trial{ctx: ctx, out: &printer{w: &out}, dir: t.TempDir(), self: self}
	if err := trial.run(); !errors.Is(err, errTold) {
		t.Fatalf("run() = %v, want %v", err, errTold)
	}
	for _, want := range []string{"✗ start ", "initialize: the proxy ended before it answered", "The proxy's log ended with:", "-testwork"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}
