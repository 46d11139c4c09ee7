//go:build unix

package docker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestOverTLS(t *testing.T) {
	t.Parallel()
	e := newEngine(t, mcptest.WithTLS())
	r := newRig(t, e.Host, "DOCKER_CERT_PATH="+e.CertDir)
	if r.endpoint.Remote() {
		t.Error("the loopback is another machine")
	}
	p := r.start(r.spec()).running()
	if got := p.ask("echo " + strings.Repeat("x", 1<<20)); len(got) != 1<<20 {
		t.Errorf("%d bytes", len(got))
	}
	p.CloseStdin()
	fails(t, p.end(), "exited with status 0")

	mine := t.TempDir() // signed by an authority of its own
	strangers(t, mine)
	with := func(ca, cert string) error {
		dir := t.TempDir()
		for from, name := range map[string]string{ca: "ca.pem", cert: "cert.pem"} {
			b, err := os.ReadFile(filepath.Join(from, name))
			if err != nil {
				t.Fatal(err)
			}
			writeFiles(t, dir, map[string]string{name: string(b)})
		}
		key, err := os.ReadFile(filepath.Join(cert, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		writeFiles(t, dir, map[string]string{"key.pem": string(key)})
		r := newRig(t, e.Host, "DOCKER_CERT_PATH="+dir)
		return r.start(r.spec()).end()
	}
	fails(t, with(e.CertDir, mine), "refuses our certificate", "cert.pem")
	fails(t, with(mine, e.CertDir), "that ca.pem does not cover", "unknown authority")

	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"ca.pem": "x", "cert.pem": "y", "key.pem": "z"})
	r = newRig(t, e.Host, "DOCKER_CERT_PATH="+dir)
	fails(t, r.start(r.spec()).end(), "certificates", "cannot be read", "ca.pem")

	r = newRig(t, e.Host) // TLS was not asked for, on the loopback
	fails(t, r.start(r.spec()).end(), "HTTPS")

	// What hangs is given up there, too.
	r = newRig(t, e.Host, "DOCKER_CERT_PATH="+e.CertDir)
	e.Freeze()
	p = r.start(r.spec())
	time.Sleep(50 * time.Millisecond)
	begin := time.Now()
	p.Kill()
	if err := p.end(); !errors.Is(err, context.Canceled) || mcptest.TooLong(time.Since(begin), 5*time.Second) {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
	e.Thaw()
	none(t, e, r)
}

// strangers writes a certificate and key that no engine knows.
func strangers(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stranger"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	writeFiles(t, dir, map[string]string{"ca.pem": cert, "cert.pem": cert, "key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))})
}

func TestOverSSH(t *testing.T) {
	e := sharedEngine(t)
	sshd := e.NewSSHD(t)
	for _, kv := range sshd.Env() {
		if name, value, _ := strings.Cut(kv, "="); name == "PATH" {
			t.Setenv(name, value)
		}
	}
	mcptest.CheckGoroutines(t)
	mcptest.CheckProcesses(t, "")
	r := newRig(t, sshd.Host)
	if !r.endpoint.Remote() {
		t.Error("it is here")
	}
	if e, err := r.endpoint.open(); err != nil || e.http.Proxy != nil {
		t.Error("by way of a proxy", err)
	}
	p := r.start(r.spec()).running()
	if got := p.ask("echo " + strings.Repeat("x", 1<<20)); len(got) != 1<<20 {
		t.Errorf("%d bytes", len(got))
	}
	p.CloseStdin()
	fails(t, p.end(), "exited with status 0")

	p = r.start(r.spec("-ignore-eof", "-ignore-term")).running()
	p.Kill()
	if err := p.end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	none(t, e, r)

	sshd.Stop() // while a server runs
	fails(t, r.start(r.spec()).end(), "can't be reached over ssh", "BatchMode=yes")
	if c := Examine(context.Background(), r.endpoint); c.Info != nil || c.Err == nil {
		t.Errorf("%+v", c)
	}
	r.Close(patience)
}

// Who writes to an ssh that has ended is told what it said, whichever comes first.
func TestWhySSHEnded(t *testing.T) {
	for name, reason := range map[string]error{"said": errors.New("Permission denied"), "silent": io.EOF} {
		near, far := net.Pipe()
		c := &sshConn{Conn: failing{near, reason}, failed: make(chan struct{})}
		go func() {
			time.Sleep(20 * time.Millisecond)
			far.Close()
			c.Read(make([]byte, 1))
		}()
		near.Close()
		_, err := c.Write([]byte("x"))
		if want := map[bool]error{true: io.ErrClosedPipe, false: reason}[reason == io.EOF]; !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
}

type failing struct {
	net.Conn
	reason error
}

func (f failing) Read([]byte) (int, error) { return 0, f.reason }

// Who would be asked for a password is told so, within a bounded time, and no ssh is left.
func TestAnSSHThatDoesNotLogIn(t *testing.T) {
	for name, script := range map[string]string{
		"refuses": "echo 'me@host: Permission denied (publickey).' >&2; exit 255",
		"is late": "sleep 0.3; echo 'me@host: Permission denied (publickey).' >&2; exit 255",
		"hangs":   "exec sleep 300",
		"asks":    `case "$*" in *BatchMode=yes*) echo no question >&2; exit 255;; esac; exec sleep 300`,
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			writeFiles(t, bin, map[string]string{"ssh": "#!/bin/sh\necho \"$@\" >" + bin + "/asked\n" + script + "\n"})
			if err := os.Chmod(filepath.Join(bin, "ssh"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			mcptest.CheckProcesses(t, "")
			mcptest.CheckGoroutines(t)
			r := newRig(t, "ssh://me@host")
			p := r.start(r.spec())
			if name == "hangs" {
				waitFor(t, "ssh is started", func() bool { _, err := os.Stat(filepath.Join(bin, "asked")); return err == nil })
				begin := time.Now()
				p.Kill()
				if err := p.end(); !errors.Is(err, context.Canceled) || mcptest.TooLong(time.Since(begin), 5*time.Second) {
					t.Errorf("after %s: %v", time.Since(begin), err)
				}
			} else {
				fails(t, p.end(), "ssh://me@host can't be reached over ssh", "ssh -o BatchMode=yes")
			}
			if name == "refuses" || name == "is late" {
				fails(t, p.Err(), "over ssh: me@host: Permission denied (publickey). Try")
			}
			asked, err := os.ReadFile(filepath.Join(bin, "asked"))
			if err != nil || !strings.Contains(string(asked), "-o BatchMode=yes -o ConnectTimeout=10") || !strings.Contains(string(asked), "-- host docker system dial-stdio") {
				t.Errorf("%s, %v", asked, err)
			}
			r.Close(patience)
		})
	}
}
