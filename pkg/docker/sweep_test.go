//go:build unix

package docker

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The note of an engine that is away is kept, and the engine asked again.
func TestSweepingAnEngineThatIsAway(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	short, err := os.MkdirTemp("", "e") // the path of a socket is bounded
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	link := filepath.Join(short, "s")
	there := func() {
		if err := os.Symlink(strings.TrimPrefix(e.Host, "unix://"), link); err != nil {
			t.Fatal(err)
		}
	}
	there()
	dir := filepath.Join(t.TempDir(), "state")
	id := crashed(t, "unix://"+link, dir, "start")
	os.Remove(link)
	r := newRigIn(t, dir, e.Host).sweptBy(0)
	r.Sweep()
	waitFor(t, "it is tried again", func() bool { return strings.Count(r.log.String(), "tried again later") > 1 })
	if got := files(r); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if got := owned(e, id); !slices.Equal(got, []string{"running"}) {
		t.Errorf("%q", got)
	}
	there()
	if left := e.WaitNoContainers(patience, LabelOwner+"="+id); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	waitFor(t, "the note is gone", func() bool { return len(files(r)) == 0 })
	if got := strings.Count(r.log.String(), `"level":"warn"`); got != 1 {
		t.Errorf("warned %d times: %s", got, r.log)
	}
}

// A container that cannot be removed now is removed later; until then its note stays.
func TestARemovalThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	is := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	refused := mcptest.FakeStatus(500, "not now")
	f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{
		"GET /images/{name...}": is(`{"Id":"sha256:1"}`), "POST /containers/create": is(`{"Id":"c1"}`), "GET /events": mcptest.FakeStream(0, true),
		"POST /containers/{id}/attach": refused, "DELETE /containers/{id}": refused,
	})
	tries := func() int { return len(seen(f, "DELETE /containers/c1")) }
	left := func(r *rig) int { r.mu.Lock(); defer r.mu.Unlock(); return r.left }
	r := newRig(t, f.Host)
	r.retry = 10 * time.Millisecond
	fails(t, r.start(r.spec()).end(), "not now")
	waitFor(t, "it is tried again", func() bool { return tries() > 2 })
	if left(r) != 1 || len(files(r)) != 2 {
		t.Errorf("%d left, %q noted", left(r), files(r))
	}
	f.On("DELETE /containers/{id}", mcptest.FakeStatus(204, ""))
	waitFor(t, "it is removed", func() bool { return left(r) == 0 })
	n := tries()
	r.Close(patience)
	if len(files(r)) != 0 || tries() != n {
		t.Errorf("%q noted, %d tries after %d", files(r), tries(), n)
	}

	f.On("DELETE /containers/{id}", refused)
	r = newRig(t, f.Host)
	fails(t, r.start(r.spec()).end(), "not now")
	r.Close(patience) // before that
	if len(files(r)) != 2 {
		t.Errorf("what is left is noted no more: %q", files(r))
	}
}

// What a crashed owner asked for may be made a little after its crash: the engine is asked once more.
func TestWhatComesAfterTheCrashIsRemoved(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	dir := filepath.Join(t.TempDir(), "state")
	id := crashed(t, e.Host, dir, "note")
	r := newRigIn(t, dir, e.Host).sweptBy(3 * time.Second)
	hub, err := r.identity()
	if err != nil {
		t.Fatal(err)
	}
	r.Sweep()
	time.Sleep(200 * time.Millisecond)
	made, err := e.API.ContainerCreate(t.Context(), &container.Config{Image: probeImage, Cmd: []string{"/probe"}, Labels: map[string]string{LabelOwner: id, LabelHub: hub}}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := e.API.ContainerCreate(t.Context(), &container.Config{Image: probeImage, Cmd: []string{"/probe"}, Labels: map[string]string{LabelOwner: id, LabelHub: "another"}}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer e.API.ContainerRemove(t.Context(), foreign.ID, container.RemoveOptions{})
	waitFor(t, made.ID+" is removed", func() bool { return len(owned(e, id)) == 1 })
	if left := e.Containers(LabelOwner + "=" + id); left[0].ID != foreign.ID {
		t.Error("another hub's was removed")
	}
	waitFor(t, "the note is gone", func() bool { return len(files(r)) == 0 })
}

func TestANoteThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, "unix:///nowhere.sock").sweptBy(0)
	writeFiles(t, r.dir, map[string]string{"containers/ABC.json": `{"not": "ours"`, "containers/OLD.json": `[`, "containers/hub": "h"})
	old := time.Now().Add(-2 * forgotten)
	if err := os.Chtimes(filepath.Join(r.dir, "containers/OLD.json"), old, old); err != nil {
		t.Fatal(err)
	}
	r.Sweep()
	waitFor(t, "the warning", func() bool { return strings.Contains(r.log.String(), `"file":"containers/ABC.json"`) })
	waitFor(t, "the old one is forgotten", func() bool { got := files(r); return len(got) == 2 && !strings.Contains(strings.Join(got, " "), "OLD") })
}

// Owners that sweep at once do not get in each other's way.
func TestSweepsAtOnce(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	dir := filepath.Join(t.TempDir(), "state")
	var ids []string
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 3 {
		all.Go(func() {
			id := crashed(t, e.Host, dir, "start")
			mu.Lock()
			ids = append(ids, id)
			mu.Unlock()
		})
	}
	all.Wait()
	var last *rig
	for range 4 {
		last = newRigIn(t, dir, e.Host).sweptBy(0)
		last.Sweep()
	}
	for _, id := range ids {
		if left := e.WaitNoContainers(patience, LabelOwner+"="+id); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	waitFor(t, "no note is left", func() bool { return len(files(last)) == 0 })
}

// An owner that is closed while its servers run tells the next one of them.
func TestACloseThatComesTooEarly(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	p := r.start(r.spec("-ignore-eof", "-ignore-term")).running()
	r.Close(0)
	if got := files(r); len(got) != 2 {
		t.Errorf("%q", got)
	}
	p.await(p.Gone(), "its removal")
	next := newRigIn(t, r.dir, e.Host).sweptBy(0)
	next.Sweep()
	waitFor(t, "the note is gone", func() bool { return len(files(next)) == 0 })
	none(t, e, r)
}
