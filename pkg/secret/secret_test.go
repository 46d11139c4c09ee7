package secret

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
)

func newStore(t *testing.T) Store {
	keyring.MockInit()
	return Store{IndexPath: filepath.Join(t.TempDir(), "state", "secrets")}
}

func TestSetGetListRemove(t *testing.T) {
	s := newStore(t)
	if names, err := s.List(); err != nil || len(names) != 0 {
		t.Fatalf("List of nothing = %v, %v", names, err)
	}
	for _, name := range []string{"b", "a", "b"} {
		if err := s.Set(name, "value of "+name); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.List(); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Fatalf("List = %v, %v", names, err)
	}
	if v, err := Get("b"); err != nil || v != "value of b" {
		t.Fatalf("Get = %q, %v", v, err)
	}
	info, err := os.Stat(s.IndexPath)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("index has mode %v", info.Mode())
	}
	index, _ := os.ReadFile(s.IndexPath)
	if strings.Contains(string(index), "value") {
		t.Errorf("index holds a value: %q", index)
	}
	if err := s.Remove("b"); err != nil {
		t.Fatal(err)
	}
	if _, err := Get("b"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "secret set b") {
		t.Errorf("Get of a removed secret: %v", err)
	}
	if err := s.Remove("b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second Remove: %v", err)
	}
	if names, _ := s.List(); !slices.Equal(names, []string{"a"}) {
		t.Errorf("List = %v", names)
	}
}

func TestRemoveForgetsWhatTheKeyringLost(t *testing.T) {
	s := newStore(t)
	if err := s.Set("gone", "x"); err != nil {
		t.Fatal(err)
	}
	keyring.MockInit()
	if err := s.Remove("gone"); err != nil {
		t.Fatal(err)
	}
	if names, _ := s.List(); len(names) != 0 {
		t.Errorf("List = %v", names)
	}
}

func TestNamesAndValues(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"", "a b", "a}", "a/b", "ä", strings.Repeat("a", 129)} {
		if err := s.Set(name, "topsecret"); err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("Set(%q) = %v", name, err)
		}
	}
	if err := s.Set("a", ""); err == nil {
		t.Error("an empty value was stored")
	}
}

func TestKeyringErrors(t *testing.T) {
	s := newStore(t)
	keyring.MockInitWithError(errors.New("dbus is not there"))
	t.Cleanup(keyring.MockInit)
	err := s.Set("a", "topsecret")
	if err == nil || !strings.Contains(err.Error(), "dbus is not there") || !strings.Contains(err.Error(), "${env:NAME}") || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("Set = %v", err)
	}
	if names, _ := s.List(); len(names) != 0 {
		t.Errorf("a secret that was not stored is listed: %v", names)
	}
	if err := explain("a", keyring.ErrSetDataTooBig); !errors.Is(err, keyring.ErrSetDataTooBig) {
		t.Errorf("explain = %v", err)
	}
}

func TestSlowKeyring(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	start := time.Now()
	err := explain("a", within(20*time.Millisecond, func() (func(), error) {
		<-release
		return func() { t.Error("a late answer was taken") }, nil
	}))
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "unlock") {
		t.Errorf("err = %v", err)
	}
	if time.Since(start) > 5*time.Second {
		t.Error("the limit was not kept")
	}
}

func TestConcurrentIndex(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for _, name := range strings.Split("abcdefghijklmnop", "") {
		wg.Go(func() {
			if err := s.note(name, true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names, err := s.List(); err != nil || len(names) != 16 {
		t.Errorf("List = %v, %v", names, err)
	}
}

func TestIndexMustBeAFile(t *testing.T) {
	s := newStore(t)
	if err := os.MkdirAll(s.IndexPath, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("a", "b"); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("Set = %v", err)
	}
}
