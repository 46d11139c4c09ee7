package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/go-units"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// pullLimit bounds a download that goes on and on; one that stands still is given up by start_timeout long before.
const pullLimit = 30 * time.Minute

// image makes sure that the image is there, and returns its content-addressed id: what is admitted is what is run, whatever
// the tag comes to mean meanwhile.
func (c *Container) image(ctx context.Context) (string, error) {
	iso := &c.spec.Isolation
	if iso.Pull != config.PullAlways {
		id, err := c.present(ctx)
		if err == nil || !errdefs.IsNotFound(err) {
			return id, err
		}
		if iso.Pull == config.PullNever {
			return "", refuse(fmt.Errorf("the image %s is not on the Docker engine at %s, and isolation.pull is never", c.imageName(), c.spec.Endpoint.Host), "Pull or build it there")
		}
	}
	if err := c.pull(ctx); err != nil {
		return "", err
	}
	return c.present(ctx)
}

func (c *Container) imageName() string {
	if p := c.spec.Isolation.Platform; p != "" {
		return c.spec.Isolation.Image + " for " + p
	}
	return c.spec.Isolation.Image
}

// present is the id of the image on the engine; the error is of errdefs.ErrNotFound if it has none for the platform.
func (c *Container) present(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	got, err := c.engine.api.ImageInspect(ctx, c.spec.Isolation.Image)
	if errdefs.IsNotFound(err) {
		return "", err
	}
	if err != nil {
		return "", c.explain("to look at the image", err)
	}
	if p := c.spec.Isolation.Platform; p != "" && !strings.HasPrefix(strings.ToLower(got.Os+"/"+got.Architecture+"/"+got.Variant+"/"), strings.ToLower(p)+"/") {
		return "", fmt.Errorf("%w: for this platform", errdefs.ErrNotFound)
	}
	return got.ID, nil
}

// pull downloads the image; each piece of news is a sign of life.
func (c *Container) pull(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, pullLimit, errPullLimit)
	defer cancel()
	c.stage("pulling the image " + c.imageName())
	auth, err := c.registryAuth()
	if err != nil {
		return err
	}
	stream, err := c.engine.api.ImagePull(ctx, c.spec.Isolation.Image, image.PullOptions{RegistryAuth: auth, Platform: c.spec.Isolation.Platform})
	if err != nil {
		return c.pullFailed(ctx, err)
	}
	defer stream.Close()
	news := json.NewDecoder(stream)
	layers := layers{}
	for {
		var n pullNews
		if err := news.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return c.pullFailed(ctx, err)
		}
		if n.Error != nil {
			return c.pullFailed(ctx, errors.New(n.Error.Message))
		}
		layers.note(n)
		c.stage("pulling the image " + c.imageName() + layers.String())
	}
}

var errPullLimit = fmt.Errorf("it was not there after %s", pullLimit)

func (c *Container) pullFailed(ctx context.Context, err error) error {
	text := quoted(err)
	low := strings.ToLower(text)
	host := c.spec.Endpoint.Host
	switch {
	case errors.Is(context.Cause(ctx), errPullLimit):
		return refuse(fmt.Errorf("the image %s could not be pulled: %w", c.imageName(), errPullLimit), "Pull it by hand on the engine's machine")
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(low, "no space left on device"):
		return refuse(fmt.Errorf("the image %s could not be pulled: the disk of the Docker engine at %s is full", c.imageName(), host), "Make room there (`docker system df` shows what takes it), then call again")
	case unreachable(err):
		return c.spec.Endpoint.there(err)
	case errdefs.IsNotFound(err), strings.Contains(low, "not found"), strings.Contains(low, "manifest unknown"):
		return refuse(fmt.Errorf("there is no image %s: %s", c.imageName(), text), "Correct isolation.image; an image of your own must be built or loaded on the engine")
	case errdefs.IsUnauthorized(err), strings.Contains(low, "unauthorized"), strings.Contains(low, "denied"):
		return refuse(fmt.Errorf("the image %s may not be pulled: %s", c.imageName(), text), "Correct isolation.image, or log in to its registry with `docker login`")
	}
	return refuse(fmt.Errorf("the image %s could not be pulled: %s", c.imageName(), text), "Look at the engine's way to the registry, or pull it by hand there")
}

// registryAuth is the person's login at the image's registry, "" for none, as the docker command keeps it.
func (c *Container) registryAuth() (string, error) {
	named, err := reference.ParseNormalizedNamed(c.spec.Isolation.Image)
	if err != nil {
		return "", refuse(fmt.Errorf("isolation.image is no name of an image: %w", err), `Write "name:tag"`)
	}
	file, err := c.spec.Endpoint.commandConfig()
	if err != nil {
		return "", err
	}
	host := reference.Domain(named)
	if host == "docker.io" {
		host = "https://index.docker.io/v1/" // under which the docker command keeps it
	}
	auth, err := file.GetAuthConfig(host)
	if err != nil || auth.Username == "" && auth.IdentityToken == "" && auth.RegistryToken == "" && auth.Auth == "" {
		return "", nil // a credential helper without an answer: most images need none
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		ServerAddress: auth.ServerAddress, IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken})
}

// pullNews is one message of a pull (Engine API, ImageCreate).
type pullNews struct {
	ID       string
	Status   string
	Progress struct{ Current, Total int64 } `json:"progressDetail"`
	Error    *struct{ Message string }      `json:"errorDetail"`
}

// layers are how much of each is there, and how much there is.
type layers map[string][2]int64

func (l layers) note(n pullNews) {
	switch {
	case n.Status == "Downloading" && n.Progress.Total > 0:
		l[n.ID] = [2]int64{n.Progress.Current, n.Progress.Total}
	case n.Status == "Download complete", n.Status == "Pull complete":
		if have, ok := l[n.ID]; ok {
			l[n.ID] = [2]int64{have[1], have[1]}
		}
	}
}

func (l layers) String() string {
	var current, total int64
	for _, layer := range l {
		current, total = current+layer[0], total+layer[1]
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of %s", units.HumanSize(float64(current)), units.HumanSize(float64(total)))
}
