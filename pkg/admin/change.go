package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Addition is an entry that is to be written into the user's file.
type Addition struct {
	Name    string
	Options []config.Option
	Inputs  []config.Input // what its references to secrets are called
}

// Quarantined tells whether the entry itself says that it is held.
func (e Addition) Quarantined() bool {
	return slices.ContainsFunc(e.Options, func(o config.Option) bool { return o.Key == "quarantined" && o.Value == true })
}

// Enabled tells whether the entry may be started once it is approved.
func (e Addition) Enabled() bool {
	return !slices.ContainsFunc(e.Options, func(o config.Option) bool { return o.Key == "enabled" && o.Value == false })
}

// Lookalike is the configured server, or the own tool, that a new name can be taken for.
func Lookalike(v *hub.View, name string) string {
	var names []string
	for _, k := range v.Servers {
		if !k.Written.Workspace || k.Record.State(k.Written) == quarantine.Approved {
			names = append(names, k.Written.Name)
		}
	}
	return hub.Lookalike(name, names)
}

// Add writes an entry that a model or a script proposes. It is held: nothing is run before a person has seen it.
func (s *Service) Add(by *Actor, name string, options []config.Option) error {
	v, err := by.Host.View()
	if err != nil {
		return err
	}
	if e, _ := find(v, name); e != nil {
		return fmt.Errorf("server %s already exists; operation update changes it", strconv.QuoteToASCII(name))
	}
	if other := Lookalike(v, name); other != "" {
		return fmt.Errorf("the name %s looks like %s; choose another", strconv.QuoteToASCII(name), strconv.QuoteToASCII(other))
	}
	if !slices.ContainsFunc(options, func(o config.Option) bool { return o.Key == "protocol" }) {
		text := map[string]string{}
		for _, o := range options {
			text[o.Key], _ = o.Value.(string)
		}
		options = append(options, config.Option{Key: "protocol", Value: config.InferProtocol(text["command"], text["url"])})
	}
	return s.Write(by, []Addition{{Name: name, Options: options}}, "add")
}

// Write writes entries into the user's file. Typed by a person they are the person's own; else they are held, as are those that say so
// themselves. how is for the log.
func (s *Service) Write(by *Actor, all []Addition, how string) error {
	if err := by.Host.Begin(); err != nil {
		return err
	}
	v, err := by.Host.View()
	if err != nil {
		return err
	}
	var held, own []Addition
	for _, e := range all {
		if needs(Add, by, v.Policy()) == Held || e.Quarantined() {
			held = append(held, e)
		} else {
			own = append(own, e)
		}
	}
	if len(held) > 0 {
		if err := s.writeHeld(by, v, held); err != nil || len(own) == 0 {
			return err
		}
	}
	return s.writeOwn(by, v, own, how)
}

// writeHeld writes entries that are held.
func (s *Service) writeHeld(by *Actor, v *hub.View, all []Addition) error {
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.Name
		if !e.Quarantined() {
			all[i].Options = append(slices.Clip(e.Options), config.Option{Key: "quarantined", Value: true})
		}
	}
	return hold(by, v, names, func(d *config.Document) error { return addAll(d, all) })
}

func addAll(d *config.Document, all []Addition) error {
	for _, e := range all {
		if err := d.Add(e.Name, e.Options); err != nil {
			return err
		}
		if err := d.AddInputs(e.Inputs); err != nil {
			return err
		}
	}
	return nil
}

// hold edits entries of the user's file and holds them: before the file is written, so that there is no moment in between, and only once the
// change is known to be a valid one. If it can't be written, what was recorded is as it was.
func hold(by *Actor, v *hub.View, names []string, change func(*config.Document) error) error {
	path, book := v.Config.Path, v.Book
	was := map[string]*quarantine.Record{}
	err := by.Host.Edit(func(d *config.Document) error {
		if err := change(d); err != nil {
			return err
		}
		for _, name := range names {
			if was[name] != nil { // the file was changed meanwhile, and this is another try
				continue
			}
			r, err := book.Read(path, name)
			if err != nil {
				return err
			}
			if r == nil {
				r = &quarantine.Record{}
			}
			if _, err := book.Update(path, name, func(r *quarantine.Record) error { r.Hold(); return nil }); err != nil {
				return err
			}
			was[name] = r
		}
		return nil
	})
	if err != nil {
		for name, r := range was {
			_, undo := book.Update(path, name, func(now *quarantine.Record) error {
				now.Tool, now.Inspect, now.Found, now.Seen = r.Tool, r.Inspect, r.Found, r.Seen
				return nil
			})
			err = errors.Join(err, undo)
		}
	}
	for _, name := range names {
		by.Host.Recall(path, name)
	}
	return err
}

// ReadBackError says that an entry was written and can't be read.
type ReadBackError struct{ Name string }

// Error implements error.
func (e *ReadBackError) Error() string {
	return fmt.Sprintf("server %s was written, but can't be read back: mcpproxy-stdio check", strconv.QuoteToASCII(e.Name))
}

