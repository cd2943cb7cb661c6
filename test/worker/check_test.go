package worker

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestCheckServiceFollowsTheWorker(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "check-service", steady)
	b := tr.inGroupOf("check-service-group", func(b *groupInstance) {
		b.metadata.SetAway(true)
		b.environ = append(b.environ, oneTry)
	})
	is := func(code int, text string) string {
		t.Helper()
		return tr.checks(code, text, "service", "--socket", b.watched())
	}
	is(1, "worker WARNING: waits for instance metadata, table or bucket: see the log")
	b.metadata.SetAway(false)
	is(0, "worker OK: slots: 2 of 2 run, 0 busy; pause: content type is not paused; table: answered ")
	tr.underWay("job")
	is(0, "worker OK: slots: 2 of 2 run, 1 busy; ")
	tr.must("type", "pause")
	is(0, "worker OK: slots: 2 of 2 run, 1 busy; pause: content type is paused; ")
	tr.must("type", "resume")
	b.aws.Close()
	if said := is(2, "worker CRITICAL: "); !strings.Contains(said, "request send failed") {
		t.Errorf("it does not say why: %s", said)
	}
	b.send(t, syscall.SIGSTOP)
	is(2, "worker CRITICAL: the worker has not answered at "+b.watched())
	b.kill()
	is(2, "worker CRITICAL: no worker runs here; ")
}

func TestCheckServiceOfAWorkerThatDrained(t *testing.T) {
	t.Parallel()
	tr, b, _ := atWork(t, "check-drained", steady, nil)
	b.drain(t, "--reason", "bad disk")
	tr.checks(1, "worker WARNING: drained (operator: bad disk): ", "service", "--socket", b.watched())
}

func TestCheckServiceOfWhatIsNoWorker(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "check-other")
	socket := filepath.Join(runtimeFolder(t), "other.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	tr.checks(3, "worker UNKNOWN: the worker on "+socket+" answered 404 Not Found with no report", "service", "--socket", socket)
}

// alarmed gives the content type the alarm Late as its stack does, with a threshold in seconds, beside one whose name begins
// like it.
func (tr *tier) alarmed(threshold int) *cloudwatch.Client {
	tr.t.Helper()
	template := func(queue string, threshold int) string {
		return fmt.Sprintf(`{"Resources": {"Late": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 5, "Threshold": %d,
			"Metrics": [{"Id": "age", "ReturnData": true, "MetricStat": {"Period": 60, "Stat": "Maximum", "Metric": {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
				"Dimensions": [{"Name": "QueueName", "Value": %q}]}}}]}}}}`, threshold, queue)
	}
	stack := contract.StackName(tr.settings.Tier, "test", "backup")
	for name, text := range map[string]string{stack: template(tr.queueName(), threshold), stack + "-big": template("another", 1)} {
		localaws.CreateStack(tr.t, tr.aws, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &text})
	}
	return cloudwatch.NewFromConfig(tr.aws)
}

func (tr *tier) queueName() string {
	return tr.settings.QueueURL[strings.LastIndexByte(tr.settings.QueueURL, '/')+1:]
}

func queueDimension(queue string) []cwtypes.Dimension {
	return []cwtypes.Dimension{{Name: new("QueueName"), Value: &queue}}
}

// messageIs says in SQS's place how old the oldest message is.
func (tr *tier) messageIs(client *cloudwatch.Client, seconds float64, ago time.Duration) {
	tr.t.Helper()
	at := time.Now().Add(-ago)
	localaws.Call(tr.t, client.PutMetricData, &cloudwatch.PutMetricDataInput{Namespace: new("AWS/SQS"), MetricData: []cwtypes.MetricDatum{
		{MetricName: new("ApproximateAgeOfOldestMessage"), Dimensions: queueDimension(tr.queueName()), Timestamp: &at, Value: &seconds},
	}})
}

// TestCheckTypeFollowsTheJobs from an empty type through each thing that can be wrong with it.
func TestCheckTypeFollowsTheJobs(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "check-type", steady)
	tr.settings.Lease = shortLease
	client := tr.alarmed(3)
	is := func(code int, text string, args ...string) string {
		t.Helper()
		return tr.checks(code, text, append([]string{"type", "--tier", "check-type", "-e", "test", "-t", "backup"}, args...)...)
	}
	is(0, "backup OK: 0 READY, 0 RUNNING, 0 messages|oldest_job=0s;;3;0 ready=0;;;0 running=0;;;0 dead=0;0;;0 zombies=0;0;;0 messages=0;;;0 dead_letters=0;0;;0 paused=0;0;;0;1 sick=0;0;;0;1 read_units=11;;;0\n")

	tr.must("type", "pause")
	is(1, "backup WARNING: paused: no job is taken until 'worker type resume'; 0 READY, 0 RUNNING, 0 messages|oldest_job=0s;;;0 ")
	tr.submit("waits", "{}")
	time.Sleep(4 * time.Second)
	is(1, "backup WARNING: paused: ") // on purpose
	tr.must("type", "resume")
	is(2, "backup CRITICAL: job waits has waited for ")
	is(0, "backup OK: 1 READY, 0 RUNNING, 1 message|", "--critical", "oldest_job=3600;oldest_message=3600")
	is(1, "backup WARNING: 1 job READY; 1 READY, ", "-c", "oldest_job=3600", "-c", "oldest_message=3600", "-w", "ready=0")

	tr.messageIs(client, 100, 2*time.Minute)
	tr.messageIs(client, 2, 10*time.Minute)
	if said := is(2, "backup CRITICAL: the oldest message has waited for 1m40s; ", "-c", "oldest_job=3600"); !strings.Contains(said, " oldest_message=100s;;3;0 ") {
		t.Errorf("it does not say how old: %s", said)
	}
	tr.messageIs(client, 2, time.Second)
	is(0, "backup OK: ", "-c", "oldest_job=3600")

	i := tr.start()
	await(t, "the job runs", func() bool { return tr.show("waits").State == "RUNNING" })
	is(0, "backup OK: 0 READY, 1 RUNNING, ")
	i.kill()
	is(1, "backup WARNING: 1 job RUNNING without heartbeats, the longest is waits; 0 READY, 1 RUNNING, ")
	tr.must("jobs", "cancel", "waits", "--yes")

	tr.deadLetter()
	is(1, "backup WARNING: 1 job RUNNING without heartbeats, the longest is waits; 1 message in the dead-letter queue; ")
}

