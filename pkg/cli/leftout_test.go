package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// TestItemsNotShown: the review says which items clients are not shown as the server sent them; their names only where those may be read.
func TestItemsNotShown(t *testing.T) {
	t.Parallel()
	var items []quarantine.Item
	add := func(kind quarantine.Kind, id, raw string) {
		items = append(items, quarantine.Item{Kind: kind, ID: id, Digest: "d", Raw: []byte(raw)})
	}
	add(quarantine.Tool, "sound", `{"name":"sound","inputSchema":{"type":"object"}}`)
	add(quarantine.Tool, "list", `{"name":"list","inputSchema":[]}`)
	add(quarantine.Tool, "nulls", `{"name":"nulls","title":null,"inputSchema":{"type":"object"}}`)
	add(quarantine.Prompt, "words", `{"name":"words","arguments":"none"}`)
	add(quarantine.Instructions, "", `"Use it."`)
	for _, named := range []bool{true, false} {
		var b bytes.Buffer
		(&printer{w: &b}).shown(items, named)
		text := b.String()
		for _, want := range []string{"Left out", "2 items", "Edited", "1 item,"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		for _, name := range []string{"tool list (", "prompt words (", "tool nulls"} {
			if strings.Contains(text, name) != named {
				t.Errorf("names shown: %v; %q in\n%s", named, name, text)
			}
		}
		if strings.Contains(text, "sound") {
			t.Errorf("a sound one is named:\n%s", text)
		}
	}
	if r := describeItem(items[1], false); r.LeftOut == "" || r.Mended {
		t.Errorf("as JSON: %+v", r)
	}
	if r := describeItem(items[2], false); r.LeftOut != "" || !r.Mended {
		t.Errorf("as JSON: %+v", r)
	}
}
