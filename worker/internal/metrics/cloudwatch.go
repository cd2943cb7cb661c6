// Package metrics counts what happens to a worker and its jobs, once, and shows it to CloudWatch, Prometheus and Graphite:
// how busy the slots are, how jobs end, what is asked of AWS.
package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// CloudWatch is the part of the API that publishing needs.
type CloudWatch interface {
	PutMetricData(context.Context, *cloudwatch.PutMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricDataOutput, error)
}

// Publisher sends the metrics of one content type. The instance is no dimension: each combination is
// billed as a metric, and alarms want the whole group.
type Publisher struct {
	api        CloudWatch
	namespace  string
	dimensions []types.Dimension
}

// NewPublisher publishes for the content type of s.
func NewPublisher(api CloudWatch, s contract.Settings) *Publisher {
	return &Publisher{api: api, namespace: contract.MetricNamespace(s.Tier, s.Environment), dimensions: []types.Dimension{
		{Name: aws.String(contract.DimensionEnvironment), Value: aws.String(contract.MetricEnvironment(s.Tier, s.Environment))},
		{Name: aws.String(contract.DimensionContentType), Value: aws.String(s.ContentType)},
	}}
}

// Datum is one value of one metric.
type Datum struct {
	name  string
	value float64
	unit  types.StandardUnit
	// samples is more than 0 for a set of so many samples, of which value is the sum.
	samples float64
}

// Busy is the per cent of busy slot time of this instance. CloudWatch averages those of all instances.
func Busy(percent float64) Datum {
	return Datum{name: contract.MetricBusy, value: percent, unit: types.StandardUnitPercent}
}

// Jobs are the READY, RUNNING and DEAD jobs of the content type: three metrics, of which the first two are one short.
func Jobs(ready, running, dead int) []Datum {
	return []Datum{
		{name: contract.MetricUnfinished, value: float64(ready + running), unit: types.StandardUnitCount},
		{name: contract.MetricReady, value: float64(ready), unit: types.StandardUnitCount},
		{name: contract.MetricDead, value: float64(dead), unit: types.StandardUnitCount},
	}
}

// CheckpointAge is how long the RUNNING job that has been without a checkpoint for longest has been so.
func CheckpointAge(d time.Duration) Datum {
	return Datum{name: contract.MetricCheckpointAge, value: d.Seconds(), unit: types.StandardUnitSeconds}
}

// JobTime is the time that slots were busy, and the number of jobs that ended in it.
func JobTime(busy time.Duration, ended float64) Datum {
	return Datum{contract.MetricJobTime, busy.Seconds(), types.StandardUnitSeconds, ended + contract.JobTimeWeight}
}

// Sick counts an instance that takes no jobs, for its own fault.
func Sick() Datum { return Datum{name: contract.MetricSick, value: 1, unit: types.StandardUnitCount} }

// Careful counts a worker that takes one job at a time, because each fails.
func Careful() Datum {
	return Datum{name: contract.MetricCareful, value: 1, unit: types.StandardUnitCount}
}

// Publish sends data with one request: requests are billed too.
func (p *Publisher) Publish(ctx context.Context, data ...Datum) error {
	in := &cloudwatch.PutMetricDataInput{Namespace: &p.namespace}
	for _, d := range data {
		datum := types.MetricDatum{MetricName: &d.name, Value: &d.value, Unit: d.unit, Dimensions: p.dimensions}
		if d.samples > 0 {
			mean := d.value / d.samples
			datum.Value, datum.StatisticValues = nil, &types.StatisticSet{Sum: &d.value, SampleCount: &d.samples, Minimum: &mean, Maximum: &mean}
		}
		in.MetricData = append(in.MetricData, datum)
	}
	if _, err := p.api.PutMetricData(ctx, in); err != nil {
		return fmt.Errorf("publish metrics: %w", err)
	}
	return nil
}
