package hub

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Ready implements session.Host.
func (h *Hub) Ready(start *upstream.Start) *upstream.Start {
	server := start.Plan.Server
	start.Containers, start.State = h.boxes, h.opts.Store.Dir()
	if e := h.State().recorded[keyOf(server)]; e != nil {
		start.Pin = e.Record.Pin()
	}
	start.Gate = upstream.Gate{Engine: h.admitEngine(server), Image: h.admitImage(server), Programs: h.admitPrograms(server)}
	return start
}

// errHeld is what a start of a server that is held ends with.
var errHeld = errors.New("it is held in quarantine; quarantine_review shows why")

// made decides about what a start is made of: items are admitted if they were approved. What was not is learned, and waits for a review.
func (h *Hub) made(k key, items []quarantine.Item, baseline bool, learn func(r *quarantine.Record) bool) (missing []quarantine.Item, err error) {
	e := h.State().recorded[k]
	if e == nil || e.Failed != nil || e.Record == nil {
		return nil, errHeld
	}
	record, missing := e.Record, lacking(e.Gate, items)
	if len(missing) == 0 && !quarantine.Waits(record, items) || record.First && baseline {
		return nil, nil
	}
	r, err := h.book.Update(k.path, k.name, func(r *quarantine.Record) error {
		if !learn(r) {
			return quarantine.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.adopt(k, r)
	return lacking(r.Gate(), items), nil
}

// lacking are the items that were not approved.
func lacking(g quarantine.Gate, items []quarantine.Item) []quarantine.Item {
	return slices.DeleteFunc(slices.Clone(items), func(it quarantine.Item) bool { return g.Admits(it.Kind, it.ID, it.Digest) })
}

// admitImage decides about the image that a container of a server is to be made of: what a name stands for may change between an approval
// and a start. An image is pinned like a definition; another one waits for a review. What the first look finds is the baseline.
func (h *Hub) admitImage(server *config.Server) func(id string) error {
	k := keyOf(server)
	return func(id string) error {
		image := quarantine.ImageItem(id)
		_, auto := h.entry(k)
		missing, err := h.made(k, []quarantine.Item{image}, true, func(r *quarantine.Record) bool { return r.LearnImage(server, image, auto) })
		if err != nil || len(missing) == 0 {
			return err
		}
		return waitsForReview(server, fmt.Errorf("its image changed since it was approved (now %s), so it was not run", id))
	}
}

// admitEngine decides about the engine that a container of a server is to be made by: whoever can write to ~/.docker, or sets DOCKER_HOST,
// could send a server and its secrets elsewhere. What the first look finds is the baseline.
func (h *Hub) admitEngine(server *config.Server) func(docker.Identity) error {
	k := keyOf(server)
	return func(engine docker.Identity) error {
		item := quarantine.EngineItem(engine.JSON())
		known := engine.Default() || server.Isolation.Confined() && server.Isolation.DockerHost != ""
		off := h.approvalOff()
		missing, err := h.made(k, []quarantine.Item{item}, true, func(r *quarantine.Record) bool { return r.LearnEngine(server, item, known, off) })
		if err != nil || len(missing) == 0 {
			return err
		}
		return waitsForReview(server, fmt.Errorf("its Docker engine changed since it was approved (now %s), so it was not used", engine.JSON()))
	}
}

// approvalOff tells whether the policy of approval is not to ask.
func (h *Hub) approvalOff() bool {
	return h.State().Approval.Policy() == config.ApprovalOff
}

// admitPrograms decides about the files of a workspace that decide what a server runs there. The approval of the entry says nothing of
// what a repository holds: each is approved for its workspace and by its content.
func (h *Hub) admitPrograms(server *config.Server) func([]launch.Program) error {
	k := keyOf(server)
	return func(programs []launch.Program) error {
		items := make([]quarantine.Item, len(programs))
		for i, p := range programs {
			items[i] = quarantine.ProgramItem(p.JSON())
		}
		off := h.approvalOff()
		missing, err := h.made(k, items, false, func(r *quarantine.Record) bool { return r.LearnPrograms(server, items, off) })
		if err != nil || len(missing) == 0 {
			return err
		}
		return waitsForReview(server, ofWorkspace(programs, items, missing))
	}
}

// ofWorkspace says which files of a workspace keep a server from being started there.
func ofWorkspace(programs []launch.Program, items, missing []quarantine.Item) error {
	var paths []string
	workspace, folder := "", false
	for i, p := range programs {
		if slices.ContainsFunc(missing, func(it quarantine.Item) bool { return it.ID == items[i].ID }) {
			paths, workspace, folder = append(paths, strconv.Quote(p.Path)), p.Workspace, folder || p.Folder
		}
	}
	what := "which is not approved for this workspace or changed since"
	if folder {
		what = "whose files it may run and which is not approved for that"
	}
	return fmt.Errorf("it was not started in %s: what it runs there depends on %s, %s", strconv.Quote(workspace), strings.Join(paths, ", "), what)
}

func waitsForReview(server *config.Server, cause error) error {
	return &docker.Error{
		Cause:  cause,
		Remedy: fmt.Sprintf("The user has to review it: quarantine_review; or on a terminal: %s", Command("review", server)),
	}
}
