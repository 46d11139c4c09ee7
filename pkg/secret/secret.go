// Package secret keeps what ${keyring:NAME} refers to in the system's keyring
// (Keychain, Credential Manager, Secret Service), under one service name.
//
// It exists so that a configuration file need not hold secrets, and so that a
// locked or slow keyring never hangs the start of a server: every request has a
// time limit and an error that says what to do. It does not cache or encrypt
// anything itself, and no error of it contains a value. Keyrings cannot be asked
// what they hold, so a file with names, never values, is kept beside the state.
package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zalando/go-keyring"
)

// Service is the name under which the keyring shows our secrets.
const Service = "mcpproxy-stdio"

const (
	readTimeout = 3 * time.Second
	// Writing is done by a person, whom the system may ask for a password.
	writeTimeout = 2 * time.Minute
)

// Errors of this package, wrapped with the secret's name and the remedy.
var (
	ErrNotFound = errors.New("no secret of this name")
	ErrTimeout  = errors.New("the keyring does not answer")
)

// isName accepts the names that a ${keyring:NAME} may have. A regular expression
// for this would cost a start half a millisecond.
func isName(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("_.@+-", r))
	})
}

// Store is the keyring with an index of names.
type Store struct {
	// IndexPath is the file with the names, 0600. Its directory is made if missing.
	IndexPath string
}

// Get returns the secret of that name. It waits at most three seconds. Errors
// wrap [ErrNotFound] or [ErrTimeout] where these are the cause.
func Get(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	var value string
	err := within(readTimeout, func() (func(), error) {
		v, err := keyring.Get(Service, name)
		return func() { value = v }, err
	})
	return value, explain(name, err)
}

// Usable tells why no secret could be stored under a name, as far as the keyring can be asked. It may ask the person to unlock it.
func (s Store) Usable(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := within(writeTimeout, func() (func(), error) {
		_, err := keyring.Get(Service, name)
		return nil, err
	})
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return explain(name, err)
}

// Set stores a secret, or replaces it, and notes its name.
func (s Store) Set(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if value == "" {
		return fmt.Errorf("secret %s: the value is empty – give one, or remove the secret with `mcpproxy-stdio secret rm %s`", name, name)
	}
	err := within(writeTimeout, func() (func(), error) { return nil, keyring.Set(Service, name, value) })
	if err != nil {
		return explain(name, err)
	}
	return s.note(name, true)
}

// Remove deletes a secret and its name. One that neither the keyring nor the
// index knows is an error that wraps [ErrNotFound].
func (s Store) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := within(writeTimeout, func() (func(), error) { return nil, keyring.Delete(Service, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		names, listErr := s.List()
		for _, known := range names {
			if known == name {
				return s.note(name, false)
			}
		}
		return errors.Join(explain(name, err), listErr)
	}
	if err != nil {
		return explain(name, err)
	}
	return s.note(name, false)
}

func checkName(name string) error {
	if !isName(name) {
		return fmt.Errorf("secret: %.40q cannot be a name – use 1 to 128 letters, digits and _ . @ + -", name)
	}
	return nil
}

// within runs ask, and then the function it returns, unless ask takes longer than
// limit. The keyrings' libraries cannot be interrupted: a request that is late
// goes on by itself, and its answer is dropped.
func within(limit time.Duration, ask func() (func(), error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	type answer struct {
		take func()
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		take, err := ask()
		answers <- answer{take, err}
	}()
	select {
	case a := <-answers:
		if a.err == nil && a.take != nil {
			a.take()
		}
		return a.err
	case <-ctx.Done():
		return fmt.Errorf("%w within %s", ErrTimeout, limit)
	}
}

// explain names the secret and what to do. What a keyring says is kept: it talks
// about itself, never about values.
func explain(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return fmt.Errorf("secret %s: %w – store it with `mcpproxy-stdio secret set %s`", name, ErrNotFound, name)
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return fmt.Errorf("secret %s: %w – this system's keyring takes only shorter values; use ${env:NAME}", name, err)
	case errors.Is(err, ErrTimeout):
		return fmt.Errorf("secret %s: %w – unlock it and try again, or use ${env:NAME}", name, err)
	}
	return fmt.Errorf("secret %s: the keyring cannot be used: %w – unlock or install one (on Linux, a Secret Service such as gnome-keyring), or use ${env:NAME}", name, err)
}
