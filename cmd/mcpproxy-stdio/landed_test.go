package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// envLandedKey has the proxy find the keyring's key for tokens that version d7ec6a3 used.
const envLandedKey = "MCPPROXY_TEST_LANDED_KEY"

// landed is a home whose state was written by version d7ec6a3.
func landed(t *testing.T) *home {
	t.Helper()
	h := newHome(t)
	archive, err := txtar.ParseFile("testdata/landed/state.txtar")
	if err != nil {
		t.Fatal(err)
	}
	hashed := func(parts ...string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00") + "\x00"))
		return hex.EncodeToString(sum[:16])
	}
	for _, f := range archive.Files {
		name := f.Name
		if rest, ok := strings.CutPrefix(name, "state/"); ok {
			switch dir, base := path.Split(rest); dir {
			case "records/":
				rest = dir + hashed(h.config, base)
			case "baselines/":
				rest = dir + hashed(h.config)
			}
			name = "state/mcpproxy-stdio/" + rest
		}
		file := filepath.Join(h.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.ReplaceAll(f.Data, []byte("$DIR"), []byte(h.dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

var landedMasks = regexp.MustCompile(`"expires": "[^"]*"|\d{4}-\d\d-\d\d \d\d:\d\d|sha256-\w+|\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|by you, [^\n]*`)

// TestLandedState: what the first landed version recorded is read with the same meaning. Its records have no seal, so
// what they allow does not count before a person has confirmed it; what they forbid, the log and the logins do.
func TestLandedState(t *testing.T) {
	t.Parallel()
	h := landed(t)
	var b strings.Builder
	for _, line := range []string{
		"servers --json", "review", "review blocking --json", "review rejected", "approvals", "approvals --verify", "auth status --json", "history first",
	} {
		cmd := h.command(strings.Fields(line)...)
		cmd.Env = append(cmd.Env, envLandedKey+"=0123456789abcdef0123456789abcdef")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		text := landedMasks.ReplaceAllString(strings.ReplaceAll(out.String()+errs.String(), h.dir, "$DIR"), "$$MASKED")
		if strings.HasSuffix(line, "--verify") { // the names of files depend on the place
			lines := strings.SplitAfter(text, "\n")
			slices.Sort(lines)
			text = strings.Join(lines, "")
		}
		fmt.Fprintf(&b, "$ mcpproxy-stdio %s\n%s[exit %d]\n\n", line, text, cmd.ProcessState.ExitCode())
	}
	golden(t, "../landed/read.txt", b.String())
}
