package workerpool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
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
			"atMax = IF((FILL(FILL(most, REPEAT), 10000) <= FILL(FILL(n, REPEAT), 0)) AND (FILL(visible, 0) > 0), 1, 0)",
		}},
		"sick":    {0, 5, []string{"sick: WorkerTier/tier-prod Sick Sum 60 s ContentType Environment"}},
		"careful": {0, 5, []string{"careful: WorkerTier/tier-prod Careful Sum 60 s ContentType Environment"}},
		"zombies": {0, 1, []string{"zombies: WorkerTier/tier-prod Zombies Sum 60 s ContentType Environment"}},
	} {
		alarm := alarmOf(t, template, id)
		equal(t, id+" is compared", alarm.At("Metrics", len(c.queries)-1, "ReturnData"), any(true))
		equal(t, id+" inputs", queries(t, alarm), c.queries)
		equal(t, id+" comparison", [3]any{alarm.At("ComparisonOperator"), alarm.At("Threshold"), alarm.At("EvaluationPeriods")}, [3]any{"GreaterThanThreshold", c.threshold, c.periods})
	}
	told := 0
	for _, alarm := range shown(t, template) {
		want := "notBreaching"
		if strings.Contains(alarm.ID, "Silent") {
			want = "breaching"
		}
		equal(t, alarm.ID+" missing data", alarm.At("TreatMissingData"), any(want))
		if strings.Contains(fmt.Sprint(alarm.At("AlarmActions", 0)), ":alarms") {
			told++
		}
	}
	if want := len(shown(t, template)) - len(template.Of("AWS::AutoScaling::ScalingPolicy")); told != want || want < 5 {
		t.Errorf("%d alarms tell the topic, want all %d that do not scale", told, want)
	}
}

// TestEachAlarmLeadsToItsPage: whoever is woken finds the page about it.
func TestEachAlarmLeadsToItsPage(t *testing.T) {
	forked, longest := mail(t), "https://"+strings.Repeat("w", 240)+"/" // as the configuration allows
	forked.Docs = longest
	for docs, template := range map[string]synthtest.Template{tierspec.Docs(): synth(t, mail(t)), longest: synth(t, forked)} {
		leadToPages(t, template, docs)
	}
}

func leadToPages(t *testing.T, template synthtest.Template, docs string) {
	t.Helper()
	alarms := template.Of("AWS::CloudWatch::Alarm")
	if len(alarms) < 5 {
		t.Errorf("%d alarms", len(alarms))
	}
	for _, alarm := range alarms {
		text := fmt.Sprint(alarm.At("AlarmDescription"))
		_, page, found := strings.Cut(text, docs)
		if _, err := os.Stat(filepath.Join("../../docs", filepath.FromSlash(page))); !found || err != nil {
			t.Errorf("%s: %q leads nowhere: %v", alarm.ID, text, err)
		}
		if !strings.HasPrefix(text, "mail: ") || len(text) > 1024 { // API_PutMetricAlarm
			t.Errorf("%s: %q", alarm.ID, text)
		}
	}
}
