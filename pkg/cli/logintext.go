package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

// loginWords are the server of a login, its account and its scopes.
func loginWords(st oauth.Status) string {
	var more []string
	if st.Account != "" {
		more = append(more, "account "+plain(st.Account))
	}
	if len(st.Scopes) > 0 {
		more = append(more, "scopes "+plain(strings.Join(st.Scopes, " ")))
	}
	words := fmt.Sprintf("%q", plain(st.Server))
	if len(more) > 0 {
		words += " (" + strings.Join(more, ", ") + ")"
	}
	return words
}

// show tells the person what the login is for, and how to do it. It is written at once: a prompt may have to make room for it.
func (w *loggingIn) show(show oauth.Shown) {
	var text strings.Builder
	whole := *w.p
	p := &whole
	p.w = &text
	row := func(label, value string) { p.line(p.paint(bold, fmt.Sprintf("%-22s", label)), plain(value)) }
	row("Server", w.name)
	row("Authorization server", show.Issuer)
	if show.Wider {
		row("Valid for all of", show.Resource)
	}
	if len(show.Scopes) > 0 {
		row("Scopes", strings.Join(show.Scopes, " "))
	}
	p.line()
	w.way(p, show)
	p.line()
	if os.Getenv("SSH_CONNECTION") != "" && !w.paste && !w.device {
		w.fromAfar(p, show)
	}
	if !w.paste && !p.live {
		p.line("Waiting for you in the browser … (Ctrl-C cancels)")
	}
	io.WriteString(w.p.w, text.String())
}

// way says what to open, and what to do there.
func (w *loggingIn) way(p *printer, show oauth.Shown) {
	address := show.URL
	if show.Elsewhere {
		p.wrapped("", "", "Another window is already waiting for this login: finish it there or here.")
	}
	if show.Elsewhere && w.device && show.UserCode == "" {
		p.wrapped("", yellow, "That login uses a browser, so --device has no effect.")
	}
	switch {
	case show.UserCode != "":
		p.line("Open this address on any device:")
	case w.paste:
		address = show.Direct
		p.line("Open this address in a browser anywhere, and log in:")
	case w.noBrowser, show.Elsewhere:
		p.line("Open this address in a browser on this machine:")
	case show.Unopened != nil:
		p.wrapped("", yellow, "Could not open a browser: "+plain(show.Unopened.Error())+".")
		p.line("Open this address in a browser on this machine:")
	default:
		p.line("Opening your browser. If nothing appears, open this address yourself:")
	}
	p.line()
	p.line(plain(address)) // alone on its line and whole, so that it can be copied
	switch {
	case show.UserCode != "":
		p.line()
		p.line("and enter this code: ", p.paint(bold, plain(show.UserCode)))
	case w.paste:
		p.line()
		p.wrapped("", "", "At the end the browser shows an error page, because nothing answers at 127.0.0.1 there. That is expected. Copy the URL from the address bar, "+
			"paste it here and press Enter (it is not shown).")
	}
}

// fromAfar says how to log in when the browser is where the person sits, and not here.
func (w *loggingIn) fromAfar(p *printer, show oauth.Shown) {
	again := "mcpproxy-stdio login " + config.ShellWord(w.name)
	p.wrapped("", "", "If your browser is on another machine, run this there first, and open the address there:")
	p.line(fmt.Sprintf("  ssh -L %d:127.0.0.1:%d THIS_HOST", show.Port, show.Port))
	p.line("Or press Ctrl-C and run here:")
	p.line("  ", again, " --paste")
	if show.Device {
		p.line("  ", again, " --device")
	}
	p.line()
}

// lines are those that the person types, or pastes, until restore is called. On a terminal they are not shown.
func (w *loggingIn) lines() (lines <-chan string, restore func()) {
	typed := make(chan string)
	read, restore := lineReader(w.in), func() {}
	if w.p.live {
		if hidden, back, err := w.prompt(); err == nil {
			read, restore = hidden, back
		}
	}
	go func() { // it ends with the process: nothing ends a read of a terminal
		defer close(typed)
		for {
			line, err := read()
			if err != nil {
				return
			}
			typed <- line
		}
	}()
	return typed, restore
}

// prompt reads lines from the terminal itself, whose own way to do so ends a line at 1024 bytes on some systems: an address with a code in it
// can be longer. What is written meanwhile goes above the prompt.
func (w *loggingIn) prompt() (read func() (string, error), restore func(), err error) {
	fd := int(w.in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, err
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{w.in, w.err}, "")
	above, former := *w.p, w.p
	above.w, above.live = t, false
	w.p = &above
	restore = func() {
		w.p = former
		_ = term.Restore(fd, before)
		former.line()
	}
	return func() (string, error) { return t.ReadPassword("> ") }, restore, nil
}

// lineReader reads lines from what is no terminal.
func lineReader(r io.Reader) func() (string, error) {
	buffered := bufio.NewReader(io.LimitReader(r, mostPastes*maxSecret))
	return func() (string, error) {
		line, err := buffered.ReadString('\n')
		if line != "" {
			err = nil
		}
		return line, err
	}
}
