package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

const plantedToken = "planted-refresh-token-7b1e"

type testRecord struct {
	Refresh string `json:"refresh"`
	N       int    `json:"n"`
}

// A fakeKeyring is what secret.Key is in tests.
type fakeKeyring struct {
	mu    sync.Mutex
	held  []byte
	err   error
	delay time.Duration
	asked int
	made  int
	marks []string
}

func (k *fakeKeyring) mark(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.marks = append(k.marks, name)
	return k.err
}

func (k *fakeKeyring) marked(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err == nil && slices.Contains(k.marks, name)
}

func (k *fakeKeyring) key(lock func() (func(), error)) ([]byte, error) {
	k.mu.Lock()
	k.asked++
	held, err, delay := k.held, k.err, k.delay
	k.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
		return nil, secret.ErrTimeout
	}
	if err != nil {
		return nil, err
	}
	if held == nil && lock != nil {
		unlock, err := lock()
		if err != nil {
			return nil, err
		}
		defer unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.held == nil {
			k.made++
			k.held = bytes.Repeat([]byte{byte(k.made)}, 32)
		}
		return k.held, nil
	}
	if held == nil {
		return nil, secret.ErrNotFound
	}
	return held, nil
}

func (k *fakeKeyring) set(held []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held, k.err = held, err
}

func newTestVault(s *store.Store, k *fakeKeyring) (*vault, *bytes.Buffer) {
	var out bytes.Buffer
	v := newVault(s, zerolog.New(&out))
	v.keyring, v.mark, v.marked = k.key, k.mark, k.marked
	return v, &out
}

func testStore(t *testing.T) *store.Store { return store.Open(filepath.Join(t.TempDir(), "state")) }

