package admin

import (
	"slices"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
)

// A tool that clients would refuse the whole list for does not count, and is named with the reason; nor does one that is held back.
func TestCount(t *testing.T) {
	s := &catalog.Snapshot{}
	s.Items[catalog.Tools] = [][]byte{[]byte(`{"name":"sound","inputSchema":{"type":"object"}}`), []byte(`{"name":"a\u202eb","inputSchema":[]}`),
		[]byte(`{"name":"off","inputSchema":{"type":"object"}}`), []byte(`{"name":"off2","inputSchema":[]}`)}
	s.Items[catalog.Prompts] = [][]byte{[]byte(`{"name":"words","arguments":"none"}`)}
	server := &config.Server{DisabledTools: []string{"off*"}}
	st := Status{Entry: &Entry{Server: hub.Server{Effective: server, Recorded: hub.Recorded{Snapshot: s}}}}
	st.count()
	var ids []string
	for _, left := range st.LeftOut {
		ids = append(ids, left.ID)
		if left.Why == "" || left.Tool != (left.ID != "words") || left.Hidden != (left.ID == "off2") {
			t.Errorf("%+v", left)
		}
	}
	if st.Tools != 1 || st.Hidden != 2 || !slices.Equal(ids, []string{"a\u202eb", "off2", "words"}) {
		t.Errorf("%d tools, %d hidden; left out: %q", st.Tools, st.Hidden, ids)
	}
	if st = (Status{Entry: &Entry{}}); st.Tools != 0 || st.LeftOut != nil {
		t.Errorf("of nothing: %+v", st)
	}
}
