package quarantine

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
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
	Hash    string    `json:"hash"` // see hashCode
	Cost    int       `json:"cost"` // rounds
	Digest  string    `json:"digest"`
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries"`
}

const (
	// CodeLife is how long a one-time code is valid.
	CodeLife  = 10 * time.Minute
	codeTries = 5
	// codeCost makes each guess at a stored code take about a second: those of all 10^8 codes take years, and a code lives ten minutes.
	codeCost = 1_000_000
)

// Errors of a code.
var (
	// ErrNoCode is wrapped when no code was shown for what is to be approved, or it was used, or it is too old.
	ErrNoCode = errors.New("no code is valid now")
	// ErrWrongCode is wrapped for a code that is not the one that was shown.
	ErrWrongCode = errors.New("the code is not the one that was shown")
)

// hashCode is PBKDF2 (RFC 8018) with HMAC-SHA-512 of the code and the key of the seals, salted with what the code approves and when it ends.
func hashCode(key *sealKey, code string, c *Code) (string, error) {
	sum, err := pbkdf2.Key(sha512.New, string(key.bytes)+code, []byte("mcpproxy-stdio code "+c.Digest+" "+c.Expires.Format(time.RFC3339Nano)), c.Cost, sha512.Size)
	return hex.EncodeToString(sum), err
}

// NewCode makes the one code with which what has this digest can be approved within ten minutes, and returns its eight digits. The
// one before is void.
func (b *Book) NewCode(path, server, digest string) (string, error) {
	key, err := b.writeKey()
	if err != nil {
		return "", err
	}
	code := Digits(8)
	c := &Code{Cost: b.CodeCost, Digest: digest, Expires: time.Now().Add(CodeLife).UTC()}
	if c.Hash, err = hashCode(key, code, c); err != nil {
		return "", err
	}
	_, err = b.Update(path, server, func(r *Record) error { r.Code = c; return nil })
	return code, err
}

// Redeem approves with a code. A wrong one is counted, on disk, before it is told; the fifth burns the code.
func (b *Book) Redeem(s *config.Server, path, digest, code, by string, judge Judge) (decision string, err error) {
	code = strings.Map(func(r rune) rune { // people write it as it is shown, in groups
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	right, hash, err := b.matches(path, s.Name, code) // before the lock: it takes a while
	if err != nil {
		return "", err
	}
	var refused error
	_, err = b.Update(path, s.Name, func(r *Record) error {
		c := r.Code
		switch {
		case c == nil || c.Hash != hash || !time.Now().Before(c.Expires) || !strings.EqualFold(c.Digest, digest):
			refused = ErrNoCode
			return ErrUnchanged
		case !right:
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

// matches tells whether a code is the one that is stored now, and the hash of that one.
func (b *Book) matches(path, server, code string) (right bool, hash string, err error) {
	r, err := b.Read(path, server)
	if err != nil || r == nil || r.Code == nil || !time.Now().Before(r.Code.Expires) {
		return false, "", err
	}
	key, err := b.keys.current(false)
	if err != nil {
		return false, "", err
	}
	tried, err := hashCode(key, code, r.Code)
	return hmac.Equal([]byte(r.Code.Hash), []byte(tried)), r.Code.Hash, err
}

// Digits are n random decimal digits.
func Digits(n int) string {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("%0*d", n, v)
}
