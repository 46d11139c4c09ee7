package hub

import (
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Ready implements session.Host.
func (h *Hub) Ready(start *upstream.Start) *upstream.Start {
	start.Containers, start.State, start.Admit = h.boxes, h.opts.Store.Dir(), h.admitImage(start.Server)
	return start
}

// admitImage decides about the image that a container of a server is to be made of: what a name stands for may change between an approval
// and a start. An image is pinned like a definition; another one waits for a review.
func (h *Hub) admitImage(server *config.Server) func(id string) error {
	k := keyOf(server)
	return func(id string) error {
		image := quarantine.ImageItem(id)
		h.mu.Lock()
		e := h.entries[k]
		if e == nil || e.failed != nil || e.record == nil {
			h.mu.Unlock()
			return fmt.Errorf("it is held in quarantine; quarantine_review shows why")
		}
		record, admitted := e.record, e.gate.Admits(quarantine.Image, "", image.Digest)
		h.mu.Unlock()
		if admitted || record.First { // what the first look finds is the baseline
			return nil
		}
		_, auto := h.written(k)
		r, err := h.book.Update(k.path, k.name, func(r *quarantine.Record) error {
			if !r.LearnImage(server, image, auto) {
				return quarantine.ErrUnchanged
			}
			return nil
		})
		if err != nil {
			return err
		}
		h.adopt(k, r)
		if r.Gate().Admits(quarantine.Image, "", image.Digest) {
			return nil
		}
		return &docker.Error{
			Cause:  fmt.Errorf("its image is another one than was approved (it is now %s), and was not run", id),
			Remedy: fmt.Sprintf("It waits for a review: see quarantine_review, or run %s on a terminal", command("review", server)),
		}
	}
}
