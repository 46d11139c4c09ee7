package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ValuesDigest is a keyed hash of what the variables and headers of the entry come to: two that are equal have the same values. The
// workspace is left out, which is another one in each session, and a reference that leads nowhere has the same value each time.
func (s *Server) ValuesDigest(key []byte, env func(string) (string, bool), keyring func(string) (string, error)) string {
	r := Resolver{Env: env, Keyring: keyring, Workspace: "/"}
	mac := hmac.New(sha256.New, key)
	for kind, vars := range [][]Var{s.Env, s.Headers} {
		for _, v := range vars {
			value, err := r.expand(v.Value, s.objectForm)
			fmt.Fprintf(mac, "%d %q %q %v\n", kind, v.Name, value, err == nil)
		}
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
