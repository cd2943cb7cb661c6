package workerpool

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/synthtest"
)

// alarmOf is the alarm that compares the value of that id.
func alarmOf(t *testing.T, template synthtest.Template, id string) synthtest.Resource {
	t.Helper()
	for _, a := range template.Of("AWS::CloudWatch::Alarm") {
		queries, _ := a.At("Metrics").([]any)
		if n := len(queries); n > 0 && queries[n-1].(object)["Id"] == id {
			return a
		}
	}
	t.Fatalf("no alarm compares %q", id)
	return synthtest.Resource{}
}

func TestMeasuredJobTimeIsReadFromTheWorkers(t *testing.T) {
	props := mail(t)
	props.ContentType.ScaleOut = config.ScaleOut{TargetLatency: 10 * time.Minute, Measured: true, AssumedJobTime: 3 * time.Minute}
	template := synth(t, props)
	out := alarmOf(t, template, "missing")
	equal(t, "metric", out.At("Metrics", 3, "MetricStat"), any(object{
		"Metric": object{"Namespace": "WorkerTier", "MetricName": "MeanJobTime", "Dimensions": []any{
			object{"Name": "ContentType", "Value": "mail"}, object{"Name": "Environment", "Value": "tier-prod"},
		}},
		"Period": 60.0, "Stat": "Maximum",
	}))
	equal(t, "while nothing is measured", out.At("Metrics", 4, "Expression"), any("FILL(measured, 180)"))
	equal(t, "what is compared", out.At("Metrics", 7, "ReturnData"), any(true))
	script, err := json.Marshal(template.One(t, "AWS::EC2::LaunchTemplate").At("LaunchTemplateData", "UserData"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `\"WORKER_JOB_TIME\": \"3m0s\"`; !strings.Contains(strings.ReplaceAll(string(script), `\\`, `\`), want) {
		t.Errorf("the worker is not told what to assume: no %s in %s", want, script)
	}
}
