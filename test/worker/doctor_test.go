package worker

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// finding is a line of what `worker doctor --json` prints.
type finding struct {
	Check  string
	OK     bool
	Detail string
}

// doctor runs the command on an instance with the tier's settings.
func (tr *tier) doctor(args ...string) (findings map[string]finding, stdout string, code int) {
	tr.t.Helper()
	stdout, _, code = tr.worker(tr.told(tr.settings, args...), "doctor", "--json")
	findings = map[string]finding{}
	for _, f := range parse[[]finding](tr.t, stdout) {
		findings[f.Check] = f
	}
	return findings, stdout, code
}

func failed(findings map[string]finding) map[string]string {
	details := map[string]string{}
	for name, f := range findings {
		if !f.OK {
			details[name] = f.Detail
		}
	}
	return details
}

func TestDoctorFindsNothingWrongAndLeavesNothing(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "doctor")
	findings, stdout, code := tr.doctor()
	if code != 0 || len(failed(findings)) > 0 || len(findings) != 10 {
		t.Fatalf("exit %d:\n%s", code, stdout)
	}
	list, stderr, code := tr.worker(tr.environ, "doctor", "--document", firstBoot(t, tr.settings))
	if code != 0 || !strings.HasPrefix(list, "CHECK") || strings.Count(list, " ok ") != 10 {
		t.Errorf("for people: exit %d\n%s%s", code, list, stderr)
	}
	// The items expire; no index, no list and no worker knows of them.
	index, name, table := contract.DueIndex, tr.settings.Table, dynamodb.NewFromConfig(tr.aws)
	seen, err := table.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name, IndexName: &index})
	if err != nil || seen.Count != 0 {
		t.Errorf("%d items in the index, error %v", seen.Count, err)
	}
	left, err := table.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil || left.Count != 2 {
		t.Fatalf("%d items in the table after two self-tests, error %v", left.Count, err)
	}
	for _, item := range left.Items {
		if item[contract.AttrTTL] == nil {
			t.Errorf("an item stays for ever: %v", item)
		}
	}
	queue, err := tr.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &tr.settings.QueueURL})
	if err != nil || len(queue.Messages) != 0 {
		t.Errorf("messages %v, error %v", queue.Messages, err)
	}
	tr.submit("mine", "{}")
	for _, args := range [][]string{{"jobs", "list", "--json"}, {"jobs", "list", "--json", "--scan"}} {
		if got := tr.must(args...); strings.Contains(got, "selftest") || !strings.Contains(got, `"mine"`) {
			t.Errorf("%s shows %s", strings.Join(args, " "), got)
		}
	}
}

// What a refusal says names the action and the place.
func TestDoctorNamesWhatIsRefused(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "refused")
	for operation, want := range map[string][2]string{
		"DynamoDB_20120810.GetItem":    {"table", "read control#backup in table refused-jobs: AWS refuses dynamodb:GetItem: "},
		"DynamoDB_20120810.UpdateItem": {"self-test", " in table refused-jobs: AWS refuses dynamodb:UpdateItem: "},
		"DynamoDB_20120810.Query":      {"index", " index due of table refused-jobs: AWS refuses dynamodb:Query: "},
		"AmazonSQS.GetQueueAttributes": {"queue", "measure messages of queue " + tr.settings.QueueURL + ": AWS refuses sqs:GetQueueAttributes: "},
	} {
		findings, stdout, code := tr.doctor("AWS_ENDPOINT_URL=" + tr.refusing(operation))
		if f := findings[want[0]]; code != 1 || f.OK || !strings.Contains(f.Detail, want[1]) || strings.Contains(f.Detail, "\n") {
			t.Errorf("%s is refused: exit %d\n%s", operation, code, stdout)
		}
		if operation != "DynamoDB_20120810.GetItem" && len(failed(findings)) != 1 {
			t.Errorf("%s is refused, and more has failed:\n%s", operation, stdout)
		}
	}
}

func TestDoctorNamesAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "clock")
	findings, _, code := tr.doctor("AWS_ENDPOINT_URL=" + tr.through(func(answer *http.Response) error {
		answer.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		return nil
	}, nil))
	if f := findings["clock"]; code != 1 || f.OK || !strings.Contains(f.Detail, "this machine's clock is off by 1h0m") {
		t.Errorf("exit %d, %+v", code, f)
	}
}

func TestDoctorNamesWhatCannotBeReached(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "unreached")
	findings, stdout, code := tr.doctor("AWS_ENDPOINT_URL=http://127.0.0.1:1", oneTry)
	if code != 1 || len(failed(findings)) != 6 || !strings.Contains(findings["queue"].Detail, tr.settings.QueueURL+": http://127.0.0.1:1 (AWS_ENDPOINT_URL) cannot be reached") {
		t.Errorf("exit %d:\n%s", code, stdout)
	}
}

func TestDoctorKnowsWhetherItsInstanceStandsInAGroup(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "grouped")
	tr.settings.LaunchHook = "launch"
	for group, want := range map[string]string{"": "is in no Auto Scaling group", "a-group": instanceID + " of group a-group"} {
		_, environ := tr.standsIn(instanceID, group)
		findings, _, _ := tr.doctor(environ...)
		if f := findings["instance"]; f.OK != (group != "") || !strings.Contains(f.Detail, want) {
			t.Errorf("group %q: %+v", group, f)
		}
	}
	findings, _, code := tr.doctor()
	if f := findings["instance"]; code != 1 || !strings.Contains(f.Detail, "this is no EC2 instance, or its metadata does not answer") {
		t.Errorf("without metadata: exit %d, %+v", code, f)
	}
}

func TestADocumentOfAnotherReleaseIsRefused(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "schema")
	file := document(t, contract.FirstBoot{Schema: contract.BootSchema + 1, WorkerTier: contract.Attributes{Environment: tr.settings.Environ()}})
	_, stderr, code := tr.worker(tr.environ, "boot", "complete", "--document", file)
	if want := "worker: the first-boot document has schema 2 and this worker reads 1: stack and bundle are of different releases, deploy both from one\n"; code != 1 || stderr != want {
		t.Errorf("exit %d: %s", code, cmp.Diff(want, stderr))
	}
}

// refusing is an endpoint that denies one operation.
func (tr *tier) refusing(operation string) string {
	return tr.through(nil, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Amz-Target") != operation {
			return false
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws#AccessDeniedException","message":"User is not authorized"}`)
		return true
	})
}

// through is an endpoint in front of the local AWS; change changes its answers, instead answers in its place.
func (tr *tier) through(change func(*http.Response) error, instead func(http.ResponseWriter, *http.Request) bool) string {
	tr.t.Helper()
	b, err := awsproxy.StartBetween(tr.server.Endpoint(), instead, change)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(b.Close)
	return b.URL
}
