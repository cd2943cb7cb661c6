package imds

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// pollInterval is how often notices are looked for. A Spot notice comes two minutes ahead; AWS
// recommends to look every five seconds. It makes 24 requests a minute, 36 with rebalance
// recommendations, and one for a token every five minutes.
const pollInterval = 5 * time.Second

// terminated reports whether state is the target lifecycle state of an instance that its group wants to be
// rid of: "Terminated", or "Warmed:Terminated" out of a warm pool.
func terminated(state string) bool { return strings.TrimPrefix(state, warmed) == "Terminated" }

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
		{drain.Lifecycle, targetState, terminated, "target lifecycle state Terminated"},
		{drain.Spot, "spot/instance-action", there, ""}, // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
	}
	if rebalance { // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
		all = append(all, notice{drain.Rebalance, "events/recommendations/rebalance", there, ""})
	}
	return all
}

// Poller looks for notices that the instance will be taken away. It is for one goroutine at a time.
type Poller struct {
	client  *Client
	log     *slog.Logger
	take    func(*drain.Cause)
	waiting []notice
	away    bool // the metadata did not answer the last time
}

// Poller returns a poller that calls take once for each notice.
func (c *Client) Poller(log *slog.Logger, rebalance bool, take func(*drain.Cause)) *Poller {
	return &Poller{client: c, log: log, take: take, waiting: notices(rebalance)}
}

// Run looks again and again until ctx ends.
func (p *Poller) Run(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.Poll(ctx)
		}
	}
}

// Poll asks once for each notice that has not come. Metadata that is not there for a while is no notice;
// it is logged when that begins and when it ends.
func (p *Poller) Poll(ctx context.Context) {
	err := p.poll(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !p.away:
		p.log.WarnContext(ctx, "instance metadata not read, trying again", "error", err.Error())
	case err == nil && p.away:
		p.log.InfoContext(ctx, "instance metadata answers again")
	}
	p.away = err != nil
}

func (p *Poller) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollInterval)
	defer cancel()
	var left []notice
	var failure error
	for _, n := range p.waiting {
		text, err := p.client.get(ctx, n.path)
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
		p.take(&drain.Cause{Source: n.source, Detail: detail})
	}
	p.waiting = left
	return failure
}
