package docker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
)

// tlsConfig is that of the certificates, nil if there are none.
func (e Endpoint) tlsConfig() (*tls.Config, error) {
	data := e.spec.TLSData
	if data == nil || !strings.HasPrefix(e.Host, "tcp:") {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.spec.SkipTLSVerify} // which only a context of the person's says
	wrong := func(err error) (*tls.Config, error) {
		return nil, refuse(fmt.Errorf("the certificates for the engine at %s cannot be read: %w", e.Host, err), "Look at ca.pem, cert.pem and key.pem")
	}
	if data.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data.CA) {
			return wrong(errors.New("ca.pem contains no certificate"))
		}
	}
	if data.Cert != nil || data.Key != nil {
		pair, err := tls.X509KeyPair(data.Cert, data.Key)
		if err != nil {
			return wrong(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// there tells in words why nothing answers at the endpoint.
func (e Endpoint) there(err error) error {
	remedy := "Start Docker, or name another engine in isolation.docker_host"
	path, unix := strings.CutPrefix(e.Host, "unix://")
	var opErr *net.OpError
	switch {
	case unix && missing(path):
		//lint:ignore ST1005 Docker is a name
		return refuse(fmt.Errorf("Docker is not running: there is no socket at %s (%s)", path, e.Source), remedy)
	case errors.Is(err, fs.ErrPermission):
		return refuse(fmt.Errorf("this user may not use the Docker engine at %s: permission denied", e.Host), "Join the group that owns the socket (docker), or use a rootless engine")
	case strings.HasPrefix(e.Host, "ssh://"):
		if _, said, ok := strings.Cut(err.Error(), "stderr="); ok && strings.TrimSpace(said) != "" {
			err = errors.New(said) // ssh's own words, behind which command was run
		}
		return refuse(fmt.Errorf("the Docker engine at %s can't be reached over ssh: %s", e.Host, quoted(err)), "Try `ssh -o BatchMode=yes` to that host: it must log in without asking and find the docker command")
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return refuse(fmt.Errorf("the Docker engine at %s has a certificate that ca.pem does not cover: %s", e.Host, quoted(err)), "Check ca.pem beside the other certificates, and the host name")
	case errors.As(err, &opErr) && opErr.Op == "remote error": // an alert of TLS
		return refuse(fmt.Errorf("the Docker engine at %s refuses our certificate: %s", e.Host, quoted(opErr.Err)), "Look at cert.pem and key.pem in DOCKER_CERT_PATH: they must be signed for this engine")
	case opErr != nil:
		err = opErr.Err
	}
	why := ": " + quoted(err)
	if strings.Contains(why, "Cannot connect to the Docker daemon") { // which is all that the client says of it
		why = ""
	}
	return refuse(fmt.Errorf("the Docker engine at %s (%s) does not answer%s", e.Host, e.Source, why), remedy)
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
