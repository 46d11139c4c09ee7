package hub

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// What takes trust from one record takes it from others: a person is told that one question covers all of them.
func TestDoubtedRecordsAreOneQuestion(t *testing.T) {
	c, err := config.Parse("/home/user/c.json", []byte(`{"mcpServers": {"a": {"command": "x"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Servers[0]
	for _, tt := range []struct {
		record *quarantine.Record
		doubt  string
		want   int
	}{
		{&quarantine.Record{Doubt: "its record was changed"}, "", 1},
		{&quarantine.Record{Doubt: "its record was changed"}, "records were removed", 1},
		{&quarantine.Record{}, "records were removed", 1},
		{&quarantine.Record{}, "", 0},
		{&quarantine.Record{Doubt: "its record was changed", Tool: true}, "", 0},
	} {
		text := heldBecause(s, &Recorded{Record: tt.record}, tt.doubt)
		if got := strings.Count(text, "mcpproxy-stdio approve --all"); got != tt.want {
			t.Errorf("%+v %q: %s", tt.record, tt.doubt, text)
		}
	}
}
