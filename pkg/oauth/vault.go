package oauth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Why a record can't be read although it is there.
var (
	// errSealed: the keyring does not give the key, now. The record may be read later and is not to be replaced for this reason.
	errSealed = errors.New("it is encrypted, and the keyring that holds its key can't be used")
	// errUnreadable: it is of no use any more. It stays until the next write.
	errUnreadable = errors.New("what is stored can't be read")
)

const (
	askAgain     = 30 * time.Second // a keyring that has failed
	lockPatience = 3 * time.Second  // for another process that makes the key
)

// A vault keeps records in the store, encrypted with a key that is in the system's keyring. Where no keyring can be used, records
// are written as they are, which is said once. A process has one vault.
type vault struct {
	store *store.Store
	log   zerolog.Logger
	// keyring is secret.Key.
	keyring func(lock func() (unlock func(), err error)) ([]byte, error)
	// mark and marked are those of package secret. They tell which records were encrypted once.
	mark   func(name string) error
	marked func(name string) bool
	noted  sync.Map // names that were marked by this process
	warned sync.Once

	// asking guards what follows and is held while the keyring is asked, for seconds at most: whoever else needs the key wants this
	// answer, not another question that a person may be shown.
	asking sync.Mutex
	key    []byte
	failed error     // what the keyring said last, if that was no key
	at     time.Time // and when; compared by the monotonic clock
	looked time.Time // when it was asked whether it has another key than ours
}

// newVault returns the vault in s. The keyring is not asked before the first use.
func newVault(s *store.Store, log zerolog.Logger) *vault {
	return &vault{store: s, log: log, keyring: secret.Key, mark: secret.Mark, marked: secret.Marked}
}

// envelope is what a file holds: either of Sealed and Plain.
type envelope struct {
	V      int             `json:"v"`
	Key    string          `json:"key,omitempty"` // which key; see keyID
	Nonce  []byte          `json:"nonce,omitempty"`
	Sealed []byte          `json:"sealed,omitempty"` // AES-256-GCM (NIST SP 800-38D); the additional data is the name
	Plain  json.RawMessage `json:"plain,omitempty"`
}

func record(name string) string { return "oauth/" + name }

// read puts the record into the value that into points to. The error wraps fs.ErrNotExist, errSealed, errUnreadable or
// store.ErrUnsafe, among others, and quotes nothing of the record.
func (v *vault) read(name string, into any) error {
	data, err := v.store.ReadSecret(record(name))
	if err != nil {
		return err
	}
	var e envelope
	switch {
	case json.Unmarshal(data, &e) != nil:
		return fmt.Errorf("%w: the file is damaged", errUnreadable)
	case e.V != 1:
		return fmt.Errorf("%w: it was written by another version", errUnreadable)
	case (e.Plain == nil) == (e.Sealed == nil):
		return fmt.Errorf("%w: the file is damaged", errUnreadable)
	}
	text := []byte(e.Plain)
	if e.Plain != nil && v.wasSealed(name) {
		return fmt.Errorf("%w: an unencrypted file replaced the encrypted one. Log in again", errUnreadable)
	}
	if e.Plain == nil {
		if text, err = v.open(name, e); err != nil {
			return err
		}
	}
	if !isObject(text) || json.Unmarshal(text, into) != nil { // its error may quote
		return fmt.Errorf("%w: it holds something else", errUnreadable)
	}
	return nil
}

// wasSealed tells whether a record was encrypted once, as far as the keyring can be asked. Then one that is not encrypted is somebody else's, or of
// a time without the keyring: nobody can tell.
func (v *vault) wasSealed(name string) bool {
	v.asking.Lock()
	_, err := v.current(nil)
	v.asking.Unlock()
	return err == nil && v.marked(record(name))
}

// noteSealed marks a record that is encrypted. A keyring that fails meanwhile is told in the log, like one that can't be used.
func (v *vault) noteSealed(name string) {
	if _, known := v.noted.LoadOrStore(name, true); known {
		return
	}
	if err := v.mark(record(name)); err != nil {
		v.noted.Delete(name)
		v.log.Debug().Err(err).Msg("the keyring can't note that a login is encrypted")
	}
}

