package main

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// watchedMinutes is of how many minutes each metric's delay is measured.
const watchedMinutes = 3

// delays measures how long after the end of a minute each metric of the alarm pair has that minute's point.
func (s *sandbox) delays(ctx context.Context) error {
	dimensions, err := s.dimensions(ctx)
	if err != nil {
		return err
	}
	pair := scaling.Params{CPUFor: 3 * time.Minute, MinCapacity: 0, MaxCapacity: 1} // which metrics it reads depends on nothing else
	api := cloudwatch.NewFromConfig(s.aws)
	begin := time.Now().Truncate(time.Minute)
	late, seen := map[string]time.Duration{}, map[string]map[time.Time]bool{}
	for _, m := range slices.Concat(scaling.ScaleOut(pair).Metrics, scaling.ScaleIn(pair).Metrics) {
		seen[m.Name] = map[time.Time]bool{}
	}
	err = s.await(ctx, "the points of every metric", 25*time.Minute, func(ctx context.Context) (bool, error) {
		for _, m := range slices.Concat(scaling.ScaleOut(pair).Metrics, scaling.ScaleIn(pair).Metrics) {
			m = m.In(tierName, s.environment)
			out, err := api.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
				Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: dimensions[m.Source], Statistics: []types.Statistic{types.Statistic(m.Stat)},
				Period: new(int32(scaling.Period)), StartTime: &begin, EndTime: new(time.Now()),
			})
			if err != nil {
				return false, err
			}
			for _, p := range out.Datapoints {
				if at := *p.Timestamp; !seen[m.Name][at] {
					seen[m.Name][at] = true
					late[m.Name] = max(late[m.Name], time.Since(at.Add(time.Minute)))
				}
			}
		}
		return len(unwatched(seen)) == 0, nil
	})
	for _, name := range slices.Sorted(maps.Keys(late)) {
		s.say("%s: the point of a minute came at most %s after its end", name, late[name].Round(time.Second))
	}
	if err != nil {
		return fmt.Errorf("too few points of %s: %w", strings.Join(unwatched(seen), ", "), err)
	}
	return nil
}

// unwatched are the metrics of which too few points were seen.
func unwatched(seen map[string]map[time.Time]bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if len(seen[name]) < watchedMinutes {
			names = append(names, name)
		}
	}
	return names
}

// dimensions are those of work's metrics.
func (s *sandbox) dimensions(ctx context.Context) (map[scaling.Source][]types.Dimension, error) {
	group, err := s.group(ctx, contentType)
	if err != nil {
		return nil, err
	}
	queue, err := s.queue(ctx)
	if err != nil {
		return nil, err
	}
	return map[scaling.Source][]types.Dimension{
		scaling.Queue: {{Name: new("QueueName"), Value: new(path.Base(queue))}},
		scaling.Group: {{Name: new("AutoScalingGroupName"), Value: group.AutoScalingGroupName}},
		scaling.ContentType: {
			{Name: new(contract.DimensionContentType), Value: new(contentType)}, {Name: new(contract.DimensionEnvironment), Value: new(s.stackTag())},
		},
	}, nil
}
