package oauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/net/http/httpproxy"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// This file is where this program's HTTP clients begin: those of remote servers (package transport) and those of their
// authorization servers. Which proxy they use and which certificates they trust is decided here, for both. The Docker
// engine and our own pages on 127.0.0.1 have clients of their own: neither is reached through a proxy.

// NewTransport returns a transport that follows the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (also in
// lower case), NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and SSL_CERT_DIR.
func NewTransport() *http.Transport {
	roots, _ := authorities()
	return &http.Transport{Proxy: environmentProxy(), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
}

// ErrProxy is returned for a request that would go through a proxy which the environment names wrongly.
var ErrProxy = errors.New("HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not the URL of an HTTP or SOCKS5 proxy")

// environmentProxy is http.ProxyFromEnvironment with ALL_PROXY, which counts where no other variable names a proxy. The
// environment is read each time, and not once per process.
func environmentProxy() func(*http.Request) (*url.URL, error) {
	c := httpproxy.FromEnvironment()
	all := firstSet("ALL_PROXY", "all_proxy")
	if c.HTTPSProxy == "" {
		c.HTTPSProxy = all
	}
	if c.HTTPProxy == "" && !c.CGI {
		c.HTTPProxy = all
	}
	find := c.ProxyFunc()
	return func(req *http.Request) (*url.URL, error) {
		proxy, err := find(req.URL)
		if err != nil {
			return nil, ErrProxy // err may quote a password
		}
		if proxy == nil {
			return nil, nil
		}
		switch strings.ToLower(proxy.Scheme) {
		case "http", "https", "socks5", "socks5h":
		case "socks": // as desktops write it
			proxy.Scheme = "socks5"
		default:
			return nil, ErrProxy
		}
		if proxy.Hostname() == "" {
			return nil, ErrProxy
		}
		return proxy, nil
	}
}

func firstSet(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// maxBundle is the size of the largest file of certificates that is read; the usual bundles have 250 KiB.
const maxBundle = 16 << 20

// pools keeps the last pool that was made, as SSL_CERT_DIR may hold hundreds of files.
var pools struct {
	mu   sync.Mutex
	from string // the variables
	pool *x509.CertPool
}

// authorities are the certificates to trust: the system's and those of the environment, on every system, where Go by
// itself takes the latter from SSL_CERT_FILE and SSL_CERT_DIR on some. It is nil for the system's alone. problem says
// which of the variables could not be used.
func authorities() (pool *x509.CertPool, problem error) {
	file, extra, dirs := os.Getenv("SSL_CERT_FILE"), os.Getenv("NODE_EXTRA_CA_CERTS"), os.Getenv("SSL_CERT_DIR")
	if file == "" && extra == "" && dirs == "" {
		return nil, nil
	}
	from := strings.Join([]string{file, extra, dirs}, "\x00")
	pools.mu.Lock()
	defer pools.mu.Unlock()
	if pools.from == from {
		return pools.pool, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	problem = errors.Join(appendFile(pool, "SSL_CERT_FILE", file), appendFile(pool, "NODE_EXTRA_CA_CERTS", extra), appendDirs(pool, dirs))
	if problem == nil { // else perhaps the file appears
		pools.from, pools.pool = from, pool
	}
	return pool, problem
}

func appendFile(pool *x509.CertPool, variable, path string) error {
	if path == "" {
		return nil
	}
	data, err := readBundle(path)
	if err == nil && !pool.AppendCertsFromPEM(data) {
		err = errors.New("it contains no PEM certificate")
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if err != nil {
		return fmt.Errorf("%s can't be used, %s: %w", variable, confusables.Quote(path), err)
	}
	return nil
}

// appendDirs adds every certificate of the directories; other files in them are passed over, as OpenSSL does.
func appendDirs(pool *x509.CertPool, dirs string) error {
	var problem error
	for _, dir := range filepath.SplitList(dirs) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			problem = fmt.Errorf("SSL_CERT_DIR can't be used, %s can't be read", confusables.Quote(dir))
			continue
		}
		for _, e := range entries {
			if data, err := readBundle(filepath.Join(dir, e.Name())); err == nil {
				pool.AppendCertsFromPEM(data)
			}
		}
	}
	return problem
}

// readBundle reads a regular file: opening a named pipe would wait.
func readBundle(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxBundle {
		return nil, errors.New("it is not a certificate file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBundle))
}

// UnknownAuthority says, of a certificate whose issuer is not known, what can be done.
func UnknownAuthority() string {
	const said = "its TLS certificate is signed by an authority this machine does not know"
	if _, problem := authorities(); problem != nil {
		return said + " (" + strings.ReplaceAll(problem.Error(), "\n", "; ") + ")"
	}
	return said + " (NODE_EXTRA_CA_CERTS or SSL_CERT_FILE names a file with more)"
}