// writeOwn writes entries that a person typed. They are recorded only then: a crash before that leaves them held, not trusted. What is
// recorded is what was typed, whatever the file says by now.
func (s *Service) writeOwn(by *Actor, v *hub.View, all []Addition, how string) error {
	path := v.Config.Path
	var after *config.Config
	err := by.Host.Edit(func(d *config.Document) (err error) {
		if err = addAll(d, all); err == nil {
			after, err = config.Parse(path, d.Bytes())
		}
		return err
	})
	if err != nil {
		return err
	}
	key, err := v.Book.Key()
	if err != nil {
		return err
	}
	after = after.Keyed(key)
	for _, e := range all {
		server := after.Server(e.Name)
		if server == nil {
			return &ReadBackError{e.Name}
		}
		_, err := v.Book.Update(path, e.Name, func(r *quarantine.Record) error { r.Baseline(server, how); return nil })
		by.Host.Recall(path, e.Name)
		if err != nil {
			return fmt.Errorf("%w – it is in the file but held: mcpproxy-stdio approve %s", err, config.ShellWord(e.Name))
		}
	}
	_, err = v.Book.TakeBaseline(after, "") // of a file that did not exist: what comes into it from now on is to confirm
	return err
}

// Update changes options of an entry for a model. It tells whether the entry is held now.
func (s *Service) Update(by *Actor, name string, options []config.Option) (held bool, err error) {
	e, err := s.own(by, name)
	if err != nil {
		return false, err
	}
	for _, o := range options { // which tools are offered is a policy, of which a looser one waits by itself
		held = held || config.InLaunch(o.Key)
	}
	change := func(d *config.Document) error {
		for _, o := range options {
			if err := d.Set(name, o.Key, o.Value); err != nil {
				return err
			}
		}
		if held {
			return d.Set(name, "quarantined", true)
		}
		return nil
	}
	if held {
		return true, hold(by, e.View, []string{name}, change)
	}
	return false, by.Host.Edit(change)
}

// Remove takes an entry out of the user's file, and returns what it was.
func (s *Service) Remove(by *Actor, name string) (*Entry, error) {
	e, err := s.own(by, name)
	if err != nil {
		return nil, err
	}
	return e, by.Host.Edit(func(d *config.Document) error { return d.Remove(name) })
}

// Disable disables an entry, and tells whether it was enabled. What a person disables only a person enables.
func (s *Service) Disable(by *Actor, name string) (was bool, err error) {
	e, err := s.own(by, name)
	if err != nil {
		return false, err
	}
	on, person := e.Written.Enabled, by.person()
	return on, by.Host.Edit(func(d *config.Document) error {
		if on || person {
			_, err := e.View.Book.Update(e.Written.Path, name, func(r *quarantine.Record) error {
				if r.Disabled == !person {
					return quarantine.ErrUnchanged
				}
				r.Disabled = !person
				return nil
			})
			if err != nil {
				return err
			}
		}
		return d.Set(name, "enabled", false)
	})
}

// OnlyPersonError is returned to a model or a script for what a person has disabled.
type OnlyPersonError struct {
	*Entry
	Script error // why no person is taken to give the command
}

// Error implements error.
func (e *OnlyPersonError) Error() string {
	return fmt.Sprintf("server %s was not disabled by a tool or a script, so only a person enables it", strconv.QuoteToASCII(e.Written.Name))
}

// Unwrap returns why no person is taken to give the command.
func (e *OnlyPersonError) Unwrap() error { return e.Script }

// Enable enables an entry, and tells whether it was disabled, or waited for a person because of that.
func (s *Service) Enable(ctx context.Context, by *Actor, name string) (was bool, err error) {
	e, err := s.own(by, name)
	if err != nil {
		return false, err
	}
	r, err := e.View.Book.Read(e.Written.Path, name)
	if err != nil {
		return false, err
	}
	waits := r != nil && r.Enables(e.Written) // its file enables it, which a person has not confirmed
	if e.Written.Enabled && !waits {
		return false, nil
	}
	op := Enable
	if !waits && r != nil && r.Disabled {
		op = Reenable
	}
	switch needs(op, by, e.View.Policy()) {
	case Person:
		return true, &OnlyPersonError{e, by.Script}
	case Asked:
		if err := by.Ask(ctx, Question{Kind: ToTrust, Entry: e}); err != nil {
			return true, err
		}
	}
	if err := by.Host.Edit(func(d *config.Document) error { return d.Set(name, "enabled", true) }); err != nil {
		return true, err
	}
	if by.person() && r != nil { // of a tool's change it is seen when the file is read
		err = e.update(by, func(r *quarantine.Record) error { r.Enable(by.Means); return nil })
	}
	return true, err
}

// ErrNoSession is returned for what only servers of a session can do.
var ErrNoSession = errors.New("no session of a client runs it")

// Restart starts a server of a session anew.
func (s *Service) Restart(by *Actor, name string) error {
	e, err := s.usable(by, name)
	if err != nil {
		return err
	}
	c := by.client()
	if c == nil {
		return ErrNoSession
	}
	return c.Restart(e.Written.Name)
}

// Logs are the last lines that a server of a session wrote to stderr, else why it ended. What a server wrote that is held is its own text, and
// stays where it is.
func (s *Service) Logs(by *Actor, name string) (string, error) {
	v, err := by.Host.View()
	if err != nil {
		return "", err
	}
	e, err := find(v, name)
	if err != nil {
		return "", err
	}
	if e.Effective.Held != "" {
		return "", &BlockedError{e.Server}
	}
	c := by.client()
	if c == nil {
		return "", ErrNoSession
	}
	in := c.Instances()[name]
	if in == nil {
		return "", nil
	}
	if text := in.Diagnostics(); text != "" {
		return text, nil
	}
	return in.Status().Why, nil
}
