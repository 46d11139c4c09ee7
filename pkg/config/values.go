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
	r.own = func(name string) string { return name } // its value is hashed where it stands
	mac := hmac.New(sha256.New, key)
	for kind, vars := range [][]Var{s.Env, s.Headers} {
		for _, v := range vars {
			value := ""
			parts, bad := s.parse([]string{"env.", "headers."}[kind]+v.Name, v.Value)
			ok := bad == nil
			if ok {
				var err error
				value, err = r.expand(parts)
				ok = err == nil
			}
			fmt.Fprintf(mac, "%d %q %q %v\n", kind, v.Name, value, ok)
		}
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
