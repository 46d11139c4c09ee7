package launch

import (
	"archive/zip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func writeZip(t *testing.T, path string, files map[string]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// writeWheel makes a wheel of one module (PEP 427).
func writeWheel(t *testing.T, dir, name, version, scripts, code string) {
	t.Helper()
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	writeZip(t, filepath.Join(dir, fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)), map[string]string{
		name + ".py":              code,
		info + "METADATA":         fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version),
		info + "WHEEL":            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "entry_points.txt": "[console_scripts]\n" + scripts,
		info + "RECORD":           fmt.Sprintf("%s.py,,\n%sMETADATA,,\n%sWHEEL,,\n%sentry_points.txt,,\n%sRECORD,,\n", name, info, info, info, info),
	})
}
