package oauth

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
)

// TestAttack15Refresh: six processes find an expired token at once, twenty times: one renewal each time, all calls are served, the login lives.
// That one of them crashes while it holds the lock is tested with real processes elsewhere.
func TestAttack15Refresh(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	logins := []*Login{b.login}
	for len(logins) < 6 {
		logins = append(logins, b.again())
	}
	b.switches(`{"as":{"token":{"mode":"delay","ms":30}}}`)
	for round := range 20 {
		b.expire(b.login)
		for _, l := range logins {
			l.mu.Lock()
			l.grant = nil
			l.mu.Unlock()
			if g, _, err := l.current(); g == nil || err != nil || !g.due() {
				t.Fatalf("%+v %v", g, err)
			}
		}
		b.ClearLog()
		var all sync.WaitGroup
		for _, l := range logins {
			all.Go(func() {
				if status, text, err := b.call(l, "whoami"); status != 200 || err != nil {
					t.Errorf("round %d: %d %s %v", round, status, text, err)
				}
			})
		}
		all.Wait()
		if n := b.count("/token"); n != 1 {
			t.Fatalf("round %d: %d renewals", round, n)
		}
	}
	b.works(b.again(), "whoami")
}

// TestAttack15Rejected: the same with tokens that the server refuses although they have not expired.
func TestAttack15Rejected(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	logins := []*Login{b.login, b.again(), b.again()}
	for _, l := range logins {
		b.works(l, "whoami")
	}
	b.switches(`{"rs":{"reject":3},"as":{"token":{"mode":"delay","ms":300}}}`)
	b.ClearLog()
	var all sync.WaitGroup
	for _, l := range logins {
		all.Go(func() {
			if status, text, err := b.call(l, "whoami"); status != 200 || err != nil {
				t.Errorf("%d %s %v", status, text, err)
			}
		})
	}
	all.Wait()
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d renewals", n)
	}
}

// TestAttack16Login: six processes without a token, of entries that open the browser: one window, one registration, one login, all calls are served.
func TestAttack16Login(t *testing.T) {
	o := &config.OAuth{Login: config.LoginBrowser}
	b := newBed(t, o)
	opened := b.visits()
	b.switches(`{"as":{"token":{"mode":"delay","ms":300}}}`)
	logins := []*Login{b.login}
	for len(logins) < 6 {
		logins = append(logins, b.again())
	}
	var all sync.WaitGroup
	for _, l := range logins {
		for range 2 { // calls
			all.Go(func() {
				if status, text, err := b.call(l, "whoami"); status != 200 || err != nil {
					t.Errorf("%d %s %v", status, text, err)
				}
			})
		}
	}
	all.Wait()
	if n := opened(); n != 1 || b.count("/reg") != 1 || b.count("/token") != 1 {
		t.Errorf("%d windows, %d registrations, %d codes", n, b.count("/reg"), b.count("/token"))
	}
}

