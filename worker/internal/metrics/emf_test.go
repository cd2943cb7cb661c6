package metrics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// line is an attempt as it is logged by a worker.
func line(a lease.Account) string {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil)).With("instance", "i-1", "content_type", "mail")
	(&metrics.EMF{Log: log, Namespace: "WorkerTier/tier-prod", Environment: "tier-prod", ContentType: "mail"}).Ended(context.Background(), a)
	return out.String()
}

var drained = lease.Account{
	Job: job.Job{Key: job.Key{ContentType: "mail", ID: "one"}, Tenant: "acme", Epoch: 3}, Outcome: lease.Drained,
	Lasted: 90 * time.Second, Again: 1500 * time.Millisecond, Units: 1 << 20, Unit: "bytes",
}

func TestAttemptsAreInTheEmbeddedMetricFormat(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/emf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(document)
	}
	text := line(drained)
	if err := valid(text); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	t.Logf("%d bytes: %s", len(text), text)
	for _, broken := range []string{strings.Replace(text, `"_aws"`, `"aws"`, 1), strings.Replace(text, "Bytes", "Messages", 1), strings.Replace(text, `"Namespace":"WorkerTier/tier-prod"`, `"Namespace":""`, 1)} {
		if valid(broken) == nil {
			t.Errorf("valid: %s", broken)
		}
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	stamp := got["_aws"].(map[string]any)["Timestamp"].(float64)
	if age := time.Since(time.UnixMilli(int64(stamp))); age < 0 || age > time.Minute {
		t.Errorf("a time stamp of %s ago", age)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "attempt ended", "instance": "i-1", "content_type": "mail", "job": "mail#one", "tenant": "acme", "epoch": 3.0, "outcome": "drained", "unit": "bytes",
		"Environment": "tier-prod", "ContentType": "mail", "AttemptSeconds": 90.0, "AgainSeconds": 1.5, "Units": 1048576.0,
		"_aws": map[string]any{"Timestamp": stamp, "CloudWatchMetrics": []any{map[string]any{
			"Namespace": "WorkerTier/tier-prod", "Dimensions": []any{[]any{"Environment", "ContentType"}},
			"Metrics": []any{map[string]any{"Name": "AttemptSeconds", "Unit": "Seconds"}, map[string]any{"Name": "AgainSeconds", "Unit": "Seconds"}, map[string]any{"Name": "Units", "Unit": "Bytes"}},
		}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestUnitsAreCountsUnlessTheyAreBytes(t *testing.T) {
	a := drained
	a.Unit = "messages"
	if text := line(a); !strings.Contains(text, `{"Name":"Units","Unit":"Count"}`) || !strings.Contains(text, `"unit":"messages"`) {
		t.Errorf("line %s", text)
	}
}
