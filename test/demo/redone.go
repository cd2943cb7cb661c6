package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// rework is what of a backup was done more than once.
type rework struct {
	bytes int64         // of content
	age   time.Duration // from the moment the oldest of it was done to the moment its instance stopped
}

// redone measures what a backup did again, from what went over the wire: each step of a backup writes
// one segment of the tree, pack sent or not. So the content of all segments written, less that of the
// snapshot, was done again. No other backup may have run since begin.
func (d *demo) redone(ctx context.Context, id string, begin time.Time, stopped *localec2.Instance, at time.Time) (rework, error) {
	s, err := d.snapshot(ctx, id)
	if err != nil {
		return rework{}, err
	}
	prefix := "/" + d.tier.Artifacts.Name + "/backup/segments/"
	var out rework
	last := map[string]time.Time{} // by segment: when the stopped instance had written it
	for _, i := range d.Launcher.All() {
		for _, r := range i.AWS.Requests(isPut(prefix, begin)) {
			hash := strings.TrimPrefix(r.Path, prefix)
			content, err := d.tier.Artifacts.SegmentSize(ctx, hash)
			if missing := (*types.NoSuchKey)(nil); errors.As(err, &missing) {
				continue // cut off before it arrived
			}
			if err != nil {
				return rework{}, err
			}
			out.bytes += content
			if i == stopped {
				last[hash] = r.At.Add(r.Took)
			} else if done, again := last[hash]; again {
				out.age = max(out.age, at.Sub(done))
			}
		}
	}
	out.bytes -= s.ContentSize()
	return out, nil
}

// isPut says whether an object below prefix was put since begin.
func isPut(prefix string, begin time.Time) func(awsproxy.Request) bool {
	return func(r awsproxy.Request) bool {
		return r.Operation == "PutObject" && strings.HasPrefix(r.Path, prefix) && r.At.After(begin)
	}
}
