package cli

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// lossy delivers requests to the table and loses the answers to writes.
type lossy struct {
	aws.HTTPClient
	lose int // answers to be lost
}

func (l *lossy) Do(r *http.Request) (*http.Response, error) {
	answer, err := l.HTTPClient.Do(r)
	if err == nil && l.lose > 0 && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateItem") {
		l.lose--
		_ = answer.Body.Close()
		return nil, errors.New("connection reset")
	}
	return answer, err
}

// newPool is the content type mail with a table, a queue and a bucket of its own.
func newPool(t *testing.T) (*typeHandles, *lossy) {
	t.Helper()
	cfg := localaws.StartT(t).ConfigT(t)
	name, network := "cli-"+strings.ToLower(rand.Text()), &lossy{HTTPClient: cfg.HTTPClient}
	localaws.CreateJobTable(t, dynamodb.NewFromConfig(cfg), name)
	q := localaws.Call(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: &name})
	localaws.Call(t, s3.NewFromConfig(cfg).CreateBucket, &s3.CreateBucketInput{Bucket: &name})
	return &typeHandles{
		contentType: "mail", cfg: cfg, table: name, queueURL: *q.QueueUrl,
		objects: blob.NewS3(s3.NewFromConfig(cfg), name), queue: queue.NewSQS(sqs.NewFromConfig(cfg), *q.QueueUrl, ""),
		store: store.NewDynamo(dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.HTTPClient = network }), name),
	}, network
}

func (p *typeHandles) mustSubmit(t *testing.T, id, payload string) job.Job {
	t.Helper()
	j, created, err := p.submit(t.Context(), job.Submission{ID: id, Payload: []byte(payload)})
	if err != nil || !created {
		t.Fatalf("submitted %s: created %t, error %v", id, created, err)
	}
	return j
}

// TestCancelOfAnUnknownIDAsksForForce: it is more often a misspelt id than a job that is yet to come.
func TestCancelOfAnUnknownIDAsksForForce(t *testing.T) {
	p, _ := newPool(t)
	key := job.Key{ContentType: "mail", ID: "typo"}
	_, err := p.change(t.Context(), key, (&cancelCommand{}).verb())
	if err == nil || !strings.Contains(err.Error(), "there is no job typo") || !strings.Contains(err.Error(), "--force") {
		t.Errorf("error %v, want it to say that there is no such job and what --force does", err)
	}
	if j, err := p.get(t.Context(), key); j != nil || err != nil {
		t.Fatalf("there is %+v (%v), want no job", j, err)
	}
	if j, err := p.change(t.Context(), key, (&cancelCommand{Force: true}).verb()); err != nil || j.State != job.Cancelled {
		t.Errorf("with --force: %s, error %v", j.State, err)
	}
}

// TestChangeWhoseAnswerIsLost: the SDK's second try is refused, because the first was applied. That is success.
func TestChangeWhoseAnswerIsLost(t *testing.T) {
	p, network := newPool(t)
	j := p.mustSubmit(t, "one", "1")
	network.lose = 1
	if after, err := p.change(t.Context(), j.Key, existing(verb{of: unfinished}, job.Pause)); err != nil || !after.Paused || after.Steered != 1 {
		t.Errorf("pause: %+v, error %v", after, err)
	}
	network.lose = 1
	if err := p.steerType(t.Context(), sweep.PauseType); err != nil {
		t.Errorf("pause of the type: %v", err)
	}
	network.lose = 1
	if after, err := p.change(t.Context(), j.Key, (&cancelCommand{}).verb()); err != nil || after.State != job.Cancelled {
		t.Errorf("cancel: %s, error %v", after.State, err)
	}
	network.lose = 1
	p.mustSubmit(t, "two", "1")
}

// TestOperatorWithoutAnAnswerReadsHowToFindOut.
func TestOperatorWithoutAnAnswerReadsHowToFindOut(t *testing.T) {
	p, network := newPool(t)
	j := p.mustSubmit(t, "one", "1")
	network.lose = 1000
	_, changed := p.change(t.Context(), j.Key, existing(verb{of: unfinished}, job.Pause))
	for look, err := range map[string]error{
		"worker jobs show one --type mail": changed, "worker jobs stats --type mail": p.steerType(t.Context(), sweep.PauseType),
	} {
		if err == nil || !strings.Contains(explain(err), "may have been made") || !strings.Contains(explain(err), look) {
			t.Errorf("error %v, want it to say that the change may have been made, and %q", err, look)
		}
	}
	network.lose = 0
	p.table = "missing"
	p.store = store.NewDynamo(dynamodb.NewFromConfig(p.cfg), p.table)
	if _, err := p.change(t.Context(), j.Key, existing(verb{of: unfinished}, job.Pause)); err == nil || strings.Contains(explain(err), "may have been made") {
		t.Errorf("error %v, want a table that is missing to be an answer", err)
	}
}

// TestTypeThatSomebodyElseChanges: the command that read before the other's change says so.
func TestTypeThatSomebodyElseChanges(t *testing.T) {
	p, _ := newPool(t)
	err := p.steerType(t.Context(), func(contentType string, control job.Item) job.Write {
		if _, err := p.store.Write(t.Context(), sweep.ResumeType(contentType, control)); err != nil {
			t.Fatal(err)
		}
		return sweep.PauseType(contentType, control)
	})
	if err == nil || !strings.Contains(err.Error(), "somebody else paused or resumed mail at the same time") {
		t.Errorf("error %v", err)
	}
}

// TestSubmitOfATakenID: the same job again is no mistake, another one under its id is. A payload is written to the bucket
// only for a new job.
func TestSubmitOfATakenID(t *testing.T) {
	large := func(s string) string { return `"` + strings.Repeat(s, job.InlinePayload) + `"` }
	p, _ := newPool(t)
	for id, payload := range map[string]func(string) string{"small": func(s string) string { return `"` + s + `"` }, "large": large} {
		first := p.mustSubmit(t, id, payload("a"))
		if again, created, err := p.submit(t.Context(), job.Submission{ID: id, Payload: []byte(payload("a"))}); err != nil || created || again.PayloadRef != first.PayloadRef {
			t.Errorf("%s again: created %t, error %v", id, created, err)
		}
		other := job.Submission{ID: id, Payload: []byte(payload("b"))}
		if _, _, err := p.submit(t.Context(), other); err == nil || !strings.Contains(err.Error(), "id "+id+" is taken") || !strings.Contains(err.Error(), "another payload") {
			t.Errorf("%s with another payload: error %v", id, err)
		}
		if _, err := p.objects.Get(t.Context(), job.PayloadRef(first.Key, other.Payload)); !errors.Is(err, blob.ErrMissing) {
			t.Errorf("%s: the other payload was written (%v)", id, err)
		}
	}
	view, err := p.submitAll(t.Context(), []job.Submission{
		{ID: "small", Payload: []byte(`"a"`)}, {ID: "large", Payload: []byte(`"a"`)}, {ID: "new", Payload: []byte(`"a"`)},
	}, 0, func() {})
	if err != nil || view.Submitted != 1 || view.Existing != 1 || len(view.Taken) != 1 || view.Taken[0] != "large" {
		t.Errorf("%+v, error %v: want one submitted, one existing, one taken", view, err)
	}
}
