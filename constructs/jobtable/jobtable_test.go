package jobtable

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/synthtest"
)

func TestMain(m *testing.M) { synthtest.Main(m) }

func TestTableIsKeptUnlessDisposable(t *testing.T) {
	for _, disposable := range []bool{false, true} {
		template := synthtest.Synth(t, func(stack awscdk.Stack) { New(stack, "Jobs", Props{Disposable: disposable}) })
		table := template.One(t, "AWS::DynamoDB::GlobalTable")
		kept := table.DeletionPolicy == "RetainExceptOnCreate" && table.UpdateReplacePolicy == "Retain" &&
			table.At("Replicas", 0, "DeletionProtectionEnabled") == true
		if kept == disposable {
			t.Errorf("disposable %v: kept %v", disposable, kept)
		}
		if table.At("Replicas", 0, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
			t.Error("no point-in-time recovery")
		}
	}
}

// The worker's queries on the index work with exactly these keys.
func TestKeys(t *testing.T) {
	template := synthtest.Synth(t, func(stack awscdk.Stack) { New(stack, "Jobs", Props{}) })
	table := template.One(t, "AWS::DynamoDB::GlobalTable")
	key := func(name, kind string) any { return map[string]any{"AttributeName": name, "KeyType": kind} }
	for what, c := range map[string]struct{ got, want any }{
		"table key":   {table.At("KeySchema"), []any{key("pk", "HASH")}},
		"index":       {table.At("GlobalSecondaryIndexes", 0, "IndexName"), "due"},
		"index key":   {table.At("GlobalSecondaryIndexes", 0, "KeySchema"), []any{key("duePartition", "HASH"), key("dueSort", "RANGE")}},
		"projection":  {table.At("GlobalSecondaryIndexes", 0, "Projection", "ProjectionType"), "KEYS_ONLY"},
		"expiry":      {table.At("TimeToLiveSpecification"), map[string]any{"AttributeName": "ttl", "Enabled": true}},
		"billing":     {table.At("BillingMode"), "PAY_PER_REQUEST"},
		"no own name": {table.At("TableName"), nil},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
