package cli

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

// secret is a payload that is too large for an item.
var secret = `"` + strings.Repeat("secret", job.InlinePayload/5) + `"`

// tenants is a pool with jobs of two tenants in every state.
type tenants struct {
	*typeHandles
	t *testing.T
}

func newTenants(t *testing.T) *tenants {
	p, _ := newPool(t)
	tt := &tenants{p, t}
	for _, tenant := range []string{"acme", "other"} {
		for _, id := range []string{"ready", "running", "done", "dead", "cancelled"} {
			if _, _, err := p.submit(t.Context(), job.Submission{ID: tenant + "-" + id, Tenant: tenant, Payload: []byte(secret)}); err != nil {
				t.Fatal(err)
			}
			j := tt.job(tenant + "-" + id)
			switch id {
			case "cancelled":
				tt.write(job.Cancel(j.Key, &j, time.Now()))
				continue
			case "ready":
				continue
			}
			j = tt.write(job.ClaimReady(j.Key, 0, "i-1/1", time.Minute, time.Now()))
			cursor := job.CursorRef(j.Claim(), 1, []byte(secret))
			if err := p.objects.Put(t.Context(), cursor, []byte(secret)); err != nil {
				t.Fatal(err)
			}
			tt.write(job.SaveCheckpoint(j.Claim(), job.Checkpoint{Seq: 1, Ref: cursor, Position: job.Position{Done: 1, Total: 2, Unit: "secrets"}}, time.Now()))
			if id == "done" {
				tt.write(job.Finish(j.Claim(), job.End{State: job.Done}, time.Now()))
			}
			if id == "dead" {
				tt.write(job.Finish(j.Claim(), job.End{State: job.Dead, Reason: "secret"}, time.Now()))
			}
		}
	}
	return tt
}

func (tt *tenants) write(w job.Write) job.Job {
	tt.t.Helper()
	item, err := tt.store.Write(tt.t.Context(), w)
	if err != nil {
		tt.t.Fatal(err)
	}
	j, err := job.FromItem(item)
	if err != nil {
		tt.t.Fatal(err)
	}
	return j
}

func (tt *tenants) item(id string) job.Item {
	tt.t.Helper()
	item, err := tt.store.Get(tt.t.Context(), "mail#"+id)
	if err != nil || item == nil {
		tt.t.Fatalf("%v, %v", item, err)
	}
	return item
}

func (tt *tenants) job(id string) job.Job {
	tt.t.Helper()
	j, err := job.FromItem(tt.item(id))
	if err != nil {
		tt.t.Fatal(err)
	}
	return j
}

// count is how many objects there are of jobs whose ids begin with prefix.
func (tt *tenants) count(prefix string) int {
	tt.t.Helper()
	keys, err := tt.objects.List(tt.t.Context(), "jobs/mail/"+prefix)
	if err != nil {
		tt.t.Fatal(err)
	}
	return len(keys)
}

// eraseAcme runs the command, without its question.
func (tt *tenants) eraseAcme() eraseView {
	tt.t.Helper()
	c := &eraseCommand{Tenant: "acme"}
	keys, found, err := c.find(tt.t.Context(), &env{}, tt.typeHandles)
	if err != nil {
		tt.t.Fatal(err)
	}
	view := eraseView{Found: found}
	c.eraseAll(tt.t.Context(), tt.typeHandles, keys, &view)
	return view
}

