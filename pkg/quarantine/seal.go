package quarantine

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// A seal is an HMAC under a key that this program keeps, so that a file written by hand, or by another program, is not taken for what a person
// approved. The key is in the system's keyring. Where there is none it is a file in the state directory, which protects from damage and from
// records made elsewhere, and not from a program that can read that file.

var (
	// errSeal is wrapped by the error of what has no seal, or a false one.
	errSeal = errors.New("mcpproxy-stdio did not write it")
	// ErrKeyring is wrapped while the key is in a keyring that can't be used. It can be tried again.
	ErrKeyring = errors.New("the key of what was approved is in the keyring, which can't be used now: unlock it")
)

const (
	keyFile      = "code-key"
	askAgain     = 30 * time.Second // a keyring that gave no key
	askSoon      = 3 * time.Second  // one whose key is needed
	patience     = 1500 * time.Millisecond
	lockPatience = 3 * time.Second // for another process that makes the key
)

// sealKey is a key, and its name: which kind of place has it, and a few bytes that tell keys apart.
type sealKey struct {
	name  string
	bytes []byte
	ring  bool
}

func newSealKey(kind string, key []byte) *sealKey {
	sum := sha256.Sum256(append([]byte("mcpproxy-stdio approval key id "), key...))
	mac := hmac.New(sha256.New, key) // a key of its own: other things are hashed under that one
	mac.Write([]byte("mcpproxy-stdio seal"))
	return &sealKey{kind + "-" + hex.EncodeToString(sum[:4]), mac.Sum(nil), kind == ringKind}
}

const (
	ringKind = "keyring"
	fileKind = "file"
)

