package docker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/connhelper"
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
	w := way{Host: host, Env: map[string]string{}}
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); value != "" && slices.Contains(variables, name) {
			w.Env[name] = value
		}
	}
	return w.find()
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
	if err != nil || u.Scheme != "tcp" {
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
		return refuse(errors.New("the engine's address cannot be read"), `Write "unix:///path", "tcp://host:2376" or "ssh://user@host"`)
	}
	switch {
	case u.Scheme == "tcp" && e.spec.TLSData == nil && !local(u.Hostname()):
		return refuse(fmt.Errorf("%s leads to %s without TLS: whoever listens on the way could read and change everything", e.Source, e.Host), "Give the context its certificates, or use ssh://")
	case u.Scheme != "unix" && u.Scheme != "npipe" && u.Scheme != "tcp" && u.Scheme != "ssh":
		return refuse(fmt.Errorf("the engine's address begins with %q", u.Scheme+"://"), `Write "unix:///path", "tcp://host:2376" or "ssh://user@host"`)
	}
	if _, hasPassword := u.User.Password(); hasPassword {
		e.Host = u.Scheme + "://…"
		return refuse(errors.New("the engine's address has a password in it, which ends up in logs"), "Use a key: ssh-add, or IdentityFile in ~/.ssh/config")
	}
	return nil
}

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Remote tells whether the engine is certainly on another machine, whose files are not ours.
func (e Endpoint) Remote() bool {
	u, err := url.Parse(e.Host)
	return err == nil && (u.Scheme == "ssh" || u.Scheme == "tcp" && !local(u.Hostname()))
}

// open makes a client; nothing is contacted yet.
func (e Endpoint) open() (*client.Client, error) {
	if strings.HasPrefix(e.Host, "ssh://") {
		// BatchMode: nobody is there to be asked, and ssh would ask on the client's terminal.
		helper, err := connhelper.GetConnectionHelperWithSSHOpts(e.Host, []string{"-o", "BatchMode=yes"})
		if err != nil {
			return nil, refuse(err, `Write "ssh://user@host"`)
		}
		return client.NewClientWithOpts(client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
			client.WithHost(helper.Host), client.WithDialContext(helper.Dialer), client.WithAPIVersionNegotiation())
	}
	opts, err := e.spec.ClientOpts()
	if err != nil {
		return nil, refuse(err, "Look at the certificates of the engine")
	}
	if e.spec.Host == "" {
		opts = append(opts, client.WithHost(e.Host))
	}
	return client.NewClientWithOpts(opts...)
}

// there tells in words why nothing answers at the endpoint.
func (e Endpoint) there(err error) error {
	remedy := "Start Docker, or name another engine in isolation.docker_host"
	path, unix := strings.CutPrefix(e.Host, "unix://")
	var opErr *net.OpError
	switch {
	case unix && missing(path):
		return refuse(fmt.Errorf("no Docker engine is there: %s does not exist (%s)", path, e.Source), remedy)
	case errors.Is(err, fs.ErrPermission):
		return refuse(fmt.Errorf("the Docker engine at %s may not be used by this user: permission denied", e.Host), "Join the group that owns the socket (docker), or use a rootless engine")
	case strings.HasPrefix(e.Host, "ssh://"):
		return refuse(fmt.Errorf("the Docker engine at %s is not reached over ssh: %s", e.Host, quoted(err)), "Try `ssh -o BatchMode=yes` to that host: it must log in without a question and find the docker command there")
	case errors.As(err, &opErr):
		err = opErr.Err
	}
	return refuse(fmt.Errorf("the Docker engine at %s (%s) does not answer: %s", e.Host, e.Source, quoted(err)), remedy)
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
