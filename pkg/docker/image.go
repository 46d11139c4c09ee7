package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

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
	id, err := c.present(ctx)
	if errdefs.IsNotFound(err) {
		return "", refuse(fmt.Errorf("the image %s was pulled but is not on the Docker engine at %s", c.imageName(), c.spec.Endpoint.Host), "Check that it exists for that platform")
	}
	return id, err
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
	wanted := platformOf(c.spec.Isolation.Platform)
	var options []client.ImageInspectOption
	if wanted != nil && versions.GreaterThanOrEqualTo(c.engine.api.ClientVersion(), "1.49") { // an image may be there for several
		options = append(options, client.ImageInspectWithPlatform(wanted))
	}
	got, err := c.engine.api.ImageInspect(ctx, c.spec.Isolation.Image, options...)
	switch {
	case errdefs.IsNotFound(err):
		return "", err
	case err != nil:
		return "", c.explain("look at the image", err)
	case wanted != nil && !samePlatform(*wanted, ocispec.Platform{OS: got.Os, Architecture: got.Architecture, Variant: got.Variant}):
		return "", fmt.Errorf("%w: for this platform", errdefs.ErrNotFound)
	}
	return got.ID, nil
}

// platformOf takes "os/architecture" or "os/architecture/variant" apart; nil for "".
func platformOf(text string) *ocispec.Platform {
	if text == "" {
		return nil
	}
	parts := append(strings.Split(strings.ToLower(text), "/"), "", "")
	return &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}

// samePlatform tells whether an image for got runs where wanted is asked for. A variant that is not named is any.
func samePlatform(wanted, got ocispec.Platform) bool {
	variant := func(p ocispec.Platform) string {
		if p.Variant == "" && p.Architecture == "arm64" {
			return "v8" // the only one, and mostly not named
		}
		return strings.ToLower(p.Variant)
	}
	return strings.EqualFold(wanted.OS, got.OS) && strings.EqualFold(wanted.Architecture, got.Architecture) &&
		(wanted.Variant == "" || variant(wanted) == variant(got))
}