// TestCheckTypeCountsDeadJobs has a job that cannot be done.
func TestCheckTypeCountsDeadJobs(t *testing.T) {
	t.Parallel()
	tr, _ := deadJob(t, "check-dead")
	tr.alarmed(600)
	tr.checks(1, "backup WARNING: 1 job DEAD; 0 READY, 0 RUNNING, ", "type", "--tier", "check-dead", "-e", "test", "-t", "backup")
	tr.checks(2, "backup CRITICAL: 1 job DEAD; ", "type", "--tier", "check-dead", "-e", "test", "-t", "backup", "--critical", "dead=0")
}

// deadLetter connects the queue with its dead-letter queue as the stacks do, and puts a message there.
func (tr *tier) deadLetter() {
	tr.t.Helper()
	attributes := map[string]string{string(types.QueueAttributeNameRedrivePolicy): `{"deadLetterTargetArn":"arn:aws:sqs:` + localaws.Region + ":" + localaws.Account + ":" + tr.settings.Tier + `-dead","maxReceiveCount":20}`}
	localaws.Call(tr.t, tr.sqs.SetQueueAttributes, &sqs.SetQueueAttributesInput{QueueUrl: &tr.settings.QueueURL, Attributes: attributes})
	localaws.Call(tr.t, tr.sqs.SendMessage, &sqs.SendMessageInput{QueueUrl: &tr.settings.DeadLetterQueueURL, MessageBody: new("not a job")})
}

// TestWhatKeepsACheckFromItsAnswerIsUnknown: in one line on stdout, with exit status 3.
func TestWhatKeepsACheckFromItsAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "check-unknown")
	of := []string{"type", "--tier", "check-unknown", "-e", "test", "-t", "backup"}
	hangs, err := net.Listen("tcp", "127.0.0.1:0") // answers nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() })
	for name, c := range map[string]struct {
		environ []string
		args    []string
		want    string
	}{
		"no such type":        {nil, []string{"type", "--tier", "check-unknown", "-e", "test", "-t", "fax"}, "fax UNKNOWN: environment test has no content type fax: "},
		"no such environment": {nil, []string{"type", "--tier", "check-unknown", "-e", "nowhere", "-t", "backup"}, "backup UNKNOWN: tier check-unknown has no environment nowhere"},
		"no type":             {nil, []string{"type", "-e", "test"}, "worker UNKNOWN: missing flags: --type=STRING ("},
		"nothing":             {nil, nil, `worker UNKNOWN: expected one of "service", "type" (`},
		"no such figure":      {nil, append(of, "--warning", "speed=5"), `worker UNKNOWN: check type: there is no figure "speed", only oldest_job, `},
		"no range":            {nil, append(of, "--critical", "dead=10:5"), `worker UNKNOWN: --critical: "dead=10:5": after the name of a figure and =, want a range: `},
		"no range at all":     {nil, append(of, "--critical", "dead"), `worker UNKNOWN: --critical: "dead": after the name of a figure and =, want a range: `},
		"no alarm":            {nil, of, "backup UNKNOWN: stack check-unknown-test-backup has no alarm Late that says how long jobs may wait: "},
		"no credentials":      {[]string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}, of, "backup UNKNOWN: no AWS credentials: set AWS_PROFILE"},
		"no Region":           {[]string{"AWS_REGION=", "AWS_DEFAULT_REGION="}, of, "backup UNKNOWN: no AWS Region: "},
		"no endpoint":         {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", oneTry}, of, "backup UNKNOWN: "},
		"no answer":           {[]string{"AWS_ENDPOINT_URL=http://" + hangs.Addr().String()}, append(of, "--timeout", "1"), "backup UNKNOWN: "},
		"refused":             {[]string{"AWS_ENDPOINT_URL=" + tr.refusing("DynamoDB_20120810.Query")}, of, " index due of table check-unknown-jobs: AWS refuses dynamodb:Query: "},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			said, stderr, code := tr.worker(slices.Concat(tr.environ, c.environ), append([]string{"check"}, c.args...)...)
			if code != 3 || stderr != "" || strings.Count(said, "\n") != 1 || !strings.Contains(said, " UNKNOWN: ") || !strings.Contains(said, c.want) || strings.Contains(said, "|") {
				t.Errorf("exit %d, want 3 with %q; stderr %q, stdout:\n%s", code, c.want, stderr, said)
			}
			if took := time.Since(begin); took > 9*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
