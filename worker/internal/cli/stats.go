package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

type statsCommand struct {
	target `embed:""`
	JSON   bool `help:"Print the figures as JSON."`
}

// Help is shown by 'worker jobs stats --help'.
func (c *statsCommand) Help() string {
	return "Counts in the index, so that the cost grows with the unfinished and DEAD jobs only. How many jobs ended well stands in CloudWatch (EndedDone)."
}

// statsView is what is counted, as it is printed for machines.
type statsView struct {
	ContentType string            `json:"contentType"`
	Paused      bool              `json:"paused"`
	Sick        *sickView         `json:"sick,omitempty"` // the instance that reported last that it is sick, of late
	Jobs        map[job.State]int `json:"jobs"`           // READY, RUNNING, DEAD
	// MeanJobTime is what the workers have measured, in seconds; left out where nothing has ended of late.
	MeanJobTime float64      `json:"meanJobTimeSeconds,omitempty"`
	Queue       messageStats `json:"queue"`
	DeadLetters int          `json:"deadLetters"`
	ReadUnits   float64      `json:"readUnits"` // of the table, what this answer cost
}

// sickView is an instance that takes no jobs, for its own fault.
type sickView struct {
	Instance string `json:"instance"`
	Reason   string `json:"reason"`
}

// messageStats are SQS's approximate numbers of messages.
type messageStats struct {
	Visible int `json:"visible"` // nobody has received them
	Hidden  int `json:"hidden"`  // received and not deleted
	Delayed int `json:"delayed"` // bells that ring later
}

func (c *statsCommand) Run(ctx context.Context, e *env) error {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	view, err := p.stats(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.out.JSON(view)
	}
	return view.print(e)
}

func (p *typeHandles) stats(ctx context.Context) (statsView, error) {
	meter := &store.Meter{}
	table := p.store.Metered(meter)
	view := statsView{ContentType: p.contentType, Jobs: map[job.State]int{}}
	for _, s := range stretches(p.contentType) {
		n, err := table.CountDue(ctx, s.partition, s.from, s.to)
		if err != nil {
			return view, err
		}
		view.Jobs[s.state] += n
	}
	control, err := table.Get(ctx, sweep.ControlKey(p.contentType))
	if err != nil {
		return view, err
	}
	view.Paused = sweep.Paused(control)
	if instance, reason := sweep.Sick(control, time.Now()); instance != "" {
		view.Sick = &sickView{instance, reason}
	}
	view.MeanJobTime = sweep.MeasuredJobTime(control).Seconds()
	view.ReadUnits = meter.Units()
	return view, p.countMessages(ctx, &view)
}

// countMessages asks the queue and its dead-letter queue.
func (p *typeHandles) countMessages(ctx context.Context, view *statsView) error {
	client := sqs.NewFromConfig(p.cfg)
	queue, err := attributes(ctx, client, p.queueURL)
	if err != nil {
		return err
	}
	view.Queue = messageStats{queue.number(visible), queue.number(hidden), queue.number(delayed)}
	var redrive struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if policy := queue[types.QueueAttributeNameRedrivePolicy]; policy != "" {
		if err := json.Unmarshal([]byte(policy), &redrive); err != nil {
			return fmt.Errorf("redrive policy of the queue: %w", err)
		}
	}
	if redrive.Target == "" {
		return nil // a queue of a test, or of somebody's own
	}
	name := redrive.Target[strings.LastIndexByte(redrive.Target, ':')+1:]
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return fmt.Errorf("look for the dead-letter queue %s: %w", name, err)
	}
	dead, err := attributes(ctx, client, aws.ToString(url.QueueUrl))
	view.DeadLetters = dead.number(visible)
	return err
}

const (
	visible = types.QueueAttributeNameApproximateNumberOfMessages
	hidden  = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	delayed = types.QueueAttributeNameApproximateNumberOfMessagesDelayed
)

type queueAttributes map[types.QueueAttributeName]string

func (a queueAttributes) number(name types.QueueAttributeName) int {
	n, _ := strconv.Atoi(a[name]) // SQS writes numbers
	return n
}

func attributes(ctx context.Context, client *sqs.Client, url string) (queueAttributes, error) {
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{visible, hidden, delayed, types.QueueAttributeNameRedrivePolicy},
	})
	if err != nil {
		return nil, fmt.Errorf("count the messages of %s: %w", path.Base(url), err)
	}
	got := queueAttributes{}
	for name, value := range out.Attributes {
		got[types.QueueAttributeName(name)] = value
	}
	return got, nil
}

func (v statsView) print(e *env) error {
	kind := v.ContentType
	if v.Paused {
		kind += " (paused)"
	}
	mean := "nothing ended of late"
	if v.MeanJobTime > 0 {
		mean = time.Duration(v.MeanJobTime * float64(time.Second)).Round(time.Second).String()
	}
	if err := e.out.Table([][]string{
		{"content type", kind},
		{"READY", strconv.Itoa(v.Jobs[job.Ready])}, {"RUNNING", strconv.Itoa(v.Jobs[job.Running])}, {"DEAD", strconv.Itoa(v.Jobs[job.Dead])},
		{"mean job time", mean},
		{"messages", fmt.Sprintf("%d waiting, %d received, %d delayed", v.Queue.Visible, v.Queue.Hidden, v.Queue.Delayed)},
		{"dead letters", strconv.Itoa(v.DeadLetters)},
	}); err != nil {
		return err
	}
	e.err.Line("%.1f read units", v.ReadUnits)
	return nil
}
