package hub

import (
	"errors"
	"os"
	"reflect"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// errEmptied: a full disk, or an editor in the middle of its work, leaves an empty file; nobody who wants no servers writes one.
var errEmptied = errors.New(`the file is empty – write {"mcpServers": {}} to have no servers`)

// load reads the configuration, under the store's key. Without the key no literal value is the approved one: what has any is held.
func (h *Hub) load() (*config.Config, error) {
	c, err := config.Load(h.opts.ConfigPath)
	if err != nil {
		return c, err
	}
	key, err := h.book.Key()
	if err != nil {
		h.log.Error().Err(err).Msg("the store's key can't be read; servers whose entries have literal values are held")
	}
	return c.Keyed(key), nil
}

// inForce says what counts while the file can't be read.
func inForce(c *config.Config) string {
	if c.Exists {
		return "the last good configuration is in force"
	}
	return "none of its servers is available until it is fixed"
}

// Reload takes in the configuration file as it is now. One that can't be read leaves the running one in force.
func (h *Hub) Reload() {
	h.reload.Lock()
	defer h.reload.Unlock()
	next, err := h.load()
	if info, serr := os.Stat(h.opts.ConfigPath); err == nil && serr == nil && info.Size() == 0 {
		err = errEmptied
	}
	h.mu.Lock()
	h.broken = err
	now := h.config
	h.mu.Unlock()
	if err != nil {
		h.log.Error().Err(err).Msg("configuration not applied; " + inForce(now))
		for _, s := range h.all() {
			s.Warn("The config file changed but can't be read; " + inForce(now) + ". " + err.Error())
		}
		return
	}
	h.report(next)
	h.warnOfNames(next)
	h.starts.SetMost(next.MaxStarts)
	h.settle(next)
	h.mu.Lock()
	h.config = next
	var scopes []string
	for path := range h.scopes {
		scopes = append(scopes, path)
	}
	h.mu.Unlock()
	for _, path := range scopes {
		h.rewrite(path)
	}
	h.log.Info().Msg("configuration applied")
	h.apply()
	h.work.Go(func() {
		select {
		case <-time.After(keptAfterRemoval):
			h.forgetRemoved()
		case <-h.ctx.Done(): // the next start does it
		}
	})
}

// keptAfterRemoval is how long the files of a sandboxed server outlive its entry: one that is moved within the file is gone for a moment.
const keptAfterRemoval = time.Minute

// forgetRemoved removes what sandboxed servers kept that the user's file does not have any more. A file that is not there, or can't be
// read, says nothing about its servers.
func (h *Hub) forgetRemoved() {
	h.mu.Lock()
	c, broken := h.config, h.broken
	h.mu.Unlock()
	if broken != nil || !c.Exists {
		return
	}
	if _, err := h.book.ReadBaseline(c.Path); err != nil { // a state directory that is not used is left alone
		return
	}
	var names []string
	for _, s := range c.Servers {
		names = append(names, s.Name)
	}
	sandbox.ForgetServers(h.opts.Store.Dir(), c.Path, names)
}

// changedServers names the servers of old whose instances can't go on under next.
func changedServers(old, next *config.Config) []string {
	var names []string
	for _, a := range old.Servers {
		b := next.Server(a.Name)
		if b == nil || upstream.Blocked(b) != nil || !reflect.DeepEqual(runs(a), runs(b)) {
			names = append(names, a.Name)
		}
	}
	return names
}

// runs is an entry without what does not concern a running instance.
func runs(s *config.Server) config.Server {
	c := *s
	c.Line, c.Column = 0, 0
	c.EnabledTools, c.DisabledTools, c.ToolChanges, c.Confirmed, c.Quarantined = nil, nil, "", nil, false
	return c
}
