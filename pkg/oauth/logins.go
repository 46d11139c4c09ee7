package oauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Options say what logins work with.
type Options struct {
	Store *store.Store
	Log   zerolog.Logger // gets no tokens, codes, secrets or queries
	// Open opens a URL in a browser; nil: OpenBrowser.
	Open func(url string) error
	// LoggedIn is called when there is another token, here or from another process; news tells that it is that of a new or a wider login. It may
	// be nil, and must not wait.
	LoggedIn func(l *Login, news bool)
}

// Logins are the logins that a process knows. They are safe for concurrent use.
type Logins struct {
	opts     Options
	vault    *vault
	ctx      context.Context
	end      context.CancelFunc
	work     sync.WaitGroup
	renewals sync.WaitGroup

	mu  sync.Mutex
	all map[string][]*Login // by name and place; several where sessions resolve an entry differently
}

// OpenBrowser opens a URL in the system's browser, unless nobody would see it: then the error says why.
func OpenBrowser(url string) error {
	if ok, why := canOpenBrowser(); !ok {
		return errors.New(why)
	}
	return openBrowser(url)
}

// New makes the logins of a process. Nothing is read before the first one is needed. Close must be called in the end.
func New(opts Options) *Logins {
	ls := &Logins{opts: opts, vault: newVault(opts.Store, opts.Log), all: map[string][]*Login{}}
	if ls.opts.Open == nil {
		ls.opts.Open = OpenBrowser
	}
	ls.ctx, ls.end = context.WithCancel(context.Background())
	return ls
}

// For is the login of a server. Its error says what is wrong with the server's URL.
func (ls *Logins) For(t Target) (*Login, error) {
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("server %q: its URL cannot be read", t.Name)
	}
	u.Fragment, u.RawFragment, u.User = "", "", nil
	ls.mu.Lock()
	defer ls.mu.Unlock()
	key := t.Name + "\x00" + t.place()
	for _, l := range ls.all[key] {
		if reflect.DeepEqual(l.target, t) {
			return l, nil
		}
	}
	l := &Login{logins: ls, target: t, server: u, guard: newGuard(u, t.options().AllowPrivate), steps: map[string]time.Time{}}
	ls.all[key] = append(ls.all[key], l)
	return l, nil
}

// Watched are the directories in which other processes leave their traces: when something changes there, call Recheck.
func (ls *Logins) Watched() []string { return []string{ls.opts.Store.Path(dir)} }

// dir is the store's directory of the records.
const dir = "oauth"

// Recheck reads again what other processes may have changed.
func (ls *Logins) Recheck() {
	ls.mu.Lock()
	all := slices.Concat(slices.Collect(maps.Values(ls.all))...)
	ls.mu.Unlock()
	for _, l := range all {
		l.recheck()
	}
}

// closeTime is how long Close waits for a renewal.
const closeTime = wholeRequest

// Close ends what is under way: a login that a person has not finished is over. A renewal is waited for: without its answer the login would be
// lost, since its refresh token is used up.
func (ls *Logins) Close() {
	ls.mu.Lock()
	ls.end()
	ls.mu.Unlock()
	ls.work.Wait()
	done := make(chan struct{})
	go func() { ls.renewals.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(closeTime):
		ls.opts.Log.Warn().Msg("the process ended while a login was being renewed")
	}
}

// spawn runs f as one of the group unless the logins are closed.
func (ls *Logins) spawn(group *sync.WaitGroup, f func()) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.ctx.Err() != nil {
		return false
	}
	group.Go(f)
	return true
}

func (ls *Logins) loggedIn(l *Login, news bool) {
	if ls.opts.LoggedIn != nil {
		ls.opts.LoggedIn(l, news)
	}
}
