package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Lately is how an entry's server last fared: for people, for the order in which servers start, and to notice that a value of its entry has
// changed. Nothing in it is trust, and it may be lost.
type Lately struct {
	Launch string        `json:"launch"`           // key of the launch that this is about
	Took   time.Duration `json:"took,omitempty"`   // its last start, until it had answered initialize
	Values string        `json:"values,omitempty"` // what its variables and headers came to, as a keyed hash, when it was last looked at
	State  string        `json:"state,omitempty"`  // failed or needs_login; "": it was listed
	Why    string        `json:"why,omitempty"`    // with what the server wrote
	Since  time.Time     `json:"since,omitzero"`
}

// latelyName is the file in the state directory.
func latelyName(k key) string {
	sum := sha256.Sum256([]byte(k.path + "\x00" + k.name))
	return "lately/" + hex.EncodeToString(sum[:16])
}

// readLately reads how an entry fared; what can't be read is nothing.
func readLately(st *store.Store, k key) (l Lately) {
	data, err := st.Read(latelyName(k))
	if err != nil || json.Unmarshal(data, &l) != nil {
		return Lately{}
	}
	return l
}

// of is l if it is about this launch.
func (l Lately) of(launch string) Lately {
	if l.Launch != launch {
		return Lately{Launch: launch}
	}
	return l
}

// writeLately writes down how an entry fares. Nobody waits for it.
func (h *Hub) writeLately(k key) {
	h.writing.Lock()
	defer h.writing.Unlock()
	now, known := h.State().lately[k]
	if !known {
		return
	}
	data, err := json.Marshal(now)
	if err == nil {
		err = h.opts.Store.Write(latelyName(k), append(data, '\n'))
	}
	if err != nil {
		h.log.Debug().Str("server", k.name).Err(err).Msg("the server's last outcome can't be recorded")
	}
}

// Fared implements session.Host.
func (h *Hub) Fared(s *session.Session, name string, st upstream.Status) {
	if st.State == upstream.Idle { // it ended, which is told there; many end by themselves
		return
	}
	if server := h.Config(s).Server(name); server != nil && server.Held == "" {
		h.noteFared(keyOf(server), server.LaunchKey(), st)
	}
}

// noteFared takes in the state of an instance, if it says anything.
func (h *Hub) noteFared(k key, launch string, st upstream.Status) {
	h.note(fared{k, launch, func(l *Lately) {
		switch {
		case st.State == upstream.Failed, st.State == upstream.NeedsLogin, st.State == upstream.Idle && st.Err != nil:
			state := upstream.Failed
			if st.State == upstream.NeedsLogin {
				state = upstream.NeedsLogin
			}
			l.State, l.Why, l.Since = string(state), st.Why, st.Since
		case st.State == upstream.Ready && st.Unlisted != nil && !st.Usable:
			l.State, l.Why, l.Since = string(upstream.Failed), st.Unlisted.Error(), st.Since
		case st.State == upstream.Ready:
			l.State, l.Why, l.Since = "", "", time.Time{}
			if took := st.Took.Round(100 * time.Millisecond); took > 2*l.Took || took < l.Took/2 { // not each time
				l.Took = took
			}
		}
	}})
}

// OffersNothing says that the server was looked at and offered nothing, and what to do; "" if that is not so.
func (k Server) OffersNothing() string {
	if !k.Record.OffersNothing() {
		return ""
	}
	return ErrOffersNothing.Error() + " – " + RemedyNothing
}

// valuesOf is a keyed hash of what the variables and headers of an entry come to in a session, "" if it has none. No keyring is asked, since
// it may ask a person: that a secret was set is seen in the list of names.
func valuesOf(s *session.Session, server *config.Server, key []byte, secrets string) string {
	if key == nil || len(server.Env)+len(server.Headers) == 0 {
		return ""
	}
	return server.ValuesDigest(key, s.Getenv, func(string) (string, error) { return secrets, nil })
}
