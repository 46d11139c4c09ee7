package hub

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

// TestShownOf: a tool that clients would refuse the whole list for does not count, and is named with the reason.
func TestShownOf(t *testing.T) {
	s := &catalog.Snapshot{}
	s.Items[catalog.Tools] = [][]byte{[]byte(`{"name":"sound","inputSchema":{"type":"object"}}`), []byte(`{"name":"a\u202eb","inputSchema":[]}`)}
	s.Items[catalog.Prompts] = [][]byte{[]byte(`{"name":"words","arguments":"none"}`)}
	tools, left := shownOf(s)
	text := strings.Join(left, "\n")
	if tools != 1 || len(left) != 2 || !strings.Contains(text, `"a\u202eb": inputSchema`) || !strings.Contains(text, `"words": arguments`) {
		t.Errorf("%d tools; left out:\n%s", tools, text)
	}
	if tools, left := shownOf(nil); tools != 0 || left != nil {
		t.Errorf("of nothing: %d, %q", tools, left)
	}
}
