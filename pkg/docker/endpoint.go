package docker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	clicontext "github.com/docker/cli/cli/context"
	dockercontext "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
)

// Endpoint is a way to an engine.
type Endpoint struct {
	Host   string // a URL: unix, npipe, tcp or ssh
	Source string // where it comes from, for people

	way  way
	dir  string // of the docker command's configuration
	spec dockercontext.Endpoint
}

// way is what an endpoint was found by; an engine is found again with it in a later life.
type way struct {
	Host string            `json:"docker_host,omitempty"` // the entry's
	Env  map[string]string `json:"env,omitempty"`
}

// variables are those that lead to an engine (docs.docker.com, "Environment variables" of the docker command).
var variables = []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONFIG", "HOME", "USERPROFILE"}

// FindEndpoint finds the engine that the docker command would use: host if it is not empty, DOCKER_HOST, DOCKER_CONTEXT, the
// context in use, the system's default. environ has strings of the form NAME=value; nothing is contacted.
func FindEndpoint(host string, environ []string) (Endpoint, error) {
	return way{Host: host, Env: wayEnv(environ)}.find()
}

func wayEnv(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); value != "" && slices.Contains(variables, name) {
			env[name] = value
		}
	}
	return env
}

func (w way) String() string {
	text, err := json.Marshal(w)
	if err != nil {
		panic(err) // strings alone
	}
	return string(text)
}

func (w way) find() (Endpoint, error) {
	e := Endpoint{way: w, dir: cmp.Or(w.Env["DOCKER_CONFIG"], filepath.Join(cmp.Or(w.Env["HOME"], w.Env["USERPROFILE"]), ".docker"))}
	switch {
	case w.Host != "":
		e.Host, e.Source = w.Host, "docker_host"
	case w.Env["DOCKER_HOST"] != "":
		e.Host, e.Source = w.Env["DOCKER_HOST"], "DOCKER_HOST"
	default:
		return e.fromContext()
	}
	return e, e.secure()
}

// fromContext takes the context in use, as `docker context use` sets it.
func (e Endpoint) fromContext() (Endpoint, error) {
	name := e.way.Env["DOCKER_CONTEXT"]
	if name == "" {
		file, err := e.commandConfig()
		if err != nil {
			return e, err
		}
		name = file.CurrentContext
	}
	if name == "" || name == "default" {
		e.Host, e.Source = client.DefaultDockerHost, "the default"
		return e, nil
	}
	e.Source = fmt.Sprintf("the docker context %q", name)
	e.way.Env["DOCKER_CONTEXT"] = name
	contexts := store.New(filepath.Join(e.dir, "contexts"), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(dockercontext.DockerEndpoint, func() any { return &dockercontext.EndpointMeta{} })))
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return e, refuse(fmt.Errorf("%s cannot be read: %w", e.Source, err), "Look at `docker context ls`, or name the engine in isolation.docker_host")
	}
	endpoint, err := dockercontext.EndpointFromContext(meta)
	if err == nil {
		e.spec, err = dockercontext.WithTLSData(contexts, name, endpoint)
	}
	if err != nil {
		return e, refuse(fmt.Errorf("%s cannot be used: %w", e.Source, err), "Look at `docker context inspect`, or name the engine in isolation.docker_host")
	}
	e.Host = cmp.Or(endpoint.Host, client.DefaultDockerHost)
	return e, e.check()
}

// commandConfig is the docker command's own configuration, which has the context in use and the logins at registries.
func (e Endpoint) commandConfig() (*configfile.ConfigFile, error) {
	file, err := config.Load(e.dir)
	if err != nil {
		return nil, refuse(fmt.Errorf("the docker command's configuration in %s cannot be read: %w", e.dir, err), "Correct it, or name the engine in isolation.docker_host")
	}
	return file, nil
}

// secure adds the certificates to an endpoint that was named by its address alone. Whoever reaches an engine is root on its
// machine, and what is sent there has secrets: without TLS only this machine is spoken to.
func (e *Endpoint) secure() error {
	e.spec.EndpointMeta = dockercontext.EndpointMeta{Host: e.Host}
	u, err := url.Parse(e.Host)
	if err != nil || u.Scheme != "tcp" || u.User != nil {
		return e.check()
	}
	asked := e.way.Env["DOCKER_TLS_VERIFY"] != "" || e.way.Env["DOCKER_CERT_PATH"] != ""
	if local(u.Hostname()) && !asked && u.Port() != "2376" {
		return nil
	}
	dir := cmp.Or(e.way.Env["DOCKER_CERT_PATH"], e.dir)
	e.spec.TLSData, err = clicontext.TLSDataFromFiles(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = fmt.Errorf("%s: %w", path.Path, path.Err)
		}
		return refuse(fmt.Errorf("the engine at %s is reached over the network, which needs TLS, and its certificates are not there: %w", e.Host, err),
			"Put ca.pem, cert.pem and key.pem there or set DOCKER_CERT_PATH, or use ssh://")
	}
	return nil
}

// check refuses what is no way to an engine.
func (e *Endpoint) check() error {
	u, err := url.Parse(e.Host)
	if err != nil {
		e.Host = "…" // whatever is in it
		return refuse(errors.New("the engine's address cannot be read"), addressRemedy)
	}
	_, hasPassword := u.User.Password()
	switch {
	case hasPassword:
		e.Host = u.Scheme + "://…"
		return refuse(errors.New("the engine's address contains a password, which would end up in logs"), "Use a key: ssh-add, or IdentityFile in ~/.ssh/config")
	case u.Scheme == "tcp" && u.User != nil:
		return refuse(errors.New("the engine's address names a user, which TCP does not have"), addressRemedy)
	case u.Scheme == "tcp" && e.spec.TLSData == nil && !local(u.Hostname()):
		return refuse(fmt.Errorf("%s reaches %s without TLS: anyone on the way could read and change everything", e.Source, e.Host), "Give the context its certificates, or use ssh://")
	case u.Scheme != "unix" && u.Scheme != "npipe" && u.Scheme != "tcp" && u.Scheme != "ssh":
		return refuse(fmt.Errorf("the engine's address begins with %q", u.Scheme+"://"), addressRemedy)
	}
	return nil
}

const addressRemedy = `Write "unix:///path", "tcp://host:2376" or "ssh://user@host"`

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Remote tells whether the engine is certainly on another machine, whose files are not ours.
func (e Endpoint) Remote() bool {
	u, err := url.Parse(e.Host)
	return err == nil && (u.Scheme == "ssh" || u.Scheme == "tcp" && !local(u.Hostname()))
}
