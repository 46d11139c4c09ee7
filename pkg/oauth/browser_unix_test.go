//go:build unix

package oauth

import "golang.org/x/sys/unix"

// session is the session of this process.
func session() int { sid, _ := unix.Getsid(0); return sid }
