package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// idTrials are about ids that come twice, or never, and about what is left of a job.
var idTrials = []Trial{
	{"a second message with a known id and another payload", takenID},
	{"the cancel of an id that never was", cancelOfNothing},
	{"the payload in the bucket of a job that has ended", payloadOfAnEndedJob},
}

func takenID(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-taken", steady)
	i := tr.start()
	tr.underWay("job")
	other := `{"id":"job","payload":{"other":"` + strings.Repeat("x", 5000) + `"}}` // large enough for the bucket
	for _, body := range []string{`{"id":"job","payload":{}}`, other} {
		tr.message(body)
	}
	reasons := tr.deadLetters(1)
	if len(reasons) != 1 || !strings.Contains(reasons[other], "another payload") {
		t.Errorf("dead letters: %v", reasons)
	}
	await(t, "the queue is empty", func() bool { return tr.messages(tr.settings.QueueURL) == 0 })
	if objects := tr.objects(); len(objects) != 0 {
		t.Errorf("objects %v: a payload was written that nobody will read", objects)
	}
	if i.count("message dead-lettered") != 1 || i.count("job claimed") != 1 {
		t.Errorf("logged %d dead letters, %d claims", i.count("message dead-lettered"), i.count("job claimed"))
	}
	return fmt.Sprintf("dead_letters=%d: %s; the same body again: silent", len(reasons), reasons[other])
}

func cancelOfNothing(t testing.TB) string {
	tr := newTier(t, "trial-cancel")
	said := tr.refused(tr.environ, []string{"there is no job typo", "--force"}, "jobs", "cancel", "typo", "--yes")
	if tr.item("backup#typo") != nil {
		t.Error("the id is reserved all the same")
	}
	tr.must("jobs", "cancel", "typo", "--yes", "--force")
	if tr.show("typo").State != "CANCELLED" {
		t.Error("--force does not reserve the id")
	}
	return said
}

func payloadOfAnEndedJob(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-payload", `case $(cat "$WORKER_JOB_FILE") in *'"dead"'*) exit 65;; esac`)
	for _, id := range []string{"done", "dead", "cancelled"} {
		tr.submit(id, `"`+strings.Repeat("x", 5000)+id+`"`)
	}
	before := len(tr.objects())
	tr.must("jobs", "cancel", "cancelled", "--yes")
	tr.start()
	await(t, "the jobs have ended", func() bool { return tr.show("done").State == "DONE" && tr.show("dead").State == "DEAD" })
	kept := tr.show("dead").PayloadRef // for a redrive
	await(t, "the payload of the DEAD job alone is left", func() bool { return slices.Equal(tr.objects(), []string{kept}) })
	return fmt.Sprintf("objects=%d, and after DONE, CANCELLED and DEAD that of the DEAD job alone", before)
}

// objects are the keys in the artifacts bucket.
func (tr *tier) objects() []string {
	tr.t.Helper()
	out := localaws.Call(tr.t, s3.NewFromConfig(tr.aws).ListObjectsV2, &s3.ListObjectsV2Input{Bucket: &tr.settings.ArtifactsBucket})
	var keys []string
	for _, object := range out.Contents {
		keys = append(keys, *object.Key)
	}
	return keys
}
