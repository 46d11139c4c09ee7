package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// Nobody is told of a last good configuration where there was none: the file was broken, or missing, when the proxy started.
func TestBrokenFileWithoutAGoodOne(t *testing.T) {
	const last, none = "the last good configuration is in force", "none of its servers is available until it is fixed"
	for _, tt := range []struct{ before, want string }{
		{`{"mcpServers": {`, none},
		{"", none}, // no file
		{`{"mcpServers": {}}`, last},
	} {
		h := newHub(t, map[string]json.RawMessage{})
		h.Close()
		path := filepath.Join(h.dir, "config.json")
		if tt.before == "" {
			os.Remove(path)
		} else if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		h.open()
		c, done := h.client(session.Options{})
		if err := os.WriteFile(path, []byte(`{"mcpServers": [`), 0o600); err != nil {
			t.Fatal(err)
		}
		h.Reload()
		if got := text(c, "upstream_servers", map[string]any{"operation": "list"}); !strings.Contains(got, tt.want) || tt.want == none && strings.Contains(got, last) {
			t.Errorf("%q: %s", tt.before, got)
		}
		c.Close()
		<-done
		h.Close()
		if got := h.log.String(); !strings.Contains(got, tt.want) {
			t.Errorf("%q: the log has %s", tt.before, got)
		}
	}
}
