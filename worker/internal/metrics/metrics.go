// Package metrics publishes what scaling needs to know: how busy a content type's slots are and how
// many of its jobs are unfinished.
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

// Meter measures the share of busy slots over time.
type Meter struct {
	slots int
	now   func() time.Duration

	mu    sync.Mutex
	busy  int
	since time.Duration // start of the period
	at    time.Duration // of the last change
	spent time.Duration // busy slot time in the period
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

// Take is the per cent of slot time that was busy since the last Take.
func (m *Meter) Take() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	period := m.at - m.since
	spent := m.spent
	m.since, m.spent = m.at, 0
	if period <= 0 {
		return 0
	}
	return 100 * float64(spent) / (float64(period) * float64(m.slots))
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

// Busy publishes the per cent of busy slots of this instance.
func (p *Publisher) Busy(ctx context.Context, percent float64) error {
	return p.put(ctx, contract.MetricBusy, percent, types.StandardUnitPercent)
}

// Unfinished publishes the number of READY and RUNNING jobs.
func (p *Publisher) Unfinished(ctx context.Context, jobs int) error {
	return p.put(ctx, contract.MetricUnfinished, float64(jobs), types.StandardUnitCount)
}

func (p *Publisher) put(ctx context.Context, name string, value float64, unit types.StandardUnit) error {
	_, err := p.api.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
		Namespace:  aws.String(contract.MetricNamespace),
		MetricData: []types.MetricDatum{{MetricName: &name, Value: &value, Unit: unit, Dimensions: p.dimensions}},
	})
	if err != nil {
		return fmt.Errorf("publish metric %s: %w", name, err)
	}
	return nil
}
