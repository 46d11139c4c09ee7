package builtin

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

// update writes golden files anew: go test ./pkg/builtin -run Golden -update.
var update = flag.Bool("update", false, "write golden files anew")

// TestGoldenDefinitions: clients keep the definitions in a prompt cache, which one other byte costs them.
func TestGoldenDefinitions(t *testing.T) {
	const path = "testdata/golden/definitions.jsonl"
	var text []byte
	for _, raw := range Definitions() {
		text = append(append(text, raw...), '\n')
	}
	if *update {
		if err := os.MkdirAll("testdata/golden", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now, before := bytes.Split(text, []byte("\n")), bytes.Split(want, []byte("\n"))
	if len(now) != len(before) {
		t.Fatalf("%d lines, were %d", len(now), len(before))
	}
	for i := range now {
		if !bytes.Equal(now[i], before[i]) {
			t.Errorf("was %s\nis  %s", before[i], now[i])
		}
	}
}
