// Package metrics publishes what scaling and operators need to know: how busy a content type's slots are, how many
// of its jobs are in which state, how long they take and how they end.
package metrics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Meter measures how busy slots are over time and counts what happens to their jobs.
type Meter struct {
	slots int
	now   func() time.Duration

	mu    sync.Mutex
	busy  int
	since time.Duration // start of the period
	at    time.Duration // of the last change
	spent time.Duration // busy slot time in the period
	ended int           // jobs that the slots made terminal in the period
	count map[string]int
}

// Usage is what a meter measured over one period.
type Usage struct {
	Percent float64       // of slot time that was busy
	Busy    time.Duration // busy slot time: two slots that are busy for a minute make two minutes
	Ended   int           // jobs that the slots made terminal
	Counts  []Datum       // of what happened at all
}

// NewMeter measures slots slots on the monotonic clock now.
func NewMeter(slots int, now func() time.Duration) *Meter {
	return &Meter{slots: slots, now: now, since: now(), at: now(), count: map[string]int{}}
}

// Add counts n more busy slots (or, with a negative n, fewer).
func (m *Meter) Add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	m.busy += n
}

// Claimed counts the claim of a job, if it had been held before.
func (m *Meter) Claimed(j job.Job) {
	switch {
	case j.Epoch <= 1:
	case j.Cursor != "" || j.CursorRef != "":
		m.add(contract.MetricResumed, 1)
	default:
		m.add(contract.MetricRestarted, 1)
	}
}

// Ended counts a job that a slot's attempt brought to the terminal state.
func (m *Meter) Ended(state job.State) {
	m.mu.Lock()
	m.ended++
	m.mu.Unlock()
	m.add(outcomes[state], 1)
}

// Reaped counts jobs of dead workers, and which of them ended in a terminal state.
func (m *Meter) Reaped(jobs int, ended []job.State) {
	m.add(contract.MetricZombies, jobs)
	for _, state := range ended {
		m.add(outcomes[state], 1)
	}
}

// outcomes are the metrics of jobs that ended, by their terminal state.
var outcomes = map[job.State]string{
	job.Done: contract.MetricEndedDone, job.Dead: contract.MetricEndedDead, job.Cancelled: contract.MetricEndedCancelled,
}

func (m *Meter) add(metric string, n int) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count[metric] += n
}

// Take is what was measured since the last Take. A job that runs on counts as busy in each period.
func (m *Meter) Take() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	period, u := m.at-m.since, Usage{Busy: m.spent, Ended: m.ended}
	if period > 0 {
		u.Percent = 100 * float64(m.spent) / (float64(period) * float64(m.slots))
	}
	for _, name := range slices.Sorted(maps.Keys(m.count)) {
		u.Counts = append(u.Counts, Datum{name, float64(m.count[name]), types.StandardUnitCount})
	}
	m.since, m.spent, m.ended = m.at, 0, 0
	clear(m.count)
	return u
}

func (m *Meter) advance() {
	now := m.now()
	m.spent += time.Duration(m.busy) * (now - m.at)
	m.at = now
}

// CloudWatch is the part of the API that publishing needs.
type CloudWatch interface {
	PutMetricData(context.Context, *cloudwatch.PutMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricDataOutput, error)
}

// Publisher sends the metrics of one content type. The instance is no dimension: each combination is
// billed as a metric, and alarms want the whole group.
type Publisher struct {
	api        CloudWatch
	dimensions []types.Dimension
}

// NewPublisher publishes for the content type of s.
func NewPublisher(api CloudWatch, s contract.Settings) *Publisher {
	return &Publisher{api: api, dimensions: []types.Dimension{
		{Name: aws.String(contract.DimensionEnvironment), Value: aws.String(contract.MetricEnvironment(s.Tier, s.Environment))},
		{Name: aws.String(contract.DimensionContentType), Value: aws.String(s.ContentType)},
	}}
}

// Datum is one value of one metric.
type Datum struct {
	name  string
	value float64
	unit  types.StandardUnit
}

// Busy is the per cent of busy slot time of this instance. CloudWatch averages those of all instances.
func Busy(percent float64) Datum {
	return Datum{contract.MetricBusy, percent, types.StandardUnitPercent}
}

// Jobs are the READY, RUNNING and DEAD jobs of the content type: three metrics, of which the first two are one short.
func Jobs(ready, running, dead int) []Datum {
	return []Datum{
		{contract.MetricUnfinished, float64(ready + running), types.StandardUnitCount},
		{contract.MetricReady, float64(ready), types.StandardUnitCount},
		{contract.MetricDead, float64(dead), types.StandardUnitCount},
	}
}

// CheckpointAge is how long the RUNNING job that has been without a checkpoint for longest has been so.
func CheckpointAge(d time.Duration) Datum {
	return Datum{contract.MetricCheckpointAge, d.Seconds(), types.StandardUnitSeconds}
}

// MeanJobTime is how long the content type's jobs take.
func MeanJobTime(d time.Duration) Datum {
	return Datum{contract.MetricMeanJobTime, d.Seconds(), types.StandardUnitSeconds}
}

// Publish sends data with one request: requests are billed too.
func (p *Publisher) Publish(ctx context.Context, data ...Datum) error {
	in := &cloudwatch.PutMetricDataInput{Namespace: aws.String(contract.MetricNamespace)}
	for _, d := range data {
		in.MetricData = append(in.MetricData, types.MetricDatum{MetricName: &d.name, Value: &d.value, Unit: d.unit, Dimensions: p.dimensions})
	}
	if _, err := p.api.PutMetricData(ctx, in); err != nil {
		return fmt.Errorf("publish metrics: %w", err)
	}
	return nil
}
