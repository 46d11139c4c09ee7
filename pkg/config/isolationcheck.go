package config

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
)

const (
	minMemory = 6 << 20 // Docker's own
	maxMemory = 1 << 50 // beyond any machine; what overflows ends up there
)

// memoryOf reads an amount as Docker's --memory has it: 512m, 1.5 GiB, a number of bytes.
func memoryOf(text string) (int64, *fault) {
	n, err := units.RAMInBytes(text)
	switch {
	case err != nil || n < 0 || n > maxMemory:
		return 0, &fault{message: "is not an amount of memory", remedy: `write a number and a unit: "512m", "2g"`}
	case n < minMemory:
		return 0, &fault{message: "is less than 6 MiB, the least that Docker gives", remedy: `write a number and a unit: "512m", "2g"; or remove it for no limit`}
	}
	return n, nil
}

// imageFault says what is wrong with the name of an image.
func imageFault(name string) *fault {
	if _, err := reference.ParseAnyReference(name); err != nil {
		return &fault{text: excerpt(name), message: "is not the name of an image", remedy: `write "node:24", "ghcr.io/owner/name:tag" or "sha256:…", in lower case`}
	}
	return nil
}

// isEngineName accepts what Docker lets networks and such be named.
func isEngineName(s string) bool {
	return s != "" && !strings.ContainsRune("_.-", rune(s[0])) && only(s, "_.-")
}

const dockerHostRemedy = `write "unix:///var/run/docker.sock", "tcp://host:2376" or "ssh://user@host"`

// dockerHostFault says what is wrong with the address of an engine. Its text never has a password in it.
func dockerHostFault(raw string) *fault {
	u, err := url.Parse(raw)
	if err != nil || !printable(raw) || strings.Contains(raw, " ") {
		return &fault{message: "cannot be read", remedy: dockerHostRemedy}
	}
	shown := excerpt(u.Scheme + "://" + u.Host)
	wrong := func(message, remedy string) *fault { return &fault{text: shown, message: message, remedy: remedy} }
	if _, has := u.User.Password(); has {
		return wrong("carries a password, which ends up in logs", "use a key: ssh-agent, or the certificates of DOCKER_CERT_PATH")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return wrong("has more than an address", dockerHostRemedy)
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || len(u.Path) < 2 {
			return wrong("is not the path of a socket", `write three slashes: "unix:///var/run/docker.sock"`)
		}
	case "npipe":
		if u.Host != "" || !strings.HasPrefix(u.Path, "//") {
			return wrong("is not the path of a pipe", `write "npipe:////./pipe/docker_engine"`)
		}
	case "tcp":
		if host, port, err := net.SplitHostPort(u.Host); err != nil || host == "" || port == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
			return wrong("is not a host and a port", `write "tcp://host:2376"`)
		}
	case "ssh":
		// What begins with a hyphen would be an option of the ssh command.
		if u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
			return wrong("has no host", `write "ssh://user@host"`)
		}
	default:
		return &fault{text: excerpt(u.Scheme), message: "is none of unix, npipe, tcp and ssh", remedy: dockerHostRemedy}
	}
	return nil
}

// checkResolved checks what could not be checked while it was a reference, chooses the image and makes paths absolute.
func (i *Isolation) checkResolved(written *Isolation, l *Launch, workspace string) error {
	check := func(option, text, before string, wrong func(string) *fault) error {
		switch {
		case before == "":
			return nil
		case text == "":
			return errors.New(option + " is empty after its references are replaced – set what it refers to")
		}
		if f := wrong(text); f != nil {
			return errors.New(sentence(option+" "+f.message, "", f.remedy))
		}
		return nil
	}
	if err := check("isolation.image", i.Image, written.Image, imageFault); err != nil {
		return err
	}
	if err := check("isolation.docker_host", i.DockerHost, written.DockerHost, dockerHostFault); err != nil {
		return err
	}
	if i.Type != IsolationSandbox {
		if i.Image = i.ImageFor(l.Command); i.Image == "" {
			f := noImage(l.Command, i.Type)
			return errors.New(sentence(f.message, "", f.remedy))
		}
	}
	return i.placeMounts(l.Dir, workspace)
}
