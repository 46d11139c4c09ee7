package eval

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasure(t *testing.T) {
	rows, err := Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 9 {
		t.Fatalf("%d rows", len(rows))
	}
	r := Measure(Judge(rows))
	for name, pair := range map[string][2]Rate{
		"T1":           {r.Tiers["T1"], Rate{3, 3, 1}},
		"T2":           {r.Tiers["T2"], Rate{1, 0, 0}},
		"T3":           {r.Tiers["T3"], Rate{1, 0, 0}},
		"source one":   {r.Sources["one"], Rate{3, 3, 1}},
		"source three": {r.Sources["three"], Rate{}}, // T3 alone
		"characters":   {r.Characters, Rate{1, 1, 1}},
		"class":        {r.Classes["override"], Rate{1, 1, 0}},
		"surface":      {r.Surfaces["title"], Rate{1, 0, 0}},
		"real tools":   {r.RealTools, Rate{3, 1, 0}},
		"real servers": {r.RealServers, Rate{2, 1, 0}},
		"hard":         {r.Hard, Rate{1, 0, 0}},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %+v, not %+v", name, pair[0], pair[1])
		}
	}
	if math.Abs(r.MacroSource-0.5) > 1e-9 {
		t.Errorf("the mean of the sources is %v", r.MacroSource)
	}
	if r.Mean <= 0 || r.P99 < r.Mean/10 {
		t.Errorf("times %v, %v", r.Mean, r.P99)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "is no corpus") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{MaliciousFile, BenignFile} {
		os.WriteFile(filepath.Join(dir, name), []byte("{}\n{\n"), 0o600)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
}
