package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"
)

func TestKey(t *testing.T) {
	keyring.MockInit()
	if _, err := Key(nil); !errors.Is(err, ErrNotFound) {
		t.Fatalf("no key: %v", err)
	}
	held := 0
	lock := func() (func(), error) { held++; return func() { held-- }, nil }
	key, err := Key(lock)
	if err != nil || len(key) != 32 || bytes.Equal(key, make([]byte, 32)) || held != 0 {
		t.Fatalf("%d bytes, %v, lock held %d times", len(key), err, held)
	}
	again, err := Key(func() (func(), error) { return nil, errors.New("locked without need") })
	if err != nil || !bytes.Equal(again, key) {
		t.Errorf("another key, or %v", err)
	}
	if kept, _ := keyring.Get(keyService, keyUser); kept != base64.StdEncoding.EncodeToString(key) {
		t.Error("the keyring holds something else")
	}
	if _, err := Get(keyUser); err == nil || keyService == Service {
		t.Error("${keyring:…} reaches the key")
	}
}

// Between the look and the lock somebody else has made the key.
func TestKeyIsMadeOnce(t *testing.T) {
	keyring.MockInit()
	theirs := bytes.Repeat([]byte{7}, keySize)
	key, err := Key(func() (func(), error) {
		return func() {}, keyring.Set(keyService, keyUser, base64.StdEncoding.EncodeToString(theirs))
	})
	if err != nil || !bytes.Equal(key, theirs) {
		t.Errorf("a second key was made, or %v", err)
	}
}

// Who has given up on a slow keyring still keeps others from making a key until it is done.
func TestSlowKeyIsLockedUntilItIsMade(t *testing.T) {
	keyring.MockInit()
	synctest.Test(t, func(t *testing.T) {
		made := false
		start := time.Now()
		_, err := Key(func() (func(), error) {
			time.Sleep(10 * time.Second)
			return func() { _, e := tokenKey.get(); made = e == nil }, nil
		})
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took != readTimeout {
			t.Errorf("after %s: %v", took, err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !made {
			t.Error("the lock was given back before the key was there")
		}
	})
}

func TestKeyErrors(t *testing.T) {
	t.Cleanup(keyring.MockInit)
	free := func() (func(), error) { return func() {}, nil }
	for _, held := range []string{"", "c2hvcnQ=", "topsecret is no base64", strings.Repeat("A", 100)} {
		keyring.MockInit()
		keyring.Set(keyService, keyUser, held)
		if _, err := Key(free); !errors.Is(err, ErrNotKey) || held != "" && strings.Contains(err.Error(), held) {
			t.Errorf("%q: %v", held, err)
		}
		if kept, _ := keyring.Get(keyService, keyUser); kept != held {
			t.Errorf("%q was replaced", held)
		}
	}
	keyring.MockInit()
	busy := errors.New("somebody else is at it")
	if _, err := Key(func() (func(), error) { return nil, busy }); !errors.Is(err, busy) {
		t.Errorf("without the lock: %v", err)
	}
	if _, err := keyring.Get(keyService, keyUser); err == nil {
		t.Error("made without the lock")
	}
	keyring.MockInitWithError(errors.New("dbus is not there"))
	if _, err := Key(free); err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "dbus is not there") {
		t.Errorf("no keyring: %v", err)
	}
}
