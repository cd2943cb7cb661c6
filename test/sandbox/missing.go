package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// question is an expression of two metrics in a minute in which a is 9 and b is missing. In the minute before, b was 4.
type question struct {
	text string
	// zero and drop are the answers of the two readings; NaN is no data point. They are the same where the alarms
	// depend on the answer.
	zero, drop float64
}

var gap = math.NaN()

var questions = []question{
	{"a + b", 9, gap},
	{"a > b", 1, gap},
	{"IF(a > 0, b, 5)", 0, gap},
	{"IF(a > 0, a, b)", 9, gap},
	{"a ^ 0.5", 3, 3},
	{"FILL(b, -1)", -1, -1},
	{"FILL(FILL(b, REPEAT), 7)", 4, 4},
	{"IF(FILL(b, -1) >= 0, a)", gap, gap},
	{"(FILL(FILL(b, REPEAT), 0) > 0) AND (0 > FILL(b, -1))", 1, 1},
}

// missingPoints finds out which reading of missing points is CloudWatch's, and that the alarms' formulas mean what
// they are meant to.
func (s *sandbox) missingPoints(ctx context.Context) error {
	api := cloudwatch.NewFromConfig(s.aws)
	gapped := time.Now().Add(-5 * time.Minute).Truncate(time.Minute)
	namespace := s.stackTag() + "-missing-points"
	datum := func(name string, at time.Time, v float64) types.MetricDatum {
		return types.MetricDatum{MetricName: &name, Timestamp: &at, Value: &v}
	}
	if _, err := api.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: []types.MetricDatum{
		datum("a", gapped.Add(-time.Minute), 9), datum("b", gapped.Add(-time.Minute), 4), datum("a", gapped, 9),
	}}); err != nil {
		return err
	}
	var answers []float64
	if err := s.await(ctx, "the published points", 10*time.Minute, func(ctx context.Context) (bool, error) {
		results, err := ask(ctx, api, namespace, gapped)
		answers = results
		return len(results) > 0, err
	}); err != nil {
		return err
	}
	reading, err := judge(answers)
	s.say("missing points: %s", reading)
	return err
}

// ask evaluates the questions in the minute gapped. It returns nothing until CloudWatch has both minutes.
func ask(ctx context.Context, api *cloudwatch.Client, namespace string, gapped time.Time) ([]float64, error) {
	var queries []types.MetricDataQuery
	for _, id := range []string{"a", "b"} {
		queries = append(queries, types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: &namespace, MetricName: &id}, Period: new(int32(scaling.Period)), Stat: new("Average"),
		}})
	}
	for i, q := range questions {
		queries = append(queries, types.MetricDataQuery{Id: new(fmt.Sprintf("q%d", i)), Expression: &q.text})
	}
	out, err := api.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: new(gapped.Add(-time.Minute)), EndTime: new(gapped.Add(time.Minute)), MetricDataQueries: queries,
	})
	if err != nil {
		return nil, err
	}
	answers := slices.Repeat([]float64{gap}, len(questions))
	points := 0
	for _, r := range out.MetricDataResults {
		var i int
		if _, err := fmt.Sscanf(aws.ToString(r.Id), "q%d", &i); err != nil { // a or b
			points += len(r.Values)
			continue
		}
		for j, at := range r.Timestamps {
			if at.Equal(gapped) {
				answers[i] = r.Values[j]
			}
		}
	}
	if points < 3 {
		return nil, nil
	}
	return answers, nil
}

// judge says which reading the answers are of. It is an error where an answer is of neither: then the alarms may act
// as no test has shown.
func judge(answers []float64) (string, error) {
	var zero, drop int
	var wrong []error
	for i, q := range questions {
		asZero, asDrop := same(answers[i], q.zero), same(answers[i], q.drop)
		switch {
		case !asZero && !asDrop:
			wrong = append(wrong, fmt.Errorf("%s is %v, not %v or %v", q.text, answers[i], q.zero, q.drop))
		case !asDrop:
			zero++
		case !asZero:
			drop++
		}
	}
	reading := fmt.Sprintf("a missing point counts as 0 in %d of %d expressions and removes the result in %d", zero, zero+drop, drop)
	return reading, errors.Join(wrong...)
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