// TestNothingOfATenantIsLeft but the ids of its jobs. It takes two runs: a job that runs is asked to stop, and its holder
// ends it.
func TestNothingOfATenantIsLeft(t *testing.T) {
	tt := newTenants(t)
	before := tt.count("other")
	view := tt.eraseAcme()
	want := map[job.State]int{job.Ready: 1, job.Running: 1, job.Done: 1, job.Dead: 1, job.Cancelled: 1}
	if diff := cmp.Diff(want, view.Found); diff != "" || view.Erased != 4 || len(view.Left) != 1 || !strings.Contains(view.Left[0].Error, "acme-running still runs") {
		t.Fatalf("%+v (-want +found):\n%s", view, diff)
	}
	running := tt.job("acme-running")
	if running.State != job.Running || !running.CancelRequested || tt.count("acme-running") != 2 {
		t.Fatalf("a job that runs: %+v, %d objects", running, tt.count("acme-running"))
	}
	tt.write(job.Finish(running.Claim(), job.End{State: job.Cancelled}, time.Now()))
	if view := tt.eraseAcme(); view.Erased != 1 || len(view.Left) != 0 || view.Objects != 2 {
		t.Errorf("the second run: %+v", view)
	}
	if view := tt.eraseAcme(); len(view.Found) != 0 {
		t.Errorf("the third run found %v", view.Found)
	}
	if got := tt.count("acme"); got != 0 {
		t.Errorf("%d objects are left", got)
	}
	for _, id := range []string{"ready", "running", "done", "dead", "cancelled"} {
		item := tt.item("acme-" + id)
		for attr, value := range item {
			if text, ok := value.(string); ok && attr != contract.AttrKey && (strings.Contains(text, "secret") || strings.Contains(text, "acme")) {
				t.Errorf("%s: %s is %q", id, attr, text)
			}
		}
		if j := tt.job("acme-" + id); !j.State.Terminal() || j.State == job.Dead || j.Expires.IsZero() {
			t.Errorf("%s: %s, expires %s", id, j.State, j.Expires)
		}
		if j := tt.job("other-" + id); j.Tenant != "other" || j.PayloadRef == "" {
			t.Errorf("a neighbour's job was touched: %+v", j)
		}
	}
	if got := tt.count("other"); got != before {
		t.Errorf("%d objects of the other tenant, there were %d", got, before)
	}
}

// TestErasedJobDoesNotRunAgain when a late duplicate of its message comes, nor is the message dead-lettered.
func TestErasedJobDoesNotRunAgain(t *testing.T) {
	tt := newTenants(t)
	tt.eraseAcme()
	claimer := &lease.Claimer{
		Store: tt.store, Blobs: tt.objects, Clock: supervisor.SystemClock{}, Rand: rand.New(rand.NewPCG(1, 2)), ContentType: "mail", Worker: "i-2",
		Timing: contract.Timing{Lease: time.Minute}, Log: slog.New(slog.DiscardHandler),
	}
	for _, id := range []string{"ready", "done", "dead", "cancelled"} {
		claimed, err := claimer.Take(t.Context(), queue.Message{ID: "m", Body: `{"id":"acme-` + id + `","tenant":"acme","payload":` + secret + `}`})
		if claimed != nil || err != nil {
			t.Errorf("%s: claimed %v, error %v", id, claimed, err)
		}
		if got := tt.count("acme-" + id); got != 0 {
			t.Errorf("%s: the duplicate wrote %d objects", id, got)
		}
	}
}

// TestInterruptedEraseGoesOn: what could not be deleted is found again.
func TestInterruptedEraseGoesOn(t *testing.T) {
	tt := newTenants(t)
	bucket := tt.objects
	tt.objects = blob.NewS3(s3.NewFromConfig(tt.cfg), "missing-"+tt.table)
	if view := tt.eraseAcme(); len(view.Left) != 5 || view.Erased != 0 {
		t.Errorf("without a bucket: %+v", view)
	}
	tt.objects = bucket
	tt.write(job.Write{Op: "test", Key: "mail#acme-running", Set: job.Item{contract.AttrState: string(job.Cancelled)}})
	if view := tt.eraseAcme(); len(view.Left) != 0 {
		t.Errorf("%+v", view)
	}
	if tt.count("acme") != 0 {
		t.Error("objects are left")
	}
	if _, err := bucket.Get(context.Background(), tt.job("other-ready").PayloadRef); errors.Is(err, blob.ErrMissing) {
		t.Error("the neighbour's payload is gone")
	}
}

// TestJobOfANewerReleaseIsLeft: this release cannot know in which state it is, nor where its data stands.
func TestJobOfANewerReleaseIsLeft(t *testing.T) {
	tt := newTenants(t)
	tt.write(job.Write{Op: "test", Key: "mail#acme-done", Set: job.Item{contract.AttrSchema: int64(contract.Schema + 1)}})
	view := tt.eraseAcme()
	if len(view.Left) != 2 || !strings.Contains(view.Left[0].Error+view.Left[1].Error, "job acme-done: its item has schema") || tt.count("acme-done") != 2 || tt.job("acme-done").Tenant != "acme" {
		t.Errorf("%+v, %d objects", view, tt.count("acme-done"))
	}
}