// TestAttack16Declined: what a person declines in one process is not asked again by the others that waited for it.
func TestAttack16Declined(t *testing.T) {
	b := newBed(t, &config.OAuth{Login: config.LoginBrowser})
	opened := b.visits()
	b.switches(`{"as":{"login":"form"}}`) // the person sits before it
	logins := []*Login{b.login, b.again(), b.again()}
	done := make(chan error, 10)
	for _, l := range logins {
		go func() { _, _, err := b.call(l, "whoami"); done <- err }()
	}
	deadline := time.Now().Add(5 * time.Second)
	for _, l := range logins { // all of them know of it
		for {
			l.mu.Lock()
			f := l.flow
			l.mu.Unlock()
			if f != nil && f.Shown().URL != "" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nobody is asked")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, l := range logins {
		l.mu.Lock()
		f := l.flow
		l.mu.Unlock()
		if !f.Shown().Elsewhere {
			f.Decline()
		}
	}
	for range logins {
		select {
		case err := <-done:
			if needed := (*RequiredError)(nil); !errors.As(err, &needed) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("a call waits for another login; %d windows", opened())
		}
	}
	if n := opened(); n != 1 {
		t.Errorf("%d windows", n)
	}
}

// TestAttack21Files: a stored login that others could read or have written, or that is damaged, is not used; none of it ends in a crash or a
// second-best login, and a person can always log in anew, or is told what to do.
func TestAttack21Files(t *testing.T) {
	b := newBed(t, nil)
	grantFile := func(b *bed) string {
		p, _, _, err := b.login.read()
		if err != nil {
			b.t.Fatal(err)
		}
		return b.store.Path(record(b.login.grantRecord(p)))
	}
	edit := func(change func(data []byte) []byte) func(*bed, string) {
		return func(b *bed, file string) {
			data, err := os.ReadFile(file)
			if err != nil {
				b.t.Fatal(err)
			}
			if err := os.WriteFile(file, change(data), 0o600); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil  func(b *bed, file string)
		unsafe bool // and so a person has to see to it
	}{
		"others can read it":  {func(b *bed, file string) { os.Chmod(file, 0o644) }, true},
		"others can write it": {func(b *bed, file string) { os.Chmod(file, 0o622) }, true},
		"a link":              {func(b *bed, file string) { os.Rename(file, file+".x"); os.Symlink(file+".x", file) }, true},
		"somebody else's":     {func(b *bed, file string) { chown(file) }, true},
		"half-written":        {edit(func(data []byte) []byte { return data[:len(data)/2] }), false},
		"empty":               {edit(func([]byte) []byte { return nil }), false},
		"garbage":             {edit(func([]byte) []byte { return bytes.Repeat([]byte{0xff, 0}, 5000) }), false},
		"one bit":             {edit(func(data []byte) []byte { data[len(data)/2] ^= 1; return data }), false},
		"of another record": {func(b *bed, file string) {
			place, _ := os.ReadFile(b.store.Path(record(b.login.target.place())))
			os.WriteFile(file, place, 0o600)
		}, false},
		"of another key":        {func(b *bed, file string) { b.keyring.set(bytes.Repeat([]byte{7}, 32), nil) }, false},
		"the keyring's is gone": {func(b *bed, file string) { b.keyring.set(nil, nil) }, false},
	} {
		if c.unsafe && runtime.GOOS == "windows" {
			continue // the access list of the profile decides
		}
		b.sub(name, nil, `{}`, func(b *bed) {
			b.logIn(b.login)
			c.spoil(b, grantFile(b))
			b.ClearLog()
			l := b.again()
			if c.unsafe {
				_, _, err := b.call(l, "whoami")
				says(b.t, err, "reading its login", "not safe to use")
				if _, err := l.Start(b.t.Context(), How{Open: true}); err == nil || len(b.opened) > 0 || len(b.Log()) > 0 {
					b.t.Errorf("a login begins: %v, %v", err, b.Log())
				}
				return
			}
			b.needs(l, "can no longer be read")
			for _, r := range b.Log() {
				if r.Authorized || r.Path == "/token" {
					b.t.Errorf("%+v", r)
				}
			}
			b.logIn(l)
			b.works(b.again(), "whoami")
		})
	}
}

// chown gives a file away; who isn't root can't, and makes it readable by others instead.
func chown(file string) {
	if os.Chown(file, 12345, -1) != nil {
		os.Chmod(file, 0o644)
	}
}

// TestAttack21Keyring: without a keyring tokens are kept in files for their owner alone, with one warning; one that is locked costs nothing
// that is stored.
func TestAttack21Keyring(t *testing.T) {
	b := newBed(t, nil)
	b.sub("absent", nil, `{}`, func(b *bed) {
		b.keyring.set(nil, errors.New("no dbus"))
		b.logIn(b.login)
		b.works(b.again(), "whoami")
		b.expire(b.login)
		b.works(b.login, "whoami")
		if said := b.said.String(); strings.Count(said, `"level":"warn"`) != 1 || !strings.Contains(said, "stored unencrypted") || !strings.Contains(said, "no dbus") {
			b.t.Errorf("logged: %s", said)
		}
		b.private()
	})
	b.sub("locked", nil, `{}`, func(b *bed) {
		b.logIn(b.login)
		key := b.keyring.held
		b.keyring.set(nil, errors.New("failed to unlock correct collection"))
		before := b.files()
		_, _, err := b.call(b.again(), "whoami")
		says(b.t, err, "Unlock the keyring and try again; nothing is deleted", "failed to unlock")
		if _, err := b.again().Start(b.t.Context(), How{Open: true}); err == nil || len(b.opened) > 0 {
			b.t.Errorf("a login begins: %v", err)
		}
		if b.files() != before {
			b.t.Error("something was written")
		}
		b.keyring.set(key, nil)
		b.works(b.again(), "whoami")
	})
	b.sub("slow", nil, `{}`, func(b *bed) {
		b.logIn(b.login)
		b.keyring.mu.Lock()
		b.keyring.delay = 300 * time.Millisecond
		b.keyring.mu.Unlock()
		l := b.again()
		before := b.keyring.asked
		for range 3 {
			_, _, err := b.call(l, "whoami")
			says(b.t, err, "Unlock the keyring", secret.ErrTimeout.Error())
		}
		if n := b.keyring.asked - before; n != 1 {
			b.t.Errorf("three calls asked it %d times", n)
		}
	})
}
