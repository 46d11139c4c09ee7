package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/docker/cli/cli/connhelper"
)

// sshDialer is the way to an engine by "docker system dial-stdio" over ssh, as the docker command goes it, and the address to name.
func sshDialer(host string) (dial func(context.Context, string, string) (net.Conn, error), address string, err error) {
	// BatchMode: nobody is there to be asked, and ssh would ask on the client's terminal.
	helper, err := connhelper.GetConnectionHelperWithSSHOpts(host, []string{"-o", "BatchMode=yes", "-o", "ConnectTimeout=10"})
	if err != nil {
		return nil, "", refuse(err, `Write "ssh://user@host"`)
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := helper.Dialer(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &sshConn{Conn: conn, failed: make(chan struct{})}, nil
	}, helper.Host, nil
}

// sshConn tells why ssh has ended also to who writes to it: Conn tells only its reader.
type sshConn struct {
	net.Conn
	once   sync.Once
	failed chan struct{} // closed once why is set
	why    error
}

func (c *sshConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.once.Do(func() { c.why = err; close(c.failed) })
	}
	return n, err
}

func (c *sshConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	select {
	case <-c.failed:
		if !errors.Is(c.why, io.EOF) {
			err = c.why
		}
	case <-time.After(sshReason):
	}
	return n, err
}

// sshReason is how long the reason why ssh has ended is waited for.
const sshReason = time.Second

// CloseWrite closes the engine's end of what is sent.
func (c *sshConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}
