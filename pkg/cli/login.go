package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

func (a *app) loginCommand() *cobra.Command {
	w := &loggingIn{app: a}
	c := &cobra.Command{
		Use: "login SERVER", Short: "Log in to a remote server (OAuth)",
		Long: `Login opens your browser, waits until you have logged in to a remote server, and stores the login for all
sessions. Open sessions pick it up immediately. Ctrl-C cancels and changes nothing.

If your browser is on another machine: forward the port that is shown (ssh -L), or use --paste, or
--device if the authorization server supports it.`,
		Example: "  mcpproxy-stdio login notes\n  mcpproxy-stdio login notes --account work\n  mcpproxy-stdio login notes --paste",
		Args: func(c *cobra.Command, args []string) error {
			if w.paste && w.device {
				return errors.New("login: either --paste or --device")
			}
			return oneServer(c, args)
		},
		ValidArgsFunction: a.serverNames,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c.Context())
			defer stop()
			return failed(w.run(ctx, args[0]))
		},
	}
	f := c.Flags()
	f.StringVar(&w.account, "account", "", "log in to another account, stored under this name")
	f.BoolVar(&w.noBrowser, "no-browser", false, "show the URL, don't open it")
	f.BoolVar(&w.paste, "paste", false, "log in elsewhere and paste the final URL here")
	f.BoolVar(&w.device, "device", false, "log in on any device, with a short code")
	f.BoolVar(&w.again, "again", false, "log in again even if already logged in")
	return c
}

// errNotLoggedIn is returned when the person ended the login.
var errNotLoggedIn = errors.New("not logged in")

const (
	mostPastes = 3 // addresses that are not the answer
	// endTime is how long a flow has to end after it has refused an answer.
	endTime = 300 * time.Millisecond
)

// loggingIn is one login with the person at the terminal.
type loggingIn struct {
	*app
	account                         string
	noBrowser, paste, device, again bool

	name string
	p    *printer // stderr: on stdout is only how it ended
}

func (w *loggingIn) run(ctx context.Context, name string) error {
	c, err := w.console()
	if err != nil {
		return err
	}
	warnings := &warnings{}
	defer c.logins(warnings.logger(), oauth.OpenBrowser)()
	login, e, err := c.Login(c.by, name, w.account)
	if err == nil && login.Credential() != "" {
		return fmt.Errorf("server %q sends its own header %s: remove it from the entry to log in instead", plain(name), plain(login.Credential()))
	}
	if err != nil {
		return loginWhyNot(e, name, err)
	}
	st := login.Status()
	if st.State == oauth.StateIn && !w.again {
		newPrinter(w.out).line("Already logged in to ", loginWords(st), ". To log in again: mcpproxy-stdio login ", config.ShellWord(name), " --again")
		return nil
	}
	if err := w.follow(ctx, login); err != nil {
		return err
	}
	warnings.print(newPrinter(w.err))
	newPrinter(w.out).line("Logged in to ", loginWords(login.Status()))
	return nil
}

// loginWhyNot words why there is no login, and what to do.
func loginWhyNot(e *admin.Entry, name string, err error) error {
	local, blocked := (*admin.LocalError)(nil), (*admin.BlockedError)(nil)
	switch {
	case e == nil:
		return err
	case errors.As(err, &local):
		return fmt.Errorf("server %q is local and has no login; set what it needs in the env of its entry", plain(name))
	case e.Failed != nil:
		return worded(&admin.FailedError{Name: name, Cause: e.Failed})
	case errors.As(err, &blocked):
		_, why := standing(&e.Server)
		return fmt.Errorf("server %q: %s", plain(name), plain(why))
	}
	return fmt.Errorf("server %q: %s", plain(name), plain(err.Error()))
}

