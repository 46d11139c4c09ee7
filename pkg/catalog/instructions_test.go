package catalog

import (
	"strings"
	"testing"
)

// TestInstructionsOnce: a text that names a server in a nested way is gone through as far as it is shown, not to its end.
func TestInstructionsOnce(t *testing.T) {
	text := "] says" + strings.Repeat(" of itself:", 90_000)
	v := NewView([]Source{{Server: "s", Snapshot: &Snapshot{Instructions: text}}}, 48, nil)
	if got := v.Instructions(""); len(got) > instructionsLimit || strings.Count(got, saysOfItself) != 1 || !strings.HasSuffix(got, "[…]") {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
}
