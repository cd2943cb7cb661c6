package workerpool

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAlarmsForPeople holds what is compared and how long, and that each tells the one topic and scales nothing.
func TestAlarmsForPeople(t *testing.T) {
	template := synth(t, mail(t))
	for id, c := range map[string]struct {
		threshold, periods float64
		queries            []string
	}{
		"age": {600, 5, []string{"age: AWS/SQS ApproximateAgeOfOldestMessage Maximum 60 s QueueName"}},
		"atMax": {0, 60, []string{
			"n: AWS/AutoScaling GroupDesiredCapacity Average 60 s AutoScalingGroupName",
			"most: AWS/AutoScaling GroupMaxSize Average 60 s AutoScalingGroupName",
			"visible: AWS/SQS ApproximateNumberOfMessagesVisible Maximum 60 s QueueName",
			"atMax = IF((most <= n) AND (FILL(visible, 0) > 0), 1, 0)",
		}},
		"zombies": {0, 1, []string{"zombies: WorkerTier Zombies Sum 60 s ContentType Environment"}},
	} {
		alarm := alarmOf(t, template, id)
		equal(t, id+" is compared", alarm.At("Metrics", len(c.queries)-1, "ReturnData"), any(true))
		equal(t, id+" inputs", queries(t, alarm), c.queries)
		equal(t, id+" comparison", [3]any{alarm.At("ComparisonOperator"), alarm.At("Threshold"), alarm.At("EvaluationPeriods")}, [3]any{"GreaterThanThreshold", c.threshold, c.periods})
	}
	told := 0
	for _, alarm := range template.Of("AWS::CloudWatch::Alarm") {
		equal(t, alarm.ID+" missing data", alarm.At("TreatMissingData"), any("notBreaching"))
		if strings.Contains(fmt.Sprint(alarm.At("AlarmActions", 0)), ":alarms") {
			told++
		}
	}
	if want := len(template.Of("AWS::CloudWatch::Alarm")) - len(template.Of("AWS::AutoScaling::ScalingPolicy")); told != want || want < 5 {
		t.Errorf("%d alarms tell the topic, want all %d that do not scale", told, want)
	}
}

// graphOf are the lines of a graph of the pool's dashboard that are thresholds, as "label value".
func graphOf(t *testing.T, props Props, title string) (thresholds []string) {
	t.Helper()
	body, err := json.Marshal(synth(t, props).One(t, "AWS::CloudWatch::Dashboard").At("DashboardBody"))
	if err != nil {
		t.Fatal(err)
	}
	var joined struct {
		Join [2]any `json:"Fn::Join"`
	}
	if err := json.Unmarshal(body, &joined); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	parts, _ := joined.Join[1].([]any)
	for _, part := range parts {
		if s, ok := part.(string); ok {
			text.WriteString(s)
		} else {
			text.WriteString("token")
		}
	}
	var page struct {
		Widgets []struct {
			Properties struct {
				Title       string
				Annotations struct {
					Horizontal []struct {
						Label string
						Value float64
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text.String()), &page); err != nil {
		t.Fatal(err)
	}
	for _, w := range page.Widgets {
		if w.Properties.Title != title {
			continue
		}
		for _, l := range w.Properties.Annotations.Horizontal {
			thresholds = append(thresholds, fmt.Sprintf("%s %v", l.Label, l.Value))
		}
		return thresholds
	}
	t.Fatalf("no graph %q", title)
	return nil
}

// TestStepsAndThresholdsAreDrawn: on the dashboard stands from which value on how many boxes are added.
func TestStepsAndThresholdsAreDrawn(t *testing.T) {
	props := mail(t)
	props.ContentType.MaxCapacity = 9
	for title, want := range map[string][]string{
		"Boxes missing (scale out)":                        {"+1 1", "+2 2", "+3 3", "+5 5", "+8 8"},
		"CPU, 100 % while the boxes are needed (scale in)": {"scale in up to here 70"},
		"Age of the oldest message, seconds":               {"target (alarm above) 600"},
	} {
		if diff := cmp.Diff(want, graphOf(t, props, title)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
}
