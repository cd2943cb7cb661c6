package metrics_test

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

func TestMeterMeasuresTheShareOfBusySlotTime(t *testing.T) {
	var now time.Duration
	m := metrics.NewMeter(4, func() time.Duration { return now })
	take := func(want float64) {
		t.Helper()
		if got := m.Take(); math.Abs(got.Percent-want) > 1e-9 {
			t.Errorf("busy %v per cent, want %v", got.Percent, want)
		}
	}
	m.Add(1)
	m.Add(1)
	now += 30 * time.Second
	m.Add(-1)
	now += 30 * time.Second
	take(100 * (2*30 + 1*30) / (4 * 60.0))
	now += time.Minute // one slot stays busy over the whole period
	take(25)
	m.Add(-1)
	now += time.Minute
	take(0)
	take(0) // no time has passed
}

// TestRunningJobsCountAsBusyBeforeTheyEnd: the mean job time would otherwise not see a job for hours.
func TestRunningJobsCountAsBusyBeforeTheyEnd(t *testing.T) {
	var now time.Duration
	m := metrics.NewMeter(2, func() time.Duration { return now })
	m.Add(1)
	m.Add(1)
	now += time.Minute
	if got := m.Take(); got.Busy != 2*time.Minute || got.Ended != 0 {
		t.Errorf("two jobs under way for a minute: busy %s, ended %d", got.Busy, got.Ended)
	}
	now += 30 * time.Second
	m.Add(-1)
	m.Ended(lease.Done)
	now += 30 * time.Second
	if got := m.Take(); got.Busy != 90*time.Second || got.Ended != 1 {
		t.Errorf("one of them ended half-way: busy %s, ended %d", got.Busy, got.Ended)
	}
}

// What is published must be found by the alarms: by the names and statistics of their formulas, and by
// the dimensions environment and content type alone.
func TestAlarmsFindWhatIsPublished(t *testing.T) {
	cfg := localaws.StartT(t).ConfigT(t)
	api := cloudwatch.NewFromConfig(cfg)
	for i, busy := range []float64{20, 60} { // two instances
		publisher := metrics.NewPublisher(api, contract.Settings{Tier: "tier", Environment: "prod", ContentType: "mail"})
		data := []metrics.Datum{metrics.Busy(busy)}
		if i == 0 { // the one that leads
			data = append(data, metrics.JobTime(270*time.Second, 1))
			data = append(data, metrics.Jobs(3, 4, 0)...)
		}
		if err := publisher.Publish(t.Context(), data...); err != nil {
			t.Fatal(err)
		}
	}
	params := scaling.Params{Processes: 2, TargetLatency: 10 * time.Minute, MeanJobTime: time.Minute, RemovePercent: 10, MaxCapacity: 20}
	got := map[string]float64{}
	for _, m := range append(scaling.ScaleOut(params).Metrics, scaling.ScaleIn(params).Metrics...) {
		m = m.In("tier", "prod")
		if m.Source != scaling.ContentType {
			continue
		}
		out := localaws.Call(t, api.GetMetricStatistics, &cloudwatch.GetMetricStatisticsInput{
			Namespace: &m.Namespace, MetricName: &m.Name, Statistics: []types.Statistic{types.Statistic(m.Stat)},
			Dimensions: []types.Dimension{
				{Name: aws.String(contract.DimensionContentType), Value: aws.String("mail")},
				{Name: aws.String(contract.DimensionEnvironment), Value: aws.String(contract.MetricEnvironment("tier", "prod"))},
			},
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Minute)), Period: aws.Int32(7200),
		})
		for _, p := range out.Datapoints {
			got[m.ID] = max(aws.ToFloat64(p.Average), aws.ToFloat64(p.Maximum), aws.ToFloat64(p.Sum), aws.ToFloat64(p.SampleCount))
		}
	}
	if diff := cmp.Diff(map[string]float64{"busy": 40, "unfinished": 7, "spent": 270, "ended": 3}, got); diff != "" {
		t.Errorf("metrics as the alarms read them (-want +got):\n%s", diff)
	}
}
