// Package metrics publishes what scaling needs to know: how busy a content type's slots are, how many of
// its jobs are unfinished and how long they take.
package metrics

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Meter measures how busy slots are over time and counts the jobs they end.
type Meter struct {
	slots int
	now   func() time.Duration

	mu    sync.Mutex
	busy  int
	since time.Duration // start of the period
	at    time.Duration // of the last change
	spent time.Duration // busy slot time in the period
	ended int           // jobs that became terminal in the period
}

// Usage is what a meter measured over one period.
type Usage struct {
	Percent float64       // of slot time that was busy
	Busy    time.Duration // busy slot time: two slots that are busy for a minute make two minutes
	Ended   int           // jobs that became terminal
}

// NewMeter measures slots slots on the monotonic clock now.
func NewMeter(slots int, now func() time.Duration) *Meter {
	return &Meter{slots: slots, now: now, since: now(), at: now()}
}

// Add counts n more busy slots (or, with a negative n, fewer).
func (m *Meter) Add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	m.busy += n
}

// Ended counts a job that became terminal.
func (m *Meter) Ended() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended++
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
	m.since, m.spent, m.ended = m.at, 0, 0
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

// Unfinished is the number of READY and RUNNING jobs of the content type.
func Unfinished(jobs int) Datum {
	return Datum{contract.MetricUnfinished, float64(jobs), types.StandardUnitCount}
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