func file(t *testing.T, s *store.Store, name string) string {
	t.Helper()
	data, err := os.ReadFile(s.Path("oauth/" + name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// refusal checks that the record can't be read for that reason, and that this tells nothing of it.
func refusal(t *testing.T, v *vault, name string, want error) {
	t.Helper()
	r := testRecord{N: 42}
	err := v.read(name, &r)
	if !errors.Is(err, want) {
		t.Errorf("%s: %v instead of: %v", name, err, want)
	} else if strings.Contains(err.Error(), "planted") || r.Refresh != "" {
		t.Errorf("%s tells: %v, %+v", name, err, r)
	}
}

func TestVault(t *testing.T) {
	s, k := testStore(t), &fakeKeyring{}
	v, out := newTestVault(s, k)
	if k.asked != 0 {
		t.Error("asked before anything was needed")
	}
	refusal(t, v, "a", fs.ErrNotExist)
	if k.asked != 0 {
		t.Error("asked for a record that is not there")
	}
	want := testRecord{plantedToken, 7}
	for range 2 {
		before, _ := os.ReadFile(s.Path("oauth/a"))
		if err := v.write("a", want); err != nil {
			t.Fatal(err)
		}
		if text := file(t, s, "a"); strings.Contains(text, "planted") || strings.Contains(text, "refresh") || text == string(before) {
			t.Errorf("the file: %s", text)
		}
	}
	var got testRecord
	if err := v.read("a", &got); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if k.asked != 1 || k.made != 1 {
		t.Errorf("asked %d times, %d keys", k.asked, k.made)
	}
	another, _ := newTestVault(s, k)
	got = testRecord{}
	if err := another.read("a", &got); err != nil || got != want {
		t.Errorf("another process: %+v, %v", got, err)
	}
	if info, err := os.Stat(s.Path("oauth/a")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := v.remove("a"); err != nil {
		t.Error(err)
	}
	refusal(t, v, "a", fs.ErrNotExist)
	if err := v.remove("a"); err != nil {
		t.Errorf("a second time: %v", err)
	}
	for _, value := range []any{func() {}, nil, 1, []int{}} {
		if err := v.write("a", value); err == nil {
			t.Errorf("stored %T", value)
		}
	}
	if out.Len() != 0 {
		t.Errorf("logged: %s", out)
	}
}

// One change of any byte of a record makes it unreadable, or changes nothing.
func TestVaultTampering(t *testing.T) {
	s, k := testStore(t), &fakeKeyring{}
	v, _ := newTestVault(s, k)
	want := testRecord{plantedToken, 7}
	if err := v.write("a", want); err != nil {
		t.Fatal(err)
	}
	whole := file(t, s, "a")
	write := func(text string) {
		if err := os.WriteFile(s.Path("oauth/a"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(what string) {
		t.Helper()
		var got testRecord
		if err := v.read("a", &got); err == nil && got != want || err != nil && !errors.Is(err, errUnreadable) || err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	for i := range whole {
		for _, b := range []byte{whole[i] ^ 1, whole[i] ^ 0x20, 0, '"', 'A', 0xff} {
			write(whole[:i] + string(b) + whole[i+1:])
			read(whole[:i] + "→" + string(rune(b)))
		}
		write(whole[:i]) // half-written
		refusal(t, v, "a", errUnreadable)
	}

	var e envelope
	json.Unmarshal([]byte(whole), &e)
	for what, change := range map[string]func(*envelope){
		"the first byte":    func(e *envelope) { e.Sealed[0] ^= 1 },
		"the last byte":     func(e *envelope) { e.Sealed[len(e.Sealed)-1] ^= 1 },
		"the nonce":         func(e *envelope) { e.Nonce[5] ^= 0x80 },
		"a short nonce":     func(e *envelope) { e.Nonce = e.Nonce[1:] },
		"no nonce":          func(e *envelope) { e.Nonce = nil },
		"the key's id":      func(e *envelope) { e.Key = "00000000" },
		"no key's id":       func(e *envelope) { e.Key = "" },
		"another version":   func(e *envelope) { e.V = 2 },
		"cut":               func(e *envelope) { e.Sealed = e.Sealed[:len(e.Sealed)-1] },
		"only the tag":      func(e *envelope) { e.Sealed = e.Sealed[:16] },
		"nothing":           func(e *envelope) { e.Sealed = nil },
		"plain beside it":   func(e *envelope) { e.Plain = json.RawMessage(`{"refresh":"planted"}`) },
		"plain of its type": func(e *envelope) { e.Sealed, e.Plain = nil, json.RawMessage(`["planted"]`) },
	} {
		json.Unmarshal([]byte(whole), &e)
		e.Plain = nil
		change(&e)
		text, _ := json.Marshal(e)
		write(string(text))
		t.Run(what, func(t *testing.T) { refusal(t, v, "a", errUnreadable) })
	}
	for _, text := range []string{"", "{}", "null", "[]", "garbage", `{"v":1}`, `{"v":"1"}`, whole + whole, whole + "x", `{"v":1,"plain":null}`, strings.Repeat("[", 100000)} {
		write(text)
		read(text[:min(len(text), 40)])
	}

	// A record in the place of another one.
	if err := v.write("b", testRecord{"planted of b", 1}); err != nil {
		t.Fatal(err)
	}
	write(file(t, s, "b"))
	refusal(t, v, "a", errUnreadable)

	if err := v.write("a", want); err != nil {
		t.Errorf("written over what can't be read: %v", err)
	}
	read("written again")
}

func TestVaultKeyReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := testStore(t), &fakeKeyring{}
		v, _ := newTestVault(s, k)
		if err := v.write("a", testRecord{plantedToken, 1}); err != nil {
			t.Fatal(err)
		}
		old := k.held
		k.set(bytes.Repeat([]byte{9}, 32), nil)
		later, _ := newTestVault(s, k)
		refusal(t, later, "a", errUnreadable)
		refusal(t, later, "a", errUnreadable)
		if k.asked != 3 { // the writer once; the reader, and whether it is still this one
			t.Errorf("asked %d times", k.asked)
		}
		if err := later.write("b", testRecord{"b", 2}); err != nil {
			t.Fatal(err)
		}
		var got testRecord
		if err := v.read("b", &got); err != nil || got.N != 2 {
			t.Errorf("who has the old key in memory: %+v, %v", got, err)
		}
		k.set(nil, nil)
		third, _ := newTestVault(s, k)
		refusal(t, third, "a", errUnreadable)

		// The old key is back, as from a backup.
		k.set(old, nil)
		time.Sleep(askAgain)
		if err := later.read("a", &got); err != nil || got.Refresh != plantedToken {
			t.Errorf("%+v, %v", got, err)
		}
		// A keyring that is locked by now takes no key away.
		k.set(nil, errors.New("locked"))
		time.Sleep(askAgain)
		refusal(t, later, "b", errSealed)
		if err := later.read("a", &got); err != nil {
			t.Error(err)
		}
	})
}

func TestVaultWithoutKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := testStore(t), &fakeKeyring{err: errors.New("the keyring cannot be used: no dbus")}
		v, out := newTestVault(s, k)
		for _, name := range []string{"a", "b", "a"} {
			if err := v.write(name, testRecord{plantedToken, 3}); err != nil {
				t.Fatal(err)
			}
		}
		if k.asked != 1 {
			t.Errorf("asked %d times within a moment", k.asked)
		}
		said := out.String()
		if strings.Count(said, "\n") != 1 || strings.Contains(said, "planted") {
			t.Errorf("logged: %s", said)
		}
		for _, part := range []string{`"level":"warn"`, "stored unencrypted", s.Path("oauth"), "no dbus", "gnome-keyring"} {
			if !strings.Contains(said, part) {
				t.Errorf("the warning lacks %q: %s", part, said)
			}
		}
		if info, err := os.Stat(s.Path("oauth/a")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Error(info.Mode(), err)
		}
		if text := file(t, s, "a"); text != `{"v":1,"plain":{"refresh":"`+plantedToken+`","n":3}}` {
			t.Errorf("the file: %s", text)
		}
		var got testRecord
		if err := v.read("a", &got); err != nil || got.N != 3 {
			t.Errorf("%+v, %v", got, err)
		}

		// It is there now: the record is read as it is, and encrypted when it is written again.
		k.set(nil, nil)
		time.Sleep(askAgain)
		if err := v.read("a", &got); err != nil {
			t.Error(err)
		}
		if err := v.write("a", got); err != nil || strings.Contains(file(t, s, "a"), "planted") {
			t.Errorf("not encrypted: %v", err)
		}
		if err := v.read("a", &got); err != nil {
			t.Error(err)
		}
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("logged: %s", out)
		}
	})
}

// A login that was encrypted is not replaced by one that is not: whoever can write the file would choose the account.
func TestSealedLoginReplacedByAPlainOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := testStore(t), &fakeKeyring{}
		first, _ := newTestVault(s, k)
		if err := first.write("a", testRecord{plantedToken, 3}); err != nil {
			t.Fatal(err)
		}
		plain := []byte(`{"v":1,"plain":{"refresh":"theirs","n":1}}`)
		for _, name := range []string{"a", "b"} {
			if err := s.Write(record(name), plain); err != nil {
				t.Fatal(err)
			}
		}
		v, _ := newTestVault(s, k)
		refusal(t, v, "a", errUnreadable)
		if err := v.read("a", new(testRecord)); !strings.Contains(err.Error(), "Log in again") {
			t.Error(err)
		}
		if err := v.remove("a"); err != nil { // after a logout too
			t.Fatal(err)
		}
		s.Write(record("a"), plain)
		refusal(t, v, "a", errUnreadable)
		var got testRecord
		if err := v.read("b", &got); err != nil || got.N != 1 { // of a time before the keyring
			t.Errorf("%+v, %v", got, err)
		}
		if err := v.write("a", testRecord{"new", 2}); err != nil { // a new login
			t.Fatal(err)
		}
		if err := v.read("a", &got); err != nil || got.Refresh != "new" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// An encrypted record of a keyring that fails is neither lost nor taken for gone, and can be read when the keyring is back.
func TestVaultSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := testStore(t), &fakeKeyring{}
		first, _ := newTestVault(s, k)
		if err := first.write("a", testRecord{plantedToken, 3}); err != nil {
			t.Fatal(err)
		}
		key, before := k.held, file(t, s, "a")
		k.set(nil, errors.New("failed to unlock correct collection"))
		v, _ := newTestVault(s, k)
		k.asked = 0
		refusal(t, v, "a", errSealed)
		if err := v.read("a", new(testRecord)); !strings.Contains(err.Error(), "Unlock the keyring") || !strings.Contains(err.Error(), "correct collection") {
			t.Error(err)
		}
		if file(t, s, "a") != before || k.asked != 1 {
			t.Errorf("asked %d times", k.asked)
		}
		k.set(key, nil)
		refusal(t, v, "a", errSealed) // not asked yet
		time.Sleep(askAgain)
		var got testRecord
		if err := v.read("a", &got); err != nil || got.Refresh != plantedToken {
			t.Errorf("%+v, %v", got, err)
		}
		k.set(nil, errors.New("locked again"))
		time.Sleep(time.Hour)
		if err := v.read("a", &got); err != nil {
			t.Errorf("the key is in memory: %v", err)
		}
	})
}

