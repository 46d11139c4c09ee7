package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// addition is an entry that is to be written into the user's file.
type addition struct {
	name    string
	options []config.Option
	inputs  []config.Input // what its references to secrets are called
}

// quarantined tells whether the entry itself says that it is held.
func (e addition) quarantined() bool {
	return slices.ContainsFunc(e.options, func(o config.Option) bool { return o.Key == "quarantined" && o.Value == true })
}

// ownOrReview is what is typed for where servers are added.
const ownOrReview = "trust it as your own (or Enter, to review it later)"

// sure asks a person who adds or enables servers, where a script may operate the terminal, whether it is they: what they add is trusted. An error means
// that nobody answered as a person does.
func (a *app) sure(ctx context.Context, what, purpose string) error {
	if a.operator().Doubt == "" {
		return nil
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	return a.confirm(ctx, newPrinter(a.out), what, purpose)
}

// write writes entries into the user's file. Typed by a person they are the person's own; else they are held, as those that a tool adds. how is for the log.
func (d *desk) write(all []addition, own bool, how string) error {
	if err := d.begin(); err != nil {
		return err
	}
	var held []addition
	all = slices.DeleteFunc(slices.Clone(all), func(e addition) bool {
		if !own || e.quarantined() {
			held = append(held, e)
			return true
		}
		return false
	})
	if len(held) > 0 {
		if err := d.writeHeld(held); err != nil || len(all) == 0 {
			return err
		}
	}
	var after *config.Config
	err := d.edit(all, func(doc *config.Document) (err error) {
		after, err = config.Parse(d.config.Path, doc.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	key, err := d.book.Key()
	if err != nil {
		return err
	}
	after = after.Keyed(key)
	// Only now: a crash before this leaves them held, not trusted. What is recorded is what was typed, whatever the file says by now.
	for _, e := range all {
		s := after.Server(e.name)
		if s == nil {
			return fmt.Errorf("server %q was written, but can't be read back: mcpproxy-stdio check", plain(e.name))
		}
		if _, err := d.book.Update(d.config.Path, e.name, func(r *quarantine.Record) error { r.Baseline(s, how); return nil }); err != nil {
			return fmt.Errorf("%w – it is in the file but held: mcpproxy-stdio approve %s", err, config.ShellWord(e.name))
		}
	}
	_, err = d.book.TakeBaseline(after, "") // of a file that did not exist: what comes into it from now on is to confirm
	return err
}

// writeHeld holds the entries before it writes them, so that there is no moment in between.
func (d *desk) writeHeld(all []addition) error {
	was := make([]*quarantine.Record, len(all))
	for i, e := range all {
		var err error
		if was[i], err = d.book.Read(d.config.Path, e.name); err != nil {
			return err
		}
		if _, err = d.book.Update(d.config.Path, e.name, func(r *quarantine.Record) error { r.Hold(); return nil }); err != nil {
			return err
		}
		if !e.quarantined() {
			all[i].options = append(slices.Clip(e.options), config.Option{Key: "quarantined", Value: true})
		}
	}
	err := d.edit(all, func(*config.Document) error { return nil })
	if err == nil {
		return nil
	}
	for i, e := range all { // nothing was changed: as it was
		if was[i] == nil {
			continue
		}
		_, undo := d.book.Update(d.config.Path, e.name, func(r *quarantine.Record) error {
			r.Tool, r.Inspect, r.Found, r.Seen = was[i].Tool, was[i].Inspect, was[i].Found, was[i].Seen
			return nil
		})
		err = errors.Join(err, undo)
	}
	return err
}

func (d *desk) edit(all []addition, then func(*config.Document) error) error {
	return config.Edit(d.config.Path, func(doc *config.Document) error {
		for _, e := range all {
			if err := doc.Add(e.name, e.options); err != nil {
				return err
			}
			if err := doc.AddInputs(e.inputs); err != nil {
				return err
			}
		}
		return then(doc)
	}, config.LockDir(d.store.Locks()))
}

// lookalike is the configured server, or the own tool, that a new name can be taken for.
func (d *desk) lookalike(name string) string {
	var names []string
	for _, k := range d.known {
		if !k.Written.Workspace || k.Record.State(k.Written) == quarantine.Approved {
			names = append(names, k.Written.Name)
		}
	}
	return hub.Lookalike(name, names)
}

// Compiled when they are needed: every start of the proxy would pay for it.
var (
	secretName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(token|secret|passw|passwd|pwd|credential|authorization|api_?key|private_?key|access_?key|[-_]key$|^key$|^pat$|_pat$)`)
	})
	secretValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(gh[pousr]_|github_pat_|glpat-|sk-|sk_live_|xox[abprs]-|AKIA|AIza|ya29\.|eyJ|npm_|hf_|Bearer |Basic )`)
	})
)

// secretSize is the shortest value that is random enough to be one.
const secretSize = 20

// looksSecret tells whether a value should not stand in a file.
func looksSecret(name, value string) bool {
	switch {
	case value == "" || strings.Contains(value, "${"):
		return false
	case secretName().MatchString(name), secretValue().MatchString(value):
		return true
	}
	return len(value) >= secretSize && !strings.ContainsAny(value, " /:.,") && entropy(value) > 3.7
}

// entropy is how many bits a character of s carries, by how often each occurs in it.
func entropy(s string) (bits float64) {
	counts := map[byte]int{}
	for i := range len(s) {
		counts[s[i]]++
	}
	for _, n := range counts {
		p := float64(n) / float64(len(s))
		bits -= p * math.Log2(p)
	}
	return bits
}
