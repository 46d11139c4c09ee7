package quarantine

import (
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// What a server was installed from is kept and told, a change of it too, and a pin stays until it is removed.
func TestInstalled(t *testing.T) {
	of := func(install, version string) *launch.Resolution {
		return &launch.Resolution{Tool: launch.NPM, Key: "k", Install: install, Packages: []launch.Version{{Name: "p", Version: version, Integrity: "sha512-" + version}}}
	}
	r := &Record{Config: "c", Server: "s"}
	steps := []struct {
		now     *launch.Resolution
		changed bool
		logged  int
		was     string
	}{{nil, false, 0, ""}, {of("i-1", "1"), true, 1, ""}, {of("i-1", "1"), false, 1, ""}, {of("i-2", "1"), true, 1, ""}, {of("i-3", "2"), true, 2, "p@1"}, {of("i-3", "2"), false, 2, "p@1"}}
	for i, step := range steps {
		before := r.Clone()
		if changed := r.learnInstalled(step.now); changed != step.changed || len(r.Outbox) != step.logged || r.Installed != nil && r.Installed.Was != step.was {
			t.Errorf("step %d: %v %d %+v", i, changed, len(r.Outbox), r.Installed)
		}
		if before.Installed != nil && before.Installed == r.Installed && step.changed {
			t.Errorf("step %d changed a record that others read", i)
		}
	}
	if e := r.Outbox[1]; e.Decision != "version" || len(e.Items) != 1 || e.Items[0].Kind != Package || e.Items[0].ID != "p" || e.Items[0].Digest == "" {
		t.Errorf("%+v", e)
	}
	r.PinTo(&launch.Pin{Resolution: *of("i-3", "2"), Tree: "t"}, Means{How: "terminal"})
	r.learnInstalled(of("i-4", "2"))
	again, err := Decode(r.Encode())
	if err != nil || again.Pin() == nil || again.Pin().Tree != "t" || again.Installed.Install != "i-4" || again.Installed.Packages[0].Integrity != "sha512-2" || again.Installed.Was != "p@1" {
		t.Errorf("%v %+v", err, again.Installed)
	}
	if again.PinTo(nil, Means{}); again.Pin() != nil || r.Pin() == nil {
		t.Error("the pin stayed, or another record lost its own")
	}
	if (&Record{}).Pin() != nil || (*Record)(nil).Pin() != nil {
		t.Error("a pin of nothing")
	}
}
