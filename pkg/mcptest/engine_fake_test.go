package mcptest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// fakeClient gives a real client of a fake engine.
func fakeClient(t *testing.T, f *FakeEngine) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(f.Host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFakeEngine(t *testing.T) {
	CheckGoroutines(t)
	ctx := t.Context()
	f := NewFakeEngine(t, nil)
	c := fakeClient(t, f)
	if p, err := c.Ping(ctx); err != nil || p.APIVersion != "1.51" || p.OSType != "linux" {
		t.Errorf("ping: %+v %v", p, err)
	}
	if v, err := c.ServerVersion(ctx); err != nil || v.Version == "" {
		t.Errorf("version: %+v %v", v, err)
	}
	if i, err := c.Info(ctx); err != nil || !i.MemoryLimit {
		t.Errorf("info: %+v %v", i, err)
	}
	if l, err := c.ContainerList(ctx, container.ListOptions{All: true}); err != nil || len(l) != 0 {
		t.Errorf("containers: %v %v", l, err)
	}
	if _, err := c.ImageInspect(ctx, "some/where/image:1"); err == nil || !strings.Contains(err.Error(), "No such image") {
		t.Errorf("an image that is not there: %v", err)
	}
	if !slices.Contains(f.Seen(), "GET /info") {
		t.Errorf("seen: %q", f.Seen())
	}

	f.On("GET /info", FakeStatus(http.StatusInternalServerError, "devmapper: out of luck"))
	if _, err := c.Info(ctx); err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("500: %v", err)
	}
	f.On("GET /info", FakeDrop)
	if _, err := c.Info(ctx); err == nil {
		t.Error("no error from a dropped connection")
	}
	f.On("GET /info", FakeHang)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := c.Info(short); err == nil || short.Err() == nil {
		t.Errorf("it did not hang: %v", err)
	}
	f.Close()
	if _, err := c.Ping(ctx); !client.IsErrConnectionFailed(err) {
		t.Errorf("closed: %v", err)
	}
}

func TestFakeEnginePull(t *testing.T) {
	CheckGoroutines(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const line = `{"status":"Downloading","id":"1a2b3c","progressDetail":{"current":1,"total":2}}`
	f := NewFakeEngine(t, map[string]http.HandlerFunc{
		"POST /images/create": FakeStream(time.Millisecond, false, line, FakePullError("write /x: no space left on device")),
	})
	c := fakeClient(t, f)
	pull, err := c.ImagePull(ctx, "node:20", image.PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(pull)
	if err != nil || string(b) != line+"\r\n"+`{"errorDetail":{"message":"write /x: no space left on device"},"error":"write /x: no space left on device"}`+"\r\n" {
		t.Errorf("%v: %s", err, b)
	}
	pull.Close()

	f.On("POST /images/create", FakeStream(0, true, line))
	pull, err = c.ImagePull(ctx, "node:20", image.PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer pull.Close()
	got := make([]byte, len(line)+2)
	if _, err := io.ReadFull(pull, got); err != nil || string(got) != line+"\r\n" {
		t.Errorf("%v: %s", err, got)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	if n, err := pull.Read(got); err == nil || ctx.Err() == nil {
		t.Errorf("it did not hang: %d %v", n, err)
	}
}