// follow begins the login, or joins the one that is under way, and shows the person what to do until it is over.
func (w *loggingIn) follow(ctx context.Context, login *oauth.Login) error {
	w.name, w.p = login.Name(), newPrinter(w.err)
	w.p.passing("Contacting the server …")
	f, err := login.Start(ctx, oauth.How{Open: !w.noBrowser && !w.paste && !w.device, Device: w.device, Again: w.again})
	w.p.passing("")
	switch {
	case ctx.Err() != nil:
		err = errNotLoggedIn
	case err == nil:
		err = w.wait(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("server %q: %s", plain(w.name), plainLines(err.Error()))
	}
	return nil
}

// wait waits for the end of the flow. What there is to show can change: when another window gives its login up, it begins here.
func (w *loggingIn) wait(ctx context.Context, f *oauth.Flow) error {
	var shown oauth.Shown
	in, begun := &pastes{}, time.Now()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	defer func() { w.p.passing("") }()
	for {
		if show := f.Shown(); show.URL != shown.URL {
			w.p.passing("")
			if shown.Elsewhere {
				w.p.line("The other window gave up; the login continues here.")
				w.p.line()
			}
			shown = show
			w.show(show)
			if w.paste && in.lines == nil {
				var restore func()
				in.lines, restore = w.lines()
				defer restore()
			}
		}
		select {
		case <-f.Done():
			return f.Err()
		case <-ctx.Done():
			return errNotLoggedIn
		case line, more := <-in.next():
			if !more {
				return errNotLoggedIn
			}
			checked := make(chan error, 1)
			go func() { checked <- f.Paste(ctx, line) }()
			in.checked = checked
		case err := <-in.checked:
			if err := w.judged(f, in, err); err != nil {
				return err
			}
		case <-tick.C:
			if !w.paste {
				w.p.passing(fmt.Sprintf("Waiting for you in the browser … %d s (Ctrl-C cancels)", int(time.Since(begun).Seconds())))
			}
		}
	}
}

// pastes are the addresses that the person pastes.
type pastes struct {
	lines   <-chan string // nil: none is wanted yet
	checked chan error    // what came of the last one; nil: it is known
	wrong   int
}

// next are the lines to come; none while one is being checked.
func (in *pastes) next() <-chan string {
	if in.checked != nil {
		return nil
	}
	return in.lines
}

// judged takes what came of a pasted address. An error is the end.
func (w *loggingIn) judged(f *oauth.Flow, in *pastes, err error) error {
	in.checked = nil
	if err == nil { // the flow is about to tell the rest
		in.lines = make(chan string)
		return nil
	}
	select {
	case <-f.Done():
		return f.Err()
	case <-time.After(endTime):
	}
	if in.wrong++; in.wrong == mostPastes {
		return fmt.Errorf("%w: %w", errNotLoggedIn, err)
	}
	w.p.line(w.p.paint(red, "Not that one: "), plain(err.Error()), ".")
	return nil
}

// warnings keeps what the packages below have to say to the person, until there is room for it.
type warnings struct {
	mu   sync.Mutex
	kept []warning
}

type warning struct{ Message, Dir, Error, Remedy, Server string }

// logger takes warnings in.
func (w *warnings) logger() zerolog.Logger { return zerolog.New(w).Level(zerolog.WarnLevel) }

// Write takes one line of a log in.
func (w *warnings) Write(line []byte) (int, error) {
	var one warning
	if json.Unmarshal(bytes.TrimSpace(line), &one) == nil && one.Server == "" { // what is said of the server is the command's error
		w.mu.Lock()
		w.kept = append(w.kept, one)
		w.mu.Unlock()
	}
	return len(line), nil
}

func (w *warnings) print(p *printer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.kept {
		text := one.Message
		if one.Error != "" {
			text += " (" + one.Error + ")"
		}
		if one.Dir != "" {
			text += ": " + one.Dir
		}
		if one.Remedy != "" {
			text += ". To change that: " + one.Remedy
		}
		p.wrapped("", yellow, "Warning: "+plain(text))
	}
}
