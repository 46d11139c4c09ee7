package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"
)

// The keys have service names of their own, so that no ${keyring:NAME} of a configuration can refer to one.
const (
	keyService      = "mcpproxy-stdio oauth"
	keyUser         = "token encryption key"
	approvalService = "mcpproxy-stdio approvals"
	approvalUser    = "record key"
	keySize         = 32
)

// ErrNotKey is wrapped when something else lies where a key should. It is not replaced.
var ErrNotKey = errors.New("the keyring's entry is not a key")

// A keyEntry is where the keyring has a key, and what the key is for.
type keyEntry struct{ service, user, purpose string }

var (
	tokenKey    = keyEntry{keyService, keyUser, "OAuth tokens"}
	approvalKey = keyEntry{approvalService, approvalUser, "approvals"}
)

// Key returns the 32 bytes that encrypt OAuth tokens on this machine. It waits at most three seconds. Errors wrap [ErrNotFound],
// [ErrTimeout] or [ErrNotKey] where these are the cause.
//
// Where there is no key, one is made if lock is not nil. Two keys would make each other's records useless, so lock has to keep
// out whoever else makes one, other processes included; it is held until the keyring is done, also after Key itself has given up
// on it, as when a person is asked for a password meanwhile.
func Key(lock func() (unlock func(), err error)) ([]byte, error) { return tokenKey.key(lock) }

// ApprovalKey is [Key] for the 32 bytes under which what a person approved is authenticated.
func ApprovalKey(lock func() (unlock func(), err error)) ([]byte, error) {
	return approvalKey.key(lock)
}

func (e keyEntry) key(lock func() (unlock func(), err error)) ([]byte, error) {
	var key []byte
	err := within(readTimeout, func() (func(), error) {
		k, err := e.get()
		if errors.Is(err, keyring.ErrNotFound) && lock != nil {
			k, err = e.make(lock)
		}
		return func() { key = k }, err
	})
	return key, e.explain(err)
}

func (e keyEntry) make(lock func() (func(), error)) ([]byte, error) {
	unlock, err := lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if k, err := e.get(); !errors.Is(err, keyring.ErrNotFound) {
		return k, err // somebody else made it
	}
	k := make([]byte, keySize)
	rand.Read(k)
	if err := keyring.Set(e.service, e.user, base64.StdEncoding.EncodeToString(k)); err != nil {
		return nil, err
	}
	return e.get() // what it has kept is what counts
}

func (e keyEntry) get() ([]byte, error) {
	text, err := keyring.Get(e.service, e.user)
	if err != nil {
		return nil, err
	}
	k, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(k) != keySize {
		return nil, ErrNotKey // and not err, which could quote it
	}
	return k, nil
}

// explain is [explain] for a key, which nobody stores by hand.
func (e keyEntry) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return fmt.Errorf("%w: the keyring has no key for %s", ErrNotFound, e.purpose)
	case errors.Is(err, ErrNotKey):
		return fmt.Errorf("%w – remove the entry %q from it", err, e.service)
	case errors.Is(err, ErrTimeout):
		return err
	}
	return fmt.Errorf("the keyring cannot be used: %w", err)
}

// Markers tell, in the keyring, that something was done before, whatever becomes of the files that also tell it.
const markerService = "mcpproxy-stdio seen"

// Mark notes a name in the keyring. It waits at most three seconds.
func Mark(name string) error {
	return within(readTimeout, func() (func(), error) { return nil, keyring.Set(markerService, name, "seen") })
}

// Marked tells whether a name was noted with [Mark]. It waits at most three seconds; a keyring that can't be used has noted nothing.
func Marked(name string) bool {
	return within(readTimeout, func() (func(), error) { _, err := keyring.Get(markerService, name); return nil, err }) == nil
}
