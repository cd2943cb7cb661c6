package daemon

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

const (
	// probeTimeout bounds one try of what a starting worker waits for.
	probeTimeout = 10 * time.Second
)

// startPauses are those between two tries.
var startPauses = backoff.Pauses{First: time.Second, Most: 30 * time.Second, Least: 100 * time.Millisecond}

// metadataDisabled is the SDK's own variable: "true" says that there is no metadata to ask.
const metadataDisabled = "AWS_EC2_METADATA_DISABLED"

// identify asks who this instance is. One with a termination hook stands in a group: its worker waits for
// the metadata, without which it would never learn that it has to go. Anywhere else no answer means that
// this is no EC2 instance.
func identify(ctx context.Context, n notifier, metadata *imds.Client, hook string) (instance imds.Instance, onEC2 bool) {
	waits := hook != "" && !strings.EqualFold(os.Getenv(metadataDisabled), "true")
	err := await(ctx, n, "instance metadata", func(ctx context.Context) (err error) {
		instance, err = metadata.Discover(ctx)
		return err
	}, func(error) bool { return !waits })
	if err != nil {
		n.log.InfoContext(ctx, "not on an EC2 instance: no notices will be seen", "reason", err.Error())
		return imds.OffEC2(), false
	}
	return instance, true
}

// awaitTable asks the table until it answers, for as long as it takes: an outage is no reason to end, and
// be started again, for ever. An error is one that waiting cannot mend. It returns nil too when ctx ends.
func awaitTable(ctx context.Context, n notifier, probe func(context.Context) error, cfg aws.Config, onEC2 bool) error {
	return await(ctx, n, "job table", func(ctx context.Context) error {
		if err := awsaccess.HasCredentials(ctx, cfg); err != nil {
			return err
		}
		return probe(ctx)
	}, func(err error) bool {
		if errors.Is(err, awsaccess.ErrNoCredentials) {
			return !onEC2 // those of a new instance's role can be seconds late
		}
		return awsaccess.Lasting(err)
	})
}

// await tries until it succeeds, ctx ends (both: nil) or an error is final, with growing pauses.
func await(ctx context.Context, n notifier, what string, try func(context.Context) error, final func(error) bool) error {
	for failures := int64(0); ; failures++ {
		call, cancel := context.WithTimeout(ctx, probeTimeout)
		err := try(call)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case final(err):
			return err
		}
		pause := startPauses.After(failures, n.random).Round(time.Millisecond)
		n.waits(what, err, pause)
		n.log.WarnContext(ctx, what+" does not answer, waiting for it", "error", err.Error(), "next_try_in", pause.String())
		if (supervisor.SystemClock{}).Sleep(ctx, pause) != nil {
			return nil
		}
	}
}
