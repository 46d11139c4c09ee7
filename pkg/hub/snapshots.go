package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// snapshotName is where a server's snapshot is stored: by config path and name.
func (h *Hub) snapshotName(server string) string {
	sum := sha256.Sum256([]byte(h.opts.ConfigPath + "\x00" + server))
	return "snapshots/" + hex.EncodeToString(sum[:16])
}

// recall reads the recorded snapshots of the configured servers. One that was taken of another launch does not count.
// It changes h.snapshots; the caller holds mu or is New.
func (h *Hub) recall(c *config.Config) {
	for _, server := range c.Servers {
		if s := h.snapshots[server.Name]; s != nil && s.Launch == server.LaunchKey() {
			continue
		}
		delete(h.snapshots, server.Name)
		data, err := h.opts.Store.Read(h.snapshotName(server.Name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var s *catalog.Snapshot
		if err == nil {
			s, err = catalog.Decode(data)
		}
		if err != nil {
			h.log.Warn().Str("server", server.Name).Err(err).Msg("recorded definitions not used")
			continue
		}
		if s.Launch == server.LaunchKey() {
			h.snapshots[server.Name] = s
		}
	}
}

// Learned implements session.Host: what a session's instance lists is recorded and shown to all sessions. It only adds, because an
// instance may offer less than a look with all abilities has seen.
func (h *Hub) Learned(name string, live *catalog.Snapshot) { h.learn(name, live, upstream.Partial) }

// learn takes in what an instance lists. Only a whole list takes anything away.
func (h *Hub) learn(name string, live *catalog.Snapshot, known upstream.Known) {
	h.mu.Lock()
	server := h.config.Server(name)
	if server == nil || server.LaunchKey() != live.Launch {
		h.mu.Unlock()
		return
	}
	old := h.snapshots[name]
	switch {
	case known == upstream.Whole:
		delete(h.partial, name)
	case old != nil:
		live = old.Merge(live)
	case known == upstream.Partial:
		h.mu.Unlock()
		return // a first look is due or under way; it sees more
	}
	if known == upstream.Late && old == nil {
		h.partial[name] = true
	}
	partial := h.partial[name]
	same, sameDefinitions := live.Equal(old), live.SameDefinitions(old)
	h.snapshots[name] = live
	h.mu.Unlock()
	if same && (known != upstream.Whole || time.Since(old.Taken) < time.Hour) {
		return
	}
	if !partial { // what is known in part is for this time only
		h.work.Go(func() { h.record(name, known == upstream.Whole) })
	}
	if !sameDefinitions { // the list of resources is each session's own
		h.changed()
	}
}

// record stores a server's snapshot as it is now: of several at once the last one written is the last one learned. One that is not
// whole is added to what another process may have stored meanwhile.
func (h *Hub) record(name string, whole bool) {
	h.recording.Lock()
	defer h.recording.Unlock()
	h.mu.Lock()
	s := h.snapshots[name]
	h.mu.Unlock()
	if s == nil {
		return
	}
	err := h.opts.Store.Update(h.snapshotName(name), func(old []byte) ([]byte, error) {
		if stored, err := catalog.Decode(old); err == nil && !whole && stored.Launch == s.Launch {
			s = stored.Merge(s)
		}
		return s.Encode(), nil
	})
	if err != nil {
		h.log.Error().Str("server", name).Err(err).Msg("definitions not recorded; they will be read again next time")
	}
}
