package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// turnTime is how long a flow waits for one that is under way elsewhere.
const turnTime = flowTime + 2*prepareTime

// sharedEvery is how often a waiting flow looks what the other one shows.
const sharedEvery = 300 * time.Millisecond

func (f *Flow) sharedRecord() string { return "flow" + f.login.target.place()[len("place"):] }

// share tells other processes what this flow shows, so that they can show it too; unshare takes it back. A process that is killed leaves it.
func (f *Flow) share(show Shown) (unshare func()) {
	l := f.login
	if err := l.vault().write(f.sharedRecord(), &show); err != nil {
		l.logins.opts.Log.Warn().Str("server", l.target.Name).Err(err).Msg("other windows can't join this login")
	}
	return func() { _ = l.vault().remove(f.sharedRecord()) }
}

// takeTurn waits until no other process is at this login. failed tells that one was, and ended it without success.
func (f *Flow) takeTurn() (unlock func(), failed bool, err error) {
	l := f.login
	ctx, cancel := context.WithTimeoutCause(f.ctx, turnTime, ErrTooLate)
	defer cancel()
	type turn struct {
		unlock func()
		err    error
	}
	mine := make(chan turn, 1)
	go func() {
		unlock, err := l.lock(ctx, "login-"+l.target.place())
		mine <- turn{unlock, err}
	}()
	look := time.NewTicker(sharedEvery)
	defer look.Stop()
	seen := false
	for {
		select {
		case t := <-mine:
			if t.err != nil {
				return nil, false, errors.Join(context.Cause(ctx), t.err)
			}
			var show Shown
			left := l.vault().read(f.sharedRecord(), &show) == nil // by a process that was killed: its login is to be begun anew
			if left {
				_ = l.vault().remove(f.sharedRecord())
			}
			return t.unlock, seen && !left, nil
		case <-look.C:
			var show Shown
			if l.vault().read(f.sharedRecord(), &show) == nil && show.URL != f.Shown().URL {
				seen, show.Elsewhere = true, true
				f.tell(show)
			}
		}
	}
}

// pasteElsewhere hands a pasted answer to the process that waits for it, as a browser would.
func pasteElsewhere(ctx context.Context, show Shown, pasted *url.URL) error {
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}, Timeout: 2 * renewTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	start, err := url.Parse(show.URL)
	if err != nil {
		return err
	}
	get := func(to string, cookies []*http.Cookie) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
		if err != nil {
			return nil, err
		}
		for _, c := range cookies {
			req.AddCookie(c)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, errors.New("the window that is waiting for this login does not answer")
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
		resp.Body.Close()
		return resp, nil
	}
	first, err := get(start.String(), nil)
	if err != nil {
		return err
	}
	back := url.URL{Scheme: "http", Host: start.Host, Path: "/callback", RawQuery: pasted.RawQuery}
	answer, err := get(back.String(), first.Cookies())
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK:
		return errors.New("the window that is waiting for this login did not accept it; it shows why")
	}
	return nil
}
