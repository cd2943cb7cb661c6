// Package imds asks the instance metadata service (IMDSv2) who this instance is and whether it is about
// to be taken away.
package imds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// dialTimeout is how long a connection may take: off EC2 there is nobody to connect to.
	dialTimeout = 250 * time.Millisecond
	// answerTimeout bounds one answer. The SDK's own bound of 0.5 s would hide a notice on an instance that is under load.
	answerTimeout = 5 * time.Second
	// askTimeout bounds a question with the token that it may need, and with further tries.
	askTimeout = 15 * time.Second
	// discoverTimeout bounds the first questions.
	discoverTimeout = 10 * time.Second
)

// Client is the metadata service of this instance.
type Client struct{ api *imds.Client }

// New returns a client that never falls back to IMDSv1.
func New(cfg aws.Config) *Client {
	return &Client{imds.NewFromConfig(cfg, func(o *imds.Options) {
		o.EnableFallback = aws.FalseTernary
		// A plain client: the SDK puts its own timeouts into those that it builds.
		o.HTTPClient = &http.Client{
			Transport:     &http.Transport{DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, ResponseHeaderTimeout: answerTimeout},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})}
}

// Instance is who this machine is.
type Instance struct {
	ID    string // "i-…", or the host name where this is no EC2 instance
	Group string // name of its Auto Scaling group; "" where it has none
}

// Discover asks who this machine is; an error means that it is no EC2 instance.
func (c *Client) Discover(ctx context.Context) (Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	id, err := c.get(ctx, "instance-id")
	if err != nil {
		return Instance{}, fmt.Errorf("instance metadata: %w", err)
	}
	// Instance tags are in the metadata because the launch template enables them.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
	group, err := c.get(ctx, "tags/instance/aws:autoscaling:groupName")
	if err != nil {
		return Instance{}, fmt.Errorf("instance metadata: %w", err)
	}
	return Instance{ID: id, Group: group}, nil
}

// OffEC2 is who this machine is where there is no metadata.
func OffEC2() Instance {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown-host"
	}
	return Instance{ID: name}
}

// targetState is where the metadata says what the instance's group moves it to ("InService", "Terminated" …).
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
const targetState = "autoscaling/target-lifecycle-state"

// Terminating reports whether the group wants to be rid of the instance.
func (c *Client) Terminating(ctx context.Context) (bool, error) {
	state, err := c.get(ctx, targetState)
	if err != nil {
		return false, err
	}
	detail, err := readTarget(state)
	return detail != "", err
}

// get reads one path; one that does not exist is "".
func (c *Client) get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	out, err := c.api.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer out.Content.Close()
	text, err := io.ReadAll(io.LimitReader(out.Content, 64<<10))
	return strings.TrimSpace(string(text)), err
}
