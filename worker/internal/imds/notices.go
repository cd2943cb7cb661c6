package imds

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// pollInterval is how often notices are looked for. A Spot notice comes two minutes ahead; AWS
// recommends to look every five seconds. It makes 24 requests a minute, 36 with rebalance
// recommendations, and one for a token every five minutes.
const pollInterval = 5 * time.Second

// targets are the target lifecycle states that there are.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
var targets = []string{
	"Detached", inService, "Standby", terminated, warmed + "Hibernated", warmed + "Running", warmed + "Stopped", warmed + terminated,
}

// terminated is the target of an instance that its group wants to be rid of, in a warm pool with the prefix of those.
const terminated = "Terminated"

// notice is a path of the metadata at which AWS announces that the instance is to go away.
type notice struct {
	source drain.Source
	path   string
	// read returns the notice for people, "" if there is none. The text is "" where the path does not exist. An error means
	// that the text is none that AWS documents: it is no notice, since a drain cannot be taken back.
	read func(text string) (detail string, err error)
}

// notices are those that the worker looks for.
func notices(rebalance bool) []notice {
	all := []notice{{drain.Lifecycle, targetState, readTarget}, {drain.Spot, "spot/instance-action", readSpot}}
	if rebalance {
		all = append(all, notice{drain.Rebalance, "events/recommendations/rebalance", readRebalance})
	}
	return all
}

func readTarget(text string) (string, error) {
	switch {
	case text == "":
		return "", nil
	case !slices.Contains(targets, text):
		return "", fmt.Errorf("%.100q is no target lifecycle state", text)
	case strings.TrimPrefix(text, warmed) == terminated:
		return "target lifecycle state Terminated", nil
	}
	return "", nil
}

// readSpot reads {"action":"terminate","time":"2026-11-23T10:00:00Z"}.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
func readSpot(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var said struct {
		Action string    `json:"action"`
		Time   time.Time `json:"time"`
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		return "", fmt.Errorf("%.100q is no Spot interruption notice: %w", text, err)
	}
	if !slices.Contains([]string{"terminate", "stop", "hibernate"}, said.Action) || said.Time.IsZero() {
		return "", fmt.Errorf("%.100q is no Spot interruption notice: it has no known action with a time", text)
	}
	return said.Action + " at " + said.Time.UTC().Format(time.RFC3339), nil
}

// readRebalance reads {"noticeTime":"2026-11-23T10:00:00Z"}.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
func readRebalance(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var said struct {
		NoticeTime time.Time `json:"noticeTime"`
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		return "", fmt.Errorf("%.100q is no rebalance recommendation: %w", text, err)
	}
	if said.NoticeTime.IsZero() {
		return "", fmt.Errorf("%.100q is no rebalance recommendation: it has no noticeTime", text)
	}
	return "recommended at " + said.NoticeTime.UTC().Format(time.RFC3339), nil
}

// question asks for one notice until it has come. It is for one goroutine at a time.
type question struct {
	notice
	taken bool
	away  bool // there was no answer that can be read the last time
}

// Poller looks for notices that the instance will be taken away. Its questions do not wait for each other, so that a slow
// answer to one does not hide another. It is for one goroutine at a time.
type Poller struct {
	client    *Client
	log       *slog.Logger
	take      func(*drain.Cause)
	questions []*question
}

// Poller returns a poller that calls take once for each notice, from any goroutine.
func (c *Client) Poller(log *slog.Logger, rebalance bool, take func(*drain.Cause)) *Poller {
	p := &Poller{client: c, log: log, take: take}
	for _, n := range notices(rebalance) {
		p.questions = append(p.questions, &question{notice: n})
	}
	return p
}

// Run looks again and again until ctx ends.
func (p *Poller) Run(ctx context.Context) {
	p.each(func(q *question) {
		ticker := time.NewTicker(pollInterval)
		defer ticker.Stop()
		for !q.taken {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				p.ask(ctx, q)
			}
		}
	})
}

// Poll asks once for each notice that has not come, and returns when all are answered.
func (p *Poller) Poll(ctx context.Context) { p.each(func(q *question) { p.ask(ctx, q) }) }

func (p *Poller) each(do func(*question)) {
	var all sync.WaitGroup
	for _, q := range p.questions {
		all.Go(func() { do(q) })
	}
	all.Wait()
}

// ask asks for a notice that has not come. Metadata that is not there for a while, or cannot be read, is no notice; it is
// logged when that begins and when it ends.
func (p *Poller) ask(ctx context.Context, q *question) {
	if q.taken {
		return
	}
	var detail string
	text, err := p.client.get(ctx, q.path)
	if err == nil {
		detail, err = q.read(text)
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !q.away:
		p.log.WarnContext(ctx, "instance metadata not read, trying again", "path", q.path, "error", err.Error())
	case err == nil && q.away:
		p.log.InfoContext(ctx, "instance metadata answers again", "path", q.path)
	}
	q.away = err != nil
	if detail != "" {
		q.taken = true
		p.take(&drain.Cause{Source: q.source, Detail: detail})
	}
}