func (v *vault) open(name string, e envelope) ([]byte, error) {
	key, err := v.keyFor(e.Key)
	switch {
	case errors.Is(err, secret.ErrNotFound):
		return nil, fmt.Errorf("%w: the keyring no longer has its key", errUnreadable)
	case err != nil:
		return nil, fmt.Errorf("%w (%w). Unlock the keyring and try again; nothing is deleted", errSealed, err)
	case keyID(key) != e.Key:
		return nil, fmt.Errorf("%w: it was encrypted with a different key than the keyring's", errUnreadable)
	}
	aead := gcm(key)
	if len(e.Nonce) != aead.NonceSize() {
		return nil, fmt.Errorf("%w: the file is damaged", errUnreadable)
	}
	text, err := aead.Open(nil, e.Nonce, e.Sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("%w: the file was changed", errUnreadable)
	}
	return text, nil
}

// isObject: null would be taken for an empty record.
func isObject(text []byte) bool { return len(text) > 0 && text[0] == '{' }

// write stores the record, durably. The value has to be an object as JSON.
func (v *vault) write(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil || !isObject(text) {
		return errors.New("the record can't be stored: it is no JSON object")
	}
	e := envelope{V: 1}
	v.asking.Lock()
	key, err := v.current(v.lockKey)
	v.asking.Unlock()
	if err == nil {
		e.Key, e.Nonce = keyID(key), make([]byte, 12)
		rand.Read(e.Nonce)
		e.Sealed = gcm(key).Seal(nil, e.Nonce, text, []byte(name))
	} else {
		v.warn(err)
		e.Plain = text
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err = v.store.Write(record(name), data); err == nil && e.Sealed != nil {
		v.noteSealed(name)
	}
	return err
}

// remove deletes the record; a missing one is fine.
func (v *vault) remove(name string) error { return v.store.Remove(record(name)) }

func (v *vault) warn(cause error) {
	v.warned.Do(func() {
		v.log.Warn().Str("dir", v.store.Path("oauth")).Err(cause).
			Str("remedy", "unlock the keyring, or install one (on Linux a Secret Service such as gnome-keyring); the next login or renewal is then encrypted").
			Msg("OAuth tokens are stored unencrypted, in files that only you can read: no keyring can be used")
	})
}

// lockKey keeps other processes from making a key.
func (v *vault) lockKey() (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	if unlock, err = v.store.Lock(ctx, "oauth-key"); err != nil {
		err = fmt.Errorf("another process waits for it: %w", err)
	}
	return unlock, err
}

// keyFor returns the key of that id, or the keyring's if it has another one by now.
func (v *vault) keyFor(id string) ([]byte, error) {
	v.asking.Lock()
	defer v.asking.Unlock()
	key, err := v.current(nil)
	if err != nil || keyID(key) == id || !v.looked.IsZero() && time.Since(v.looked) < askAgain {
		return key, err
	}
	v.looked = time.Now()
	fresh, err := v.keyring(nil)
	if err != nil {
		return nil, err
	}
	v.key = fresh
	return fresh, nil
}

// current returns the key, from memory if it is there. Where there is none, it is made under the lock, if there is one.
func (v *vault) current(lock func() (func(), error)) ([]byte, error) {
	if v.key != nil {
		return v.key, nil
	}
	if v.failed != nil && time.Since(v.at) < askAgain {
		return nil, v.failed
	}
	key, err := v.keyring(lock)
	v.key, v.failed, v.at = key, err, time.Now()
	if errors.Is(err, secret.ErrNotFound) {
		v.failed = nil // it works, and may be asked again with a lock
	}
	return key, err
}

// keyID tells keys apart and nothing else about them.
func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("mcpproxy-stdio oauth key id "), key...))
	return hex.EncodeToString(sum[:4])
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // of secret.Key's promise
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
