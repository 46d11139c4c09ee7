package mcptest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
)

// Images that an [Engine] can be given. None of them comes from a registry.
const (
	ServerImage     = "mcptest-server:1"     // of [Engine.LoadServer]
	EverythingImage = "mcptest-everything:1" // of [Engine.LoadEverything]
)

// EverythingScript is server-everything's path in [EverythingImage]: run it with node.
const EverythingScript = "/srv/node_modules/@modelcontextprotocol/server-everything/dist/index.js"

const imageTimeout = 2 * time.Minute

// ImageOf makes an image whose only file is a static program, and whose entry
// point is that program or what is given. It gives the image's id.
func (e *Engine) ImageOf(t testing.TB, name, program string, entrypoint ...string) string {
	t.Helper()
	id, err := e.imageFrom(name, program, entrypoint)
	if err != nil {
		t.Fatalf("mcptest: image %s: %v", name, err)
	}
	return id
}

func (e *Engine) imageFrom(name, program string, entrypoint []string) (id string, err error) {
	b, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	file := filepath.Base(program)
	if len(entrypoint) == 0 {
		entrypoint = []string{"/" + file}
	}
	words, err := json.Marshal(entrypoint)
	if err != nil {
		return "", err
	}
	var rootfs bytes.Buffer
	w := tar.NewWriter(&rootfs)
	err = errors.Join(w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}),
		w.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(b))}))
	if err == nil {
		_, err = w.Write(b)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	return e.importImage(name, &rootfs, "ENTRYPOINT "+string(words))
}

// importImage makes an image out of a root file system and gives its id.
func (e *Engine) importImage(name string, rootfs io.Reader, changes ...string) (id string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), imageTimeout)
	defer cancel()
	answer, err := e.API.ImageImport(ctx, image.ImportSource{Source: rootfs, SourceName: "-"}, name, image.ImportOptions{Changes: changes})
	if err != nil {
		return "", err
	}
	defer answer.Close()
	var line struct{ Status, Error string }
	for d := json.NewDecoder(answer); ; {
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return line.Status, nil
		} else if err != nil {
			return "", err
		}
		if line.Error != "" {
			return "", errors.New(line.Error)
		}
	}
}

// LoadServer gives [ServerImage], the scripted upstream (see [Server]): its
// options are the argument after "-opts", or $MCPTEST_SERVER_KEY. It is built and
// imported once for an engine.
func (e *Engine) LoadServer(t testing.TB) string {
	t.Helper()
	e.prepared.Lock()
	defer e.prepared.Unlock()
	if !e.images[ServerImage] {
		e.ImageOf(t, ServerImage, BuildStatic(t, "github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest/mcpserver"))
		e.images[ServerImage] = true
	}
	return ServerImage
}

// BuildStatic builds a program that needs no library, for an image, and gives its path; it goes with the test.
func BuildStatic(t testing.TB, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mcptest: go build %s: %v\n%s", pkg, err, text)
	}
	return out
}

// LoadEverything gives [EverythingImage], a Debian with Node, and with
// server-everything as its command; its user is nobody. It is imported once for an
// engine. Without $MCPPROXY_TEST_ENGINE the test is skipped; with MCPPROXY_TEST_NO_SKIP it fails.
func (e *Engine) LoadEverything(t testing.TB) string {
	t.Helper()
	e.prepared.Lock()
	defer e.prepared.Unlock()
	if e.images[EverythingImage] {
		return EverythingImage
	}
	name := filepath.Join(os.Getenv(EnvEngine), "everything.tar")
	f, err := os.Open(name)
	if os.Getenv(EnvEngine) == "" || err != nil {
		missing(t, "needs an image: set %s to a folder that testdata/docker/make-everything.sh filled", EnvEngine)
	}
	defer f.Close()
	if _, err := e.importImage(EverythingImage, f, "USER 65534:65534", fmt.Sprintf("CMD [%q,%q]", "node", EverythingScript)); err != nil {
		t.Fatalf("mcptest: image %s: %v", EverythingImage, err)
	}
	e.images[EverythingImage] = true
	return EverythingImage
}
