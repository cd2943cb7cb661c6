package store_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

type table interface {
	Write(ctx context.Context, w job.Write) (job.Item, error)
	Get(ctx context.Context, key string) (job.Item, error)
	BatchGet(ctx context.Context, keys []string) ([]job.Item, error)
	Due(ctx context.Context, partition, from, to string) ([]string, error)
	CountDue(ctx context.Context, partition, from, to string) (int, error)
}

var (
	_ table = (*store.Memory)(nil)
	_ table = (*store.Dynamo)(nil)
)

// implementations are held to the same cases, each case on a table of its own.
var implementations = map[string]func(t *testing.T) table{
	"memory": func(*testing.T) table { return store.NewMemory() },
	"local AWS": func(t *testing.T) table {
		cfg := localaws.StartT(t).ConfigT(t)
		return newDynamo(t, cfg)
	},
}

func newDynamo(t *testing.T, cfg aws.Config) table {
	client := dynamodb.NewFromConfig(cfg)
	name := "jobs-" + rand.Text()
	localaws.CreateJobTable(t, client, name)
	return store.NewDynamo(client, name)
}

// forEach runs a case on a table of every implementation.
func forEach(t *testing.T, test func(t *testing.T, s table)) {
	for implementation, open := range implementations {
		t.Run(implementation, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var (
	now   = time.UnixMilli(1_700_000_000_000).UTC()
	key   = job.Key{ContentType: "mail", ID: "one"}
	lease = time.Minute
	work  = job.Submission{Payload: json.RawMessage(`{"n":1}`), Tenant: "acme"}
)

// step is a write and whether it must be refused.
type step struct {
	write   job.Write
	refused bool
}

func accepted(w job.Write) step { return step{w, false} }
func refused(w job.Write) step  { return step{w, true} }

func holder(epoch int64, owner string) job.Claim {
	return job.Claim{Key: key, Epoch: epoch, Owner: owner}
}

func at(epoch int64, state job.State) job.Job { return job.Job{Key: key, Epoch: epoch, State: state} }

// steered is [at] after a number of changes by operators.
func steered(n, epoch int64, state job.State) job.Job {
	j := at(epoch, state)
	j.Steered = n
	return j
}

// TestConditions walks the table of operations of the protocol: which write is accepted after which.
func TestConditions(t *testing.T) {
	first := job.ClaimSubmission(key, work, "a", lease, now)
	handed := func(epoch int64, owner string) job.Write {
		return job.HandBack(holder(epoch, owner), job.Return{Drained: true, BellAt: now}, now)
	}
	checkpoint := func(owner string, seq int64) job.Write {
		return job.SaveCheckpoint(holder(1, owner), job.Checkpoint{Seq: seq, Cursor: "{}"}, now)
	}
	cases := map[string][]step{
		"a submission creates a job once": {
			accepted(job.Submit(key, work, now)), refused(job.Submit(key, work, now)), refused(first),
		},
		"a claim takes a READY job at the epoch it was read": {
			accepted(job.Submit(key, work, now)), refused(job.ClaimReady(key, 1, "a", lease, now)),
			accepted(job.ClaimReady(key, 0, "a", lease, now)), refused(job.ClaimReady(key, 0, "b", lease, now)), refused(job.ClaimReady(key, 1, "b", lease, now)),
		},
		"a claim never creates": {refused(job.ClaimReady(key, 0, "a", lease, now))},
		"a job that is not due yet is not claimed": {
			accepted(first), accepted(job.HandBack(holder(1, "a"), job.Return{NotBefore: now.Add(time.Second), BellAt: now}, now)),
			refused(job.ClaimReady(key, 2, "b", lease, now)), accepted(job.ClaimReady(key, 2, "b", lease, now.Add(time.Second))),
		},
		"only the holder sends heartbeats": {
			accepted(first), accepted(job.Heartbeat(holder(1, "a"), now)), refused(job.Heartbeat(holder(1, "b"), now)), refused(job.Heartbeat(holder(2, "a"), now)),
		},
		"checkpoints go forward": {
			accepted(first), accepted(checkpoint("a", 1)), refused(checkpoint("a", 1)), accepted(checkpoint("a", 3)), refused(checkpoint("a", 2)), refused(checkpoint("b", 4)),
		},
		"a zombie changes nothing after a handback": {
			accepted(first), accepted(handed(1, "a")), refused(job.Heartbeat(holder(1, "a"), now)), refused(checkpoint("a", 9)), refused(handed(1, "a")),
			refused(job.Finish(holder(1, "a"), job.End{State: job.Done}, now)),
			accepted(job.ClaimReady(key, 2, "b", lease, now)), refused(job.Heartbeat(holder(1, "a"), now)), accepted(job.Heartbeat(holder(3, "b"), now)),
		},
		"a finished job absorbs": {
			accepted(first), accepted(job.Finish(holder(1, "a"), job.End{State: job.Done}, now)), refused(job.Submit(key, work, now)),
			refused(job.ClaimSubmission(key, work, "b", lease, now)), refused(job.ClaimReady(key, 2, "b", lease, now)), refused(job.Redrive(at(2, job.Done), now)),
		},
		"a reap needs the heartbeat that was seen": {
			accepted(first), accepted(job.Heartbeat(holder(1, "a"), now)),
			refused(job.Reap(job.Job{Key: key, Epoch: 1, Heartbeats: 0}, 5, now)), accepted(job.Reap(job.Job{Key: key, Epoch: 1, Heartbeats: 1}, 5, now)),
			refused(job.Heartbeat(holder(1, "a"), now)),
		},
		"a cancelled job is not handed back": {
			accepted(first), accepted(job.Cancel(key, new(at(1, job.Running)), now)), refused(handed(1, "a")),
			refused(job.Reap(job.Job{Key: key, Epoch: 1}, 5, now)),
			accepted(job.Reap(job.Job{Key: key, Epoch: 1, CancelRequested: true}, 5, now)),
		},
		"a cancel before the job forestalls it": {
			accepted(job.Cancel(key, nil, now)), refused(job.Submit(key, work, now)), refused(first),
		},
		"a READY job is cancelled at once": {
			accepted(job.Submit(key, work, now)), accepted(job.Cancel(key, new(at(0, job.Ready)), now)), refused(job.ClaimReady(key, 1, "a", lease, now)),
		},
		"a paused job is not claimed until it is resumed": {
			accepted(job.Submit(key, work, now)), accepted(job.Pause(at(0, job.Ready), now)), refused(job.ClaimReady(key, 0, "a", lease, now)),
			refused(job.Ring(job.Job{Key: key, RingAt: now.Add(job.RingDelay(0))}, now)),
			accepted(job.Resume(steered(1, 0, job.Ready), now)), accepted(job.ClaimReady(key, 0, "a", lease, now)),
		},
		"a cancel of a RUNNING job changes no READY job": {
			accepted(job.Submit(key, work, now)), refused(job.Cancel(key, new(at(0, job.Running)), now)),
		},
		"a cancel of a RUNNING job changes no finished job": {
			accepted(first), accepted(job.Finish(holder(1, "a"), job.End{State: job.Done}, now)), refused(job.Cancel(key, new(at(2, job.Running)), now)),
		},
		"a cancel of a RUNNING job ends with its epoch": {
			accepted(first), accepted(handed(1, "a")), accepted(job.ClaimReady(key, 2, "b", lease, now)), refused(job.Cancel(key, new(at(1, job.Running)), now)),
			accepted(job.Cancel(key, new(at(3, job.Running)), now)),
		},
		"a pause that comes after the resume is refused": {
			accepted(job.Submit(key, work, now)), accepted(job.Resume(at(0, job.Ready), now)), refused(job.Pause(at(0, job.Ready), now)),
			accepted(job.Pause(steered(1, 0, job.Ready), now)), refused(job.Resume(steered(1, 0, job.Ready), now)), accepted(job.Resume(steered(2, 0, job.Ready), now)),
		},
		"so it is for a RUNNING job": {
			accepted(first), accepted(job.Resume(at(1, job.Running), now)), refused(job.Pause(at(1, job.Running), now)), refused(job.Cancel(key, new(at(1, job.Running)), now)),
			accepted(job.Cancel(key, new(steered(1, 1, job.Running)), now)),
		},
		"a retry that comes after the pause is refused": {
			accepted(job.Submit(key, work, now)), accepted(job.Pause(at(0, job.Ready), now)), refused(job.Retry(at(0, job.Ready), now)), refused(job.Retry(steered(1, 0, job.Ready), now)),
		},
		"a ring needs the ring time that was seen": {
			accepted(job.Submit(key, work, now)), refused(job.Ring(job.Job{Key: key, RingAt: now}, now)),
			accepted(job.Ring(job.Job{Key: key, RingAt: now.Add(job.RingDelay(0))}, now)), refused(job.Ring(job.Job{Key: key, RingAt: now.Add(job.RingDelay(0))}, now)),
		},
		"a reap needs the epoch that was seen": {
			accepted(first), accepted(handed(1, "a")), refused(job.Reap(job.Job{Key: key, Epoch: 2}, 5, now)),
			accepted(job.ClaimReady(key, 2, "b", lease, now)), refused(job.Reap(job.Job{Key: key, Epoch: 1}, 5, now)), accepted(job.Reap(job.Job{Key: key, Epoch: 3}, 5, now)),
		},
		"a ring needs the epoch that was seen": {
			accepted(first), accepted(handed(1, "a")), refused(job.Ring(job.Job{Key: key, RingAt: now.Add(job.RingDelay(0))}, now)),
			accepted(job.Ring(job.Job{Key: key, Epoch: 2, RingAt: now.Add(job.RingDelay(0))}, now)),
		},
		"only a paused READY job is parked": {
			accepted(job.Submit(key, work, now)), refused(job.Park(at(0, job.Ready))), accepted(job.Pause(at(0, job.Ready), now)), refused(job.Park(at(1, job.Ready))),
			accepted(job.Park(at(0, job.Ready))),
		},
		"a cancel of a READY job ends with its epoch": {
			accepted(first), accepted(handed(1, "a")), refused(job.Cancel(key, new(at(0, job.Ready)), now)), accepted(job.Cancel(key, new(at(2, job.Ready)), now)),
		},
		"a cancel of a READY job that another operator changed is refused": {
			accepted(job.Submit(key, work, now)), accepted(job.Resume(at(0, job.Ready), now)), refused(job.Cancel(key, new(at(0, job.Ready)), now)),
			accepted(job.Cancel(key, new(steered(1, 0, job.Ready)), now)),
		},
		"a redrive ends with its epoch": {
			accepted(first), accepted(job.Finish(holder(1, "a"), job.End{State: job.Dead, Reason: "bad"}, now)), accepted(job.Redrive(at(2, job.Dead), now)),
			accepted(job.ClaimReady(key, 3, "b", lease, now)), accepted(job.Finish(holder(4, "b"), job.End{State: job.Dead, Reason: "bad"}, now)),
			refused(job.Redrive(at(2, job.Dead), now)), refused(job.GiveUp(at(2, job.Dead), now)), accepted(job.Redrive(at(5, job.Dead), now)),
		},
		"a DEAD job is redriven": {
			accepted(first), accepted(job.Finish(holder(1, "a"), job.End{State: job.Dead, Reason: "bad"}, now)), accepted(job.Redrive(at(2, job.Dead), now)),
			accepted(job.ClaimReady(key, 3, "b", lease, now)),
		},
		"a job of a newer schema is left alone": {
			accepted(func() job.Write {
				w := job.Submit(key, work, now)
				w.Set[contract.AttrSchema] = int64(contract.Schema + 1)
				return w
			}()), refused(job.ClaimReady(key, 0, "a", lease, now)),
		},
	}
	for implementation, open := range implementations {
		for name, steps := range cases {
			t.Run(implementation+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				for i, step := range steps {
					before, err := s.Get(t.Context(), key.String())
					if err != nil {
						t.Fatal(err)
					}
					item, err := s.Write(t.Context(), step.write)
					check(t, s, i, step, before, item, err)
				}
			})
		}
	}
}

func check(t *testing.T, s table, i int, step step, before, item job.Item, err error) {
	t.Helper()
	refusal, isRefused := errors.AsType[*job.RefusedError](err)
	if err != nil && !isRefused {
		t.Fatal(err)
	}
	if isRefused != step.refused {
		t.Fatalf("step %d (%s): refused = %t, want %t; the item was %v", i, step.write.Op, isRefused, step.refused, before)
	}
	after, err := s.Get(t.Context(), key.String())
	if err != nil {
		t.Fatal(err)
	}
	if !isRefused {
		if diff := cmp.Diff(after, item); diff != "" {
			t.Errorf("step %d (%s): answered another item than it left (-left +answered):\n%s", i, step.write.Op, diff)
		}
		return
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("step %d (%s): was refused and changed the item (-before +after):\n%s", i, step.write.Op, diff)
	}
	// A store may leave the current item out, but must not tell another one.
	if diff := cmp.Diff(before, refusal.Current); refusal.Current != nil && diff != "" {
		t.Errorf("step %d (%s): refusal carries another item (-stored +carried):\n%s", i, step.write.Op, diff)
	}
}

// TestJobKeepsWhatWasWritten follows one job through all its attributes.
func TestJobKeepsWhatWasWritten(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		write := func(w job.Write) job.Job {
			t.Helper()
			item, err := s.Write(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			j, err := job.FromItem(item)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		write(job.ClaimSubmission(key, work, "a", lease, now))
		cp := job.Checkpoint{Seq: 7, Cursor: `{"at":"x"}`, Version: "mail@1", Position: job.Position{Done: 3, Total: 10, Unit: "messages"}}
		got := write(job.HandBack(holder(1, "a"), job.Return{FailureLimit: 10, Error: "no route", NotBefore: now.Add(time.Hour), BellAt: now.Add(time.Hour), Checkpoint: &cp}, now.Add(time.Second)))
		want := job.Job{
			Key: key, State: job.Ready, Epoch: 2, Seq: 7, Cursor: cp.Cursor, CursorVersion: "mail@1", Position: cp.Position,
			NotBefore: now.Add(time.Hour), Failures: 1, FailureLimit: 10, RingAt: now.Add(time.Hour + 5*time.Minute), LastError: "no route",
			Payload: work.Payload, Tenant: "acme", CreatedAt: now, UpdatedAt: now.Add(time.Second), Lease: lease, Schema: contract.SchemaPlain,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after a failed attempt (-want +got):\n%s", diff)
		}
		got = write(job.ClaimReady(key, 2, "b", lease, now.Add(2*time.Hour)))
		if got.Epoch != 3 || got.Owner != "b" || got.Cursor != cp.Cursor || !got.RingAt.IsZero() {
			t.Errorf("after the next claim: %+v", got)
		}
		got = write(job.Finish(holder(3, "b"), job.End{State: job.Done}, now))
		if got.State != job.Done || got.Epoch != 4 || got.Owner != "" || !got.Expires.Equal(now.Add(job.Retention)) {
			t.Errorf("after the end: %+v", got)
		}
	})
}

// TestSumsAddUp: a write without conditions creates its item, adds, and subtracts what was read.
func TestSumsAddUp(t *testing.T) {
	for implementation, open := range implementations {
		t.Run(implementation, func(t *testing.T) {
			s := open(t)
			var item job.Item
			for _, n := range []int64{5, 7, -5} {
				var err error
				if item, err = s.Write(t.Context(), job.Write{Key: "control#mail", Add: map[string]int64{contract.AttrBusy: n, contract.AttrEnded: 0}}); err != nil {
					t.Fatal(err)
				}
			}
			want := job.Item{contract.AttrKey: "control#mail", contract.AttrBusy: int64(7), contract.AttrEnded: int64(0)}
			if diff := cmp.Diff(want, item); diff != "" {
				t.Errorf("item (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBatchGetReadsMoreThanOneRequestHolds(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		keys := []string{"mail#missing"}
		for i := range 130 {
			k := job.Key{ContentType: "mail", ID: fmt.Sprintf("job-%03d", i)}
			if _, err := s.Write(t.Context(), job.Submit(k, work, now)); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k.String())
		}
		items, err := s.BatchGet(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{"mail#missing"}
		for _, item := range items {
			got = append(got, item[contract.AttrKey].(string))
		}
		slices.Sort(got)
		slices.Sort(keys)
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}
