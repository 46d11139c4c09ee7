package oauth

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// A plainError is a network error in plain words, with host and port in place of the URL.
type plainError struct {
	msg   string
	cause error // nil: there is none
}

func (e *plainError) Error() string { return e.msg }
func (e *plainError) Unwrap() error { return e.cause }

// plain takes off what http.Client puts around an error of the guard: it quotes the URL.
func plain(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// inWords says why a host gave no answer.
func inWords(from string, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		if u, e := url.Parse(ue.URL); e == nil && u.Hostname() != "" { // after redirects it is another one
			from = HostPort(u)
		}
		err = ue.Err
	}
	var done *plainError
	if errors.As(err, &done) {
		return done
	}
	words := NetworkReason(err, wholeRequest)
	if words == "" { // others may quote what was sent
		words = "no proper HTTP answer came from it, or from the proxy on the way"
	}
	return &plainError{from + ": " + words, err}
}

// NetworkReason says in plain words why a host gave no answer; "" if the error is none that is known. It quotes nothing of what was sent.
// limit is how long the caller waited.
func NetworkReason(err error, limit time.Duration) string {
	var (
		dns     *net.DNSError
		op      *net.OpError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, errRefusedAddress):
		if errors.As(err, &op) {
			err = op.Err
		}
		return err.Error()
	case errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return "the proxy of the environment could not be reached, or it refused: " + cmp.Or(NetworkReason(op.Err, limit), op.Err.Error())
	case errors.Is(err, ErrProxy):
		return ErrProxy.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "the name could not be resolved: " + dns.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused)"
	case errors.As(err, &unknown):
		return UnknownAuthority()
	case errors.As(err, &host):
		return "its TLS certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its TLS certificate has expired or is not valid yet"
	case errors.As(err, &cert):
		return "its TLS certificate can't be verified"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS on this port (is it http:// instead of https://?)"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection was closed before the answer was complete"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer within " + limit.String()
	case errors.As(err, &op):
		return "the connection failed: " + op.Err.Error()
	}
	return ""
}
