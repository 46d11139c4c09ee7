package mcptest

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// Serve runs a scripted upstream over a pair of streams until r ends, ctx is
// done, or a tool or fault ends it. In the latter two cases it closes r, if r is
// an [io.Closer], since nothing else interrupts a read; it never closes w.
//
// The faults exit-at-start, fork, fork-group, ignore-eof and stderr-flood are
// those of a process and do nothing here: see [Command].
func Serve(ctx context.Context, r io.Reader, w io.Writer, opts Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newCore(opts, io.Discard)
	c.exit = func(int) { cancel() }
	c.kill = cancel
	stop := context.AfterFunc(ctx, func() {
		if closer, ok := r.(io.Closer); ok {
			closer.Close()
		}
	})
	err := c.serve(ctx, r, w)
	if !stop() {
		return nil // the read was interrupted on purpose
	}
	return err
}

// serve reads messages and answers them. It holds answers back while more
// messages wait to be read, so that a burst costs few writes.
func (c *core) serve(ctx context.Context, r io.Reader, w io.Writer) error {
	in, out := newFrameReader(r), newFrameWriter(w)
	out.noise = c.opts.has(FaultGarbageStdout)
	if c.opts.has(FaultCRLF) {
		out.ending = "\r\n"
	}
	if out.noise {
		out.add(chunk{raw: true, data: []byte("Welcome!\n\n{\"starting\":true\n")}, false)
		out.flush()
	}
	c.rawOut = func(data []byte, last bool) {
		out.add(chunk{data: data, raw: true}, last)
		out.flush()
	}
	var headed bool // decided by the first frame, before anything is answered
	out.contentLength = func() bool { return headed }

	// While held, frames are only added: the loop below flushes before it reads on.
	var held atomic.Bool
	send := func(frame []byte) {
		out.add(chunk{data: frame}, false)
		if !held.Load() {
			out.flush()
		}
	}
	s := newSession(ctx, c, send)
	defer s.close()
	to := replies{send: send, answer: func(frame []byte) {
		if frame != nil {
			send(frame)
		}
	}}

	for n := 0; ctx.Err() == nil; n++ {
		if c.opts.has(FaultNoRead) && n >= c.opts.NoReadAfter {
			c.linger(ctx)
			return nil
		}
		line, err := in.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			headed = in.contentLength
		}
		held.Store(in.more())
		if len(line) > 0 {
			s.handle(line, to)
		}
		if !in.more() {
			held.Store(false)
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// linger waits for the end of ctx, but not longer than [Lifetime].
func (c *core) linger(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(Lifetime):
	}
}
