package quarantine

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReadProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age).Truncate(time.Second)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("one", time.Hour)
	first, err := ReadProgram(t.Context(), file, nil)
	if err != nil || first.SHA256 == "" || first.Size != 3 {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := ReadProgram(t.Context(), file, first); again != first || err != nil {
		t.Errorf("an untouched file was read again: %+v %v", again, err)
	}
	write("two", time.Minute)
	if other, err := ReadProgram(t.Context(), file, first); err != nil || other.SHA256 == first.SHA256 {
		t.Errorf("another file of the same size: %+v %v", other, err)
	}
	if _, err := ReadProgram(t.Context(), file+"-missing", nil); err == nil {
		t.Error("a missing program was found")
	}
	if sh, err := ReadProgram(t.Context(), "/bin/sh", nil); err == nil && sh.SHA256 != "" {
		t.Errorf("the hash of an interpreter says nothing: %+v", sh)
	}
}