// A keyring that does not answer costs its time once, however many wait for it.
func TestVaultSlowKeyring(t *testing.T) {
	s, k := testStore(t), &fakeKeyring{held: make([]byte, 32)}
	first, _ := newTestVault(s, k)
	if err := first.write("sealed", testRecord{plantedToken, 3}); err != nil {
		t.Fatal(err)
	}
	k.asked, k.delay = 0, 300*time.Millisecond
	v, out := newTestVault(s, k)
	start := time.Now()
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() { refusal(t, v, "sealed", errSealed) })
		all.Go(func() {
			if err := v.write(string(rune('a'+i)), testRecord{plantedToken, i}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took := time.Since(start); k.asked != 1 || mcptest.TooLong(took, 5*k.delay) {
		t.Errorf("twenty records took %s and %d questions", took, k.asked)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("logged: %s", out)
	}
}

func TestVaultConcurrently(t *testing.T) {
	s, k := testStore(t), &fakeKeyring{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			v, _ := newTestVault(s, k) // another process
			for n := range 10 {
				if err := v.write("a", testRecord{plantedToken, i}); err != nil {
					t.Error(err)
				}
				var got testRecord
				if err := v.read("a", &got); err != nil || got.Refresh != plantedToken {
					t.Errorf("%d: %+v, %v", n, got, err)
				}
			}
		})
	}
	all.Wait()
	if k.made != 1 {
		t.Errorf("%d keys", k.made)
	}
}

func TestVaultRefusesUnsafeFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // the access list of the profile decides
	}
	s, k := testStore(t), &fakeKeyring{}
	v, _ := newTestVault(s, k)
	path := s.Path("oauth/a")
	if err := v.write("a", testRecord{plantedToken, 3}); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o622, 0o666, 0o700 | 0o044} {
		os.Chmod(path, mode)
		refusal(t, v, "a", store.ErrUnsafe)
	}
	os.Chmod(path, 0o600)
	os.Rename(path, path+"-moved")
	if err := os.Symlink(path+"-moved", path); err != nil {
		t.Fatal(err)
	}
	refusal(t, v, "a", store.ErrUnsafe)
	if err := v.write("a", testRecord{"new", 4}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link was written through: %v, %v", info.Mode(), err)
	}
	if os.Geteuid() == 0 {
		os.Chown(path, 12345, -1)
		refusal(t, v, "a", store.ErrUnsafe)
	}
}
