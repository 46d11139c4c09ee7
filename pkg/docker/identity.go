package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/client"
)

// Identity is what an engine is approved by: where it is, and what vouches for it there. What leads to it (a context, a variable, the
// default) is no part of it.
type Identity struct {
	Host       string `json:"host"`
	CA         string `json:"ca_sha256,omitempty"` // of the certificates that vouch for it; "": the system's do, or there is no TLS
	SkipVerify bool   `json:"skip_tls_verify,omitempty"`
}

// Identity is the endpoint's. The links on the way to a socket are followed: a context and the default often lead to the same one. Our own
// certificate is no part of it, since it is renewed; nor is what ssh makes of a host's name, which is ssh's to check.
func (e Endpoint) Identity() Identity {
	id := Identity{Host: e.Host}
	if path, ok := strings.CutPrefix(e.Host, "unix://"); ok {
		id.Host = "unix://" + realSocket(path)
		return id
	}
	u, err := url.Parse(e.Host)
	if err == nil && u.User != nil {
		id.Host = u.Redacted()
	}
	if err != nil || u.Scheme != "tcp" {
		return id
	}
	id.SkipVerify = e.spec.SkipTLSVerify
	if data := e.spec.TLSData; data != nil && data.CA != nil {
		sum := sha256.Sum256(data.CA)
		id.CA = hex.EncodeToString(sum[:])
	}
	return id
}

// OfCommand finds the engine that a docker command line leads to. Where its address can't be used by us, as plain TCP, but may be by the
// docker command, the endpoint is good for its identity alone.
func OfCommand(args, environ []string) (Endpoint, error) {
	w := way{Env: wayEnv(environ)}
	for i := 0; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		option, value, joined := strings.Cut(args[i], "=")
		if len(option) > 2 && option[1] != '-' && (option[:2] == "-H" || option[:2] == "-c") { // -Htcp://…
			option, value, joined = args[i][:2], args[i][2:], true
		}
		if name, leads := commandOptions[option]; leads || slices.Contains(valuedOptions, option) {
			if i++; !joined && i < len(args) {
				value = args[i]
			} else if joined {
				i--
			}
			switch {
			case !leads:
			case name == "":
				w.Host = value
			default:
				w.Env[name] = value
				if name == "DOCKER_CONTEXT" {
					delete(w.Env, "DOCKER_HOST") // the option goes before the variable
				}
			}
		}
	}
	e, err := w.find()
	if err != nil && e.Host != "" {
		return e, nil
	}
	return e, err
}

// commandOptions are the options of the docker command that lead to an engine, with the variable that does the same; "": docker_host.
var commandOptions = map[string]string{"-H": "", "--host": "", "-c": "DOCKER_CONTEXT", "--context": "DOCKER_CONTEXT", "--config": "DOCKER_CONFIG"}

// valuedOptions are others that take the next word.
var valuedOptions = []string{"-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey"}

func realSocket(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// Default tells whether it is the engine that the system's own address leads to, which only an administrator can change.
func (id Identity) Default() bool {
	return id.Host == Endpoint{Host: client.DefaultDockerHost}.Identity().Host
}

// JSON is the identity as it is kept and shown.
func (id Identity) JSON() []byte {
	text, err := json.Marshal(id)
	if err != nil {
		panic(err) // strings alone
	}
	return text
}
