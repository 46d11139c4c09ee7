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
	"github.com/docker/go-units"
)

const (
	pullLimit  = 30 * time.Minute // a download that goes on and on; one that stands still is given up by start_timeout long before
	newsLimit  = 1 << 20          // bytes of one piece of news
	layersMost = 1000             // that are counted
)

// pull downloads the image; each piece of news is a sign of life.
func (c *Container) pull(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, pullLimit, errPullLimit)
	defer cancel()
	ref, err := reference.ParseAnyReference(c.spec.Isolation.Image)
	if err != nil {
		return refuse(fmt.Errorf("isolation.image is not the name of an image: %w", err), `Write "name:tag"`)
	}
	named, ok := ref.(reference.Named)
	if !ok {
		return refuse(fmt.Errorf("the image %s is not on the Docker engine at %s and can't be pulled by its id", c.imageName(), c.spec.Endpoint.Host), `Write "name:tag", or pull it there`)
	}
	c.stage("pulling the image " + c.imageName())
	login, err := c.login(ctx, reference.Domain(named))
	if err != nil {
		return err
	}
	stream, err := c.engine.api.ImagePull(ctx, c.spec.Isolation.Image, image.PullOptions{RegistryAuth: login, Platform: c.spec.Isolation.Platform})
	if err != nil {
		return c.pullFailed(ctx, err)
	}
	defer stream.Close()
	bounded := &io.LimitedReader{R: stream}
	news, layers := json.NewDecoder(bounded), layers{}
	for {
		var n pullNews
		bounded.N = newsLimit
		err := news.Decode(&n)
		var odd *json.UnmarshalTypeError
		switch {
		case errors.As(err, &odd): // costs that piece alone
			c.spec.Sign()
			continue
		case bounded.N == 0 && err != nil:
			return c.pullFailed(ctx, errors.New("the engine does not report its progress as JSON"))
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.pullFailed(ctx, err)
		case n.Error != nil:
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
	case strings.Contains(low, "toomanyrequests"), strings.Contains(low, "rate limit"):
		return refuse(fmt.Errorf("the image %s could not be pulled: its registry has had too many requests: %s", c.imageName(), text), "Log in to it with `docker login`, or try again later")
	case errdefs.IsUnauthorized(err), strings.Contains(low, "unauthorized"), strings.Contains(low, "denied"):
		return refuse(fmt.Errorf("the image %s may not be pulled: %s", c.imageName(), text), "Correct isolation.image, or log in to its registry with `docker login`")
	case errdefs.IsNotFound(err), strings.Contains(low, "not found"), strings.Contains(low, "manifest unknown"), strings.Contains(low, "no matching manifest"):
		return refuse(fmt.Errorf("there is no image %s: %s", c.imageName(), text), "Correct isolation.image; an image of your own must be built or loaded on the engine")
	}
	return refuse(fmt.Errorf("the image %s could not be pulled: %s", c.imageName(), text), "Check the engine's connection to the registry, or pull the image there by hand")
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
	have, known := l[n.ID]
	switch {
	case n.Status == "Downloading" && n.Progress.Total > 0 && n.Progress.Current >= 0 && (known || len(l) < layersMost):
		l[n.ID] = [2]int64{min(n.Progress.Current, n.Progress.Total), n.Progress.Total}
	case known && (n.Status == "Download complete" || n.Status == "Pull complete"):
		l[n.ID] = [2]int64{have[1], have[1]}
	}
}

func (l layers) String() string {
	var current, total float64
	for _, layer := range l {
		current, total = current+float64(layer[0]), total+float64(layer[1])
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of %s", units.HumanSize(current), units.HumanSize(total))
}
