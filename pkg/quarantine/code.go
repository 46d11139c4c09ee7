package quarantine

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Code is a one-time code as it is stored. The code itself is only ever on a person's terminal.
type Code struct {
	Hash    string    `json:"hash"` // HMAC-SHA-256 of code and digest, under a key of the store
	Digest  string    `json:"digest"`
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries"`
}

const (
	// CodeLife is how long a one-time code is valid.
	CodeLife  = 10 * time.Minute
	codeTries = 5
)

// Errors of a code.
var (
	// ErrNoCode is wrapped when no code was shown for what is to be approved, or it was used, or it is too old.
	ErrNoCode = errors.New("no code is valid now")
	// ErrWrongCode is wrapped for a code that is not the one that was shown.
	ErrWrongCode = errors.New("the code is not the one that was shown")
)

// KnownKey is the store's own key if there is one, nil if nothing is stored yet.
func (b *Book) KnownKey() ([]byte, error) {
	key, err := b.store.Read("code-key")
	switch {
	case missing(err):
		return nil, nil
	case err == nil && len(key) != sha256.Size:
		return nil, nil
	}
	return key, err
}

// Key is the store's own key, made when it is first needed. One-time codes and the literal values of launches are hashed under it.
func (b *Book) Key() (key []byte, err error) {
	if key, err = b.KnownKey(); key != nil || err != nil {
		return key, err
	}
	err = b.store.Update("code-key", func(old []byte) ([]byte, error) {
		if key = old; len(old) == sha256.Size {
			return nil, nil
		}
		key = make([]byte, sha256.Size)
		rand.Read(key)
		return key, nil
	})
	return key, err
}

func hashCode(key []byte, code, digest string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(code + "\x00" + digest))
	return hex.EncodeToString(mac.Sum(nil))
}

// NewCode makes the one code with which what has this digest can be approved within ten minutes, and returns its eight digits. The
// one before is void.
func (b *Book) NewCode(path, server, digest string) (string, error) {
	key, err := b.Key()
	if err != nil {
		return "", err
	}
	code := digits(8)
	_, err = b.Update(path, server, func(r *Record) error {
		r.Code = &Code{Hash: hashCode(key, code, digest), Digest: digest, Expires: time.Now().Add(CodeLife).UTC()}
		return nil
	})
	return code, err
}

// Redeem approves with a code. A wrong one is counted, on disk, before it is told; the fifth burns the code.
func (b *Book) Redeem(s *config.Server, path, digest, code, by string, judge Judge) (decision string, err error) {
	key, err := b.Key()
	if err != nil {
		return "", err
	}
	code = strings.Map(func(r rune) rune { // people write it as it is shown, in groups
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	var refused error
	_, err = b.Update(path, s.Name, func(r *Record) error {
		c := r.Code
		switch {
		case c == nil || !time.Now().Before(c.Expires) || !strings.EqualFold(c.Digest, digest):
			refused = ErrNoCode
			return ErrUnchanged
		case !hmac.Equal([]byte(c.Hash), []byte(hashCode(key, code, c.Digest))):
			refused = fmt.Errorf("%w: %d tries are left", ErrWrongCode, codeTries-c.Tries-1)
			if c.Tries++; c.Tries >= codeTries {
				r.Code = nil
				refused = fmt.Errorf("%w: that was the last try, the code is void", ErrWrongCode)
			}
			return nil
		}
		r.Code = nil
		decision, refused = r.Approve(s, digest, Means{How: "code", By: by}, judge)
		return nil
	})
	if err != nil {
		return "", err
	}
	return decision, refused
}

// digits are n random decimal digits.
func digits(n int) string {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("%0*d", n, v)
}