func (k *sealKey) mac(what string, text []byte) string {
	mac := hmac.New(sha256.New, k.bytes)
	mac.Write([]byte(what + "\x00"))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

// keyRing finds the key. It is safe for concurrent use.
type keyRing struct {
	store   *store.Store
	keyring func(lock func() (unlock func(), err error)) ([]byte, error) // secret.ApprovalKey

	kept keptKey // what the file had last

	// asking guards what follows and is held while the keyring is asked: whoever else needs the key wants this answer.
	asking sync.Mutex
	key    *sealKey
	failed error     // why there is none
	absent bool      // the keyring works, and has none yet
	at     time.Time // when it was asked; compared by the monotonic clock
}

type keptKey struct{ key atomic.Pointer[[]byte] }

func (k *keptKey) Store(key []byte) { k.key.Store(&key) }

func (k *keptKey) Load() []byte {
	if key := k.key.Load(); key != nil {
		return *key
	}
	return nil
}

// current is the key that seals, and the only one whose seals count: the keyring's, else the file's. A keyring that works and has none yet
// is given one if fresh is set.
func (k *keyRing) current(fresh bool) (*sealKey, error) {
	k.asking.Lock()
	defer k.asking.Unlock()
	switch {
	case k.key != nil && (k.key.ring || time.Since(k.at) < askAgain && !(fresh && k.absent)):
		return k.key, nil
	case k.failed != nil && time.Since(k.at) < askSoon:
		return nil, k.failed
	}
	k.ask(fresh)
	return k.key, k.failed
}

// again is current after a seal of another key was met: another process may have made one.
func (k *keyRing) again() (*sealKey, error) {
	k.asking.Lock()
	defer k.asking.Unlock()
	if time.Since(k.at) >= askSoon || k.key != nil && !k.key.ring {
		k.ask(false)
	}
	return k.key, k.failed
}

// ask asks the keyring; asking is held.
func (k *keyRing) ask(fresh bool) {
	var lock func() (func(), error)
	if fresh {
		lock = k.lock
	}
	key, err := k.asked(lock)
	sealed := err != nil && k.sealedByRing()
	if sealed && errors.Is(err, secret.ErrNotFound) { // another process may have made the key since
		key, err = k.asked(lock)
	}
	k.at, k.absent = time.Now(), errors.Is(err, secret.ErrNotFound)
	switch {
	case err == nil:
		k.key, k.failed = newSealKey(ringKind, key), nil
	case sealed:
		k.key, k.failed = nil, fmt.Errorf("%w (%w)", ErrKeyring, err)
	default:
		if key, k.failed = k.file(); k.failed == nil {
			k.key = newSealKey(fileKind, key)
		}
	}
}

// asked is the keyring's answer. When a key is only to be read, a client that gives up after some seconds is waiting.
func (k *keyRing) asked(lock func() (func(), error)) ([]byte, error) {
	if lock != nil {
		return k.keyring(lock)
	}
	type answer struct {
		key []byte
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		key, err := k.keyring(nil)
		answers <- answer{key, err}
	}()
	select {
	case a := <-answers:
		return a.key, a.err
	case <-time.After(patience):
		return nil, secret.ErrTimeout
	}
}

func (k *keyRing) lock() (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	if unlock, err = k.store.Lock(ctx, keyFile); err != nil {
		err = fmt.Errorf("another process waits for it: %w", err)
	}
	return unlock, err
}

// sealedByRing tells whether something was sealed with a key in the keyring, by its name: then no other key counts.
func (k *keyRing) sealedByRing() bool {
	files, _ := k.store.List(baselinesDir)
	for _, file := range append(files, indexName) {
		if data, err := k.store.Read(file); err == nil {
			if _, name, _, ok := cutSeal(data); ok && strings.HasPrefix(name, ringKind+"-") {
				return true
			}
		}
	}
	return false
}

// file is the key in the state directory, made when it is first needed. One that was removed while this process runs is put back.
func (k *keyRing) file() (key []byte, err error) {
	if key, err = k.known(); key != nil || err != nil {
		return key, err
	}
	err = k.store.Update(keyFile, func(old []byte) ([]byte, error) {
		if key = old; len(old) == sha256.Size {
			return nil, nil
		}
		if key = k.kept.Load(); key == nil {
			key = make([]byte, sha256.Size)
			rand.Read(key)
		}
		return key, nil
	})
	if err == nil {
		k.kept.Store(key)
	}
	return key, err
}

// fileCurrent is the key in the file as it is now, for writing.
func (k *keyRing) fileCurrent() (*sealKey, error) {
	key, err := k.file()
	if err != nil {
		return nil, err
	}
	now := newSealKey(fileKind, key)
	k.asking.Lock()
	defer k.asking.Unlock()
	if k.key != nil && !k.key.ring {
		k.key = now
	}
	return now, nil
}

// known is the key in the state directory, nil if there is none.
func (k *keyRing) known() ([]byte, error) {
	key, err := k.store.ReadSecret(keyFile)
	if missing(err) || err == nil && len(key) != sha256.Size {
		return nil, nil
	}
	if err == nil {
		k.kept.Store(key)
	}
	return key, err
}

// KnownKey is the state directory's own key if there is one, nil if nothing is stored yet.
func (b *Book) KnownKey() ([]byte, error) { return b.keys.known() }

// Key is the state directory's own key, made when it is first needed. The literal values of launches are hashed under it.
func (b *Book) Key() ([]byte, error) { return b.keys.file() }

// seal adds a last line to a text that ends in a line break: the key's name, and the HMAC of the text and of the file's name.
func (k *sealKey) seal(file string, text []byte) []byte {
	return append(bytes.Clone(text), "seal "+k.name+" "+k.mac(file, text)+"\n"...)
}

// cutSeal splits a text from its seal, if it has one.
func cutSeal(data []byte) (text []byte, name, mac string, ok bool) {
	whole, found := bytes.CutSuffix(data, []byte("\n"))
	i := bytes.LastIndexByte(whole, '\n')
	if !found || i < 0 {
		return data, "", "", false
	}
	fields := bytes.Fields(whole[i+1:])
	if len(fields) != 3 || string(fields[0]) != "seal" {
		return data, "", "", false
	}
	return whole[:i+1], string(fields[1]), string(fields[2]), true
}

// unseal returns the text under a seal. The error wraps errSeal if the seal is false, else the key can't be had now.
func (k *keyRing) unseal(file string, data []byte) ([]byte, error) {
	text, name, mac, ok := cutSeal(data)
	if !ok {
		return nil, fmt.Errorf("%w: it has no seal", errSeal)
	}
	key, err := k.named(name)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(mac), []byte(key.mac(file, text))) {
		return nil, fmt.Errorf("%w: its seal is false", errSeal)
	}
	return text, nil
}

// named is the key of that name. The error wraps errSeal if it does not count.
func (k *keyRing) named(name string) (*sealKey, error) {
	key, err := k.current(false)
	if err == nil && key.name != name {
		key, err = k.again()
	}
	switch {
	case err != nil:
		return nil, err
	case key.name != name && key.ring:
		return nil, fmt.Errorf("%w: it is sealed with another key than the keyring's", errSeal)
	case strings.HasPrefix(name, ringKind+"-") && !key.ring:
		return nil, ErrKeyring
	case key.name != name:
		return nil, fmt.Errorf("%w: it is sealed with another key", errSeal)
	}
	return key, nil
}
