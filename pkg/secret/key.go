package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"
)

// The key has a service name of its own, so that no ${keyring:NAME} of a configuration can refer to it.
const (
	keyService = "mcpproxy-stdio oauth"
	keyUser    = "token encryption key"
	keySize    = 32
)

// ErrNotKey is wrapped when something else lies where the key should. It is not replaced.
var ErrNotKey = errors.New("what the keyring holds as the key for OAuth tokens is none")

// Key returns the 32 bytes that encrypt OAuth tokens on this machine. It waits at most three seconds. Errors wrap [ErrNotFound],
// [ErrTimeout] or [ErrNotKey] where these are the cause.
//
// Where there is no key, one is made if lock is not nil. Two keys would make each other's records useless, so lock has to keep
// out whoever else makes one, other processes included; it is held until the keyring is done, also after Key itself has given up
// on it, as when a person is asked for a password meanwhile.
func Key(lock func() (unlock func(), err error)) ([]byte, error) {
	var key []byte
	err := within(readTimeout, func() (func(), error) {
		k, err := getKey()
		if errors.Is(err, keyring.ErrNotFound) && lock != nil {
			k, err = makeKey(lock)
		}
		return func() { key = k }, err
	})
	return key, explainKey(err)
}

func makeKey(lock func() (func(), error)) ([]byte, error) {
	unlock, err := lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if k, err := getKey(); !errors.Is(err, keyring.ErrNotFound) {
		return k, err // somebody else made it
	}
	k := make([]byte, keySize)
	rand.Read(k)
	if err := keyring.Set(keyService, keyUser, base64.StdEncoding.EncodeToString(k)); err != nil {
		return nil, err
	}
	return getKey() // what it has kept is what counts
}

func getKey() ([]byte, error) {
	text, err := keyring.Get(keyService, keyUser)
	if err != nil {
		return nil, err
	}
	k, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(k) != keySize {
		return nil, ErrNotKey // and not err, which could quote it
	}
	return k, nil
}

// explainKey is explain for the key, which nobody stores by hand.
func explainKey(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return fmt.Errorf("%w: the keyring has no key for OAuth tokens", ErrNotFound)
	case errors.Is(err, ErrNotKey):
		return fmt.Errorf("%w – remove the entry %q from it", err, keyService)
	case errors.Is(err, ErrTimeout):
		return err
	}
	return fmt.Errorf("the keyring cannot be used: %w", err)
}
