package session

import (
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

// TestMergedCapabilities: clients refuse the whole answer to initialize for a capability that is no object.
func TestMergedCapabilities(t *testing.T) {
	source := func(capabilities string) catalog.Source {
		return catalog.Source{Server: "s", Snapshot: &catalog.Snapshot{Capabilities: []byte(capabilities)}}
	}
	sources := []catalog.Source{source(`{"experimental":{"a":5,"b":true,"c":null,"d":[],"e":"x","f":{"g":1.0}}}`),
		source(`{"experimental":[]}`), source(`{"experimental":{"a":{}}}`)}
	if got := string(mergeMember("experimental", sources)); got != `{"f":{"g":1.0},"a":{}}` {
		t.Error(got)
	}
}
