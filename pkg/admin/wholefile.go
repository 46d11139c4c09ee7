package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// WholeFile are the servers of the user's file that wait to be run, and are approved by one question.
type WholeFile struct {
	*hub.View
	Waiting []*Entry
	Others  []*Entry // that wait for something else, and are reviewed one by one
}

// WholeFileOf gathers them.
func WholeFileOf(v *hub.View) *WholeFile {
	w := &WholeFile{View: v}
	for _, e := range entries(v) {
		switch {
		case e.Failed != nil || e.Written.Workspace:
		case e.Record.OfWholeFile(e.Written) && e.Effective.Refused == "":
			w.Waiting = append(w.Waiting, e)
		case e.Proposal != nil:
			w.Others = append(w.Others, e)
		}
	}
	return w
}

// Approve records that a person has approved all of them.
func (w *WholeFile) Approve(by quarantine.Means) error {
	servers := make([]*config.Server, len(w.Waiting))
	for i, e := range w.Waiting {
		servers[i] = e.Written
	}
	return w.Book.ApproveFile(w.Config.Path, servers, by)
}

// AllServers is the name under which the servers of a doubted file are approved together. No server can have it.
const AllServers = "*"

// ErrNotTogether is returned where no servers are approved together.
var ErrNotTogether = errors.New("no servers of the file are approved together; review each")

// Together tells whether the servers of the file can be approved by one question of a client, because what was
// recorded of the file is doubted.
func (w *WholeFile) Together() bool { return w.Doubt != "" && len(w.Waiting) > 0 }

// Digest names what would be approved: the file, why it waits, and each launch.
func (w *WholeFile) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "mcpproxy-stdio file 1\n%q %q\n", w.Config.Path, w.Doubt)
	for _, e := range w.Waiting {
		fmt.Fprintf(h, "%q %s\n", e.Written.Name, e.Written.LaunchKey())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// RequestFile asks a person whether all servers that wait together, with this digest, are approved. Whatever the
// approval policy leaves to the client, this takes a person. denied says why not; with neither denied nor approved
// there is no way to ask a person.
func (s *Service) RequestFile(ctx context.Context, by *Actor, digest string) (w *WholeFile, approved bool, denied, err error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, false, nil, err
	}
	w = WholeFileOf(v)
	switch {
	case !w.Together():
		return nil, false, nil, ErrNotTogether
	case !strings.EqualFold(w.Digest(), digest):
		return nil, false, nil, fmt.Errorf("%w: its digest is %s; look at it again with quarantine_review", quarantine.ErrDigest, w.Digest())
	case needs(Approve, by, v.Policy()) == Person:
		return w, false, ErrOnlyTerminal, nil
	}
	path := v.Config.Path
	base, err := v.Book.ReadBaseline(path)
	if err != nil {
		return nil, false, nil, err
	}
	if base != nil && time.Since(base.Refused) < quarantine.CoolDown {
		return w, false, &CoolingError{base.Refused.Add(quarantine.CoolDown)}, nil
	}
	denied = s.askOnce(ctx, by, server{path, AllServers}, Question{Kind: ToApproveFile, File: w})
	switch {
	case denied == nil:
		if err = w.Approve(quarantine.Means{How: "elicitation", By: by.Means.By}); err != nil {
			return nil, false, nil, err
		}
		s.log.Info().Str("file", path).Int("servers", len(w.Waiting)).Msg("approved all servers of the file")
		for _, e := range w.Waiting {
			by.Host.Recall(path, e.Written.Name)
		}
		if client := by.client(); client != nil {
			client.Refresh(ctx)
		}
		return w, true, nil, nil
	case errors.Is(denied, ErrCannotAsk):
		return w, false, nil, nil
	case errors.Is(denied, quarantine.ErrDeclined):
		err = v.Book.RefuseFile(path, time.Now())
	}
	s.log.Warn().Str("file", path).Err(denied).Msg("not approved by the client's form")
	return w, false, denied, err
}
