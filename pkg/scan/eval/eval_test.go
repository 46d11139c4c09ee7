package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasure(t *testing.T) {
	rows, err := load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 9 {
		t.Fatalf("%d rows", len(rows))
	}
	r := measure(judge(rows))
	for name, pair := range map[string][2]rate{
		"T1":           {r.Tiers["T1"], rate{3, 3, 1}},
		"T2":           {r.Tiers["T2"], rate{1, 0, 0}},
		"T3":           {r.Tiers["T3"], rate{1, 0, 0}},
		"source one":   {r.Sources["one"], rate{3, 3, 1}},
		"source three": {r.Sources["three"], rate{}}, // T3 alone
		"characters":   {r.Characters, rate{1, 1, 1}},
		"class":        {r.Classes["override"], rate{1, 1, 0}},
		"surface":      {r.Surfaces["title"], rate{1, 0, 0}},
		"real tools":   {r.RealTools, rate{3, 1, 0}},
		"real servers": {r.RealServers, rate{2, 1, 0}},
		"hard":         {r.Hard, rate{1, 0, 0}},
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

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := evaluate(&out, "testdata", false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\nreal definitions  ") || !strings.Contains(out.String(), "\nTime for each definition: ") {
		t.Error(out.String())
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := load(dir); err == nil || !strings.Contains(err.Error(), "is no corpus") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{maliciousFile, benignFile} {
		os.WriteFile(filepath.Join(dir, name), []byte("{}\n{\n"), 0o600)
	}
	if _, err := load(dir); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
}
