package imds

import (
	"context"
	"log/slog"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// watchInterval is how often notices are looked for. A Spot notice comes two minutes ahead; AWS
// recommends to look every five seconds. It makes 24 requests a minute, 36 with rebalance
// recommendations, and one for a token every five minutes.
const watchInterval = 5 * time.Second

// terminated is the target lifecycle state of an instance that its group wants to be rid of.
const terminated = "Terminated"

// notice is a path of the metadata that says that the instance is to go away.
type notice struct {
	source drain.Source
	path   string
	when   func(text string) bool // text is "" where the path does not exist
	detail string                 // for people; "": the text at the path
}

func there(text string) bool { return text != "" }

// notices are what the worker looks for.
func notices(rebalance bool) []notice {
	all := []notice{
		{drain.Lifecycle, targetState, func(text string) bool { return text == terminated }, "target lifecycle state Terminated"},
		{drain.Spot, "spot/instance-action", there, ""}, // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
	}
	if rebalance { // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
		all = append(all, notice{drain.Rebalance, "events/recommendations/rebalance", there, ""})
	}
	return all
}

// Watch looks for notices that the instance will be taken away, and calls take once for each, until ctx
// ends. Metadata that is not there for a while is no notice.
func (c *Client) Watch(ctx context.Context, log *slog.Logger, rebalance bool, take func(*drain.Cause)) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	waiting, away := notices(rebalance), false
	for {
		var err error
		waiting, err = c.look(ctx, waiting, take)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			log.WarnContext(ctx, "instance metadata not read, trying again", "error", err.Error())
		case err == nil && away:
			log.InfoContext(ctx, "instance metadata answers again")
		}
		away = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look asks for each notice that is still waited for, and returns those that have not come.
func (c *Client) look(ctx context.Context, waiting []notice, take func(*drain.Cause)) ([]notice, error) {
	ctx, cancel := context.WithTimeout(ctx, watchInterval)
	defer cancel()
	var left []notice
	var failure error
	for _, n := range waiting {
		text, err := c.get(ctx, n.path)
		if err != nil {
			failure = err
		}
		if err != nil || !n.when(text) {
			left = append(left, n)
			continue
		}
		detail := n.detail
		if detail == "" {
			detail = text
		}
		take(&drain.Cause{Source: n.source, Detail: detail})
	}
	return left, failure
}
