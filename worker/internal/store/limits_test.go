package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

func write(t *testing.T, s table, w job.Write) job.Item {
	t.Helper()
	item, err := s.Write(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// TestDueIndexIsReadPageByPage: a page ends after 1 MB, here after some 500 entries, as these keys are
// nearly as long as DynamoDB allows (2,048 bytes).
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
func TestDueIndexIsReadPageByPage(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		partition := job.DuePartition(key.ContentType, 0)
		var want []string
		for i := range 700 {
			k := fmt.Sprintf("mail#%04d%s", i, strings.Repeat("x", 2000))
			write(t, s, job.Write{Op: "put", Key: k, Set: job.Item{contract.AttrDuePartition: partition, contract.AttrDueSort: fmt.Sprintf("r#%013d", i)}})
			want = append(want, k)
		}
		const first, last = 7, 690
		from, to := fmt.Sprintf("r#%013d", first), fmt.Sprintf("r#%013d", last)
		got, err := s.Due(t.Context(), partition, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want[first:last+1], got) {
			t.Errorf("%d keys or their order are not those of the %d that are due", len(got), last-first+1)
		}
		n, err := s.CountDue(t.Context(), partition, from, to)
		if err != nil || n != last-first+1 {
			t.Errorf("counted %d (%v), want %d", n, err, last-first+1)
		}
		if none, err := s.Due(t.Context(), job.DuePartition(key.ContentType, 1), job.DueFirst, job.DueLast); err != nil || len(none) != 0 {
			t.Errorf("an empty partition lists %v (%v)", none, err)
		}
	})
}

// TestBatchGetReadsMoreThanOneAnswerHolds: an answer ends after 16 MB; what is left comes back as unprocessed, but for the
// local AWS, which answers all.
func TestBatchGetReadsMoreThanOneAnswerHolds(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		var keys []string
		for i := range 55 {
			keys = append(keys, fmt.Sprintf("mail#%03d", i))
			write(t, s, job.Write{Op: "put", Key: keys[i], Set: job.Item{contract.AttrPayload: strings.Repeat("x", 350<<10)}})
		}
		items, err := s.BatchGet(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, item := range items {
			got = append(got, item[contract.AttrKey].(string))
		}
		slices.Sort(got)
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}

// TestBatchGetReadsAKeyOnce: DynamoDB refuses a request with the same key twice, and a job that moves in the
// index while it is read can be listed twice.
func TestBatchGetReadsAKeyOnce(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		item := write(t, s, job.Submit(key, work, now))
		for _, keys := range [][]string{{key.String(), key.String()}, {key.String(), "mail#missing", key.String(), "mail#missing"}} {
			got, err := s.BatchGet(t.Context(), keys)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]job.Item{item}, got); diff != "" {
				t.Errorf("items of %v (-want +got):\n%s", keys, diff)
			}
		}
		for _, none := range [][]string{nil, {"mail#missing"}} {
			if got, err := s.BatchGet(t.Context(), none); err != nil || len(got) != 0 {
				t.Errorf("items of %v: %v (%v)", none, got, err)
			}
		}
	})
}

// TestLargestJobFitsIntoAnItem: 400 KB are the limit, names of attributes included. Longer payloads and cursors than
// job.InlinePayload and job.InlineCursor stand in items that an earlier release wrote.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
func TestLargestJobFitsIntoAnItem(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		const payload, cursor = 256 << 10, 128 << 10
		large := job.Submission{Payload: []byte(`"` + strings.Repeat("p", payload-2) + `"`), Tenant: strings.Repeat("t", 128)}
		write(t, s, job.ClaimSubmission(key, large, "a", lease, now))
		cp := job.Checkpoint{Seq: 1, Cursor: `"` + strings.Repeat("c", cursor-2) + `"`, Version: "mail@1"}
		item := write(t, s, job.HandBack(holder(1, "a"), job.Return{FailureLimit: 10, Error: strings.Repeat("e", 1000), Checkpoint: &cp, BellAt: now}, now))
		stored, err := s.Get(t.Context(), key.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(item, stored); diff != "" {
			t.Errorf("item (-answered +stored):\n%s", diff)
		}
		got, err := job.FromItem(stored)
		if err != nil {
			t.Fatal(err)
		}
		if got.Cursor != cp.Cursor || string(got.Payload) != string(large.Payload) {
			t.Errorf("a cursor of %d and a payload of %d bytes came back as %d and %d", len(cp.Cursor), len(large.Payload), len(got.Cursor), len(got.Payload))
		}
	})
}

func TestAddCountsAMissingAttributeAsZero(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		add := job.Write{Op: "add", Key: key.String(), Add: map[string]int64{contract.AttrDrains: 2}}
		for _, want := range []job.Item{
			{contract.AttrKey: key.String(), contract.AttrDrains: int64(2)}, // no item
			{contract.AttrKey: key.String(), contract.AttrDrains: int64(4)},
		} {
			if diff := cmp.Diff(want, write(t, s, add)); diff != "" {
				t.Errorf("item (-want +got):\n%s", diff)
			}
		}
		add.Add = map[string]int64{contract.AttrCrashes: -1} // an item without the attribute
		add.Remove = []string{contract.AttrDrains, contract.AttrOwner}
		if diff := cmp.Diff(job.Item{contract.AttrKey: key.String(), contract.AttrCrashes: int64(-1)}, write(t, s, add)); diff != "" {
			t.Errorf("item (-want +got):\n%s", diff)
		}
	})
}

// TestOneOfManyWins: of many that claim one job at once, one gets it; of many that add, none is lost.
func TestOneOfManyWins(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		const many = 16
		write(t, s, job.Submit(key, work, now))
		var won, lost atomic.Int64
		var claimers sync.WaitGroup
		for i := range many {
			claimers.Go(func() {
				_, err := s.Write(t.Context(), job.ClaimReady(key, 0, fmt.Sprint(i), lease, now))
				if _, refused := errors.AsType[*job.RefusedError](err); refused {
					lost.Add(1)
				} else if err == nil {
					won.Add(1)
				} else {
					t.Error(err)
				}
				if _, err := s.Write(t.Context(), job.Write{Op: "add", Key: key.String(), Add: map[string]int64{contract.AttrDrains: 1}}); err != nil {
					t.Error(err)
				}
			})
		}
		claimers.Wait()
		if won.Load() != 1 || lost.Load() != many-1 {
			t.Errorf("%d of %d claims were accepted and %d refused", won.Load(), many, lost.Load())
		}
		if item, err := s.Get(t.Context(), key.String()); err != nil || item[contract.AttrDrains] != int64(many) {
			t.Errorf("%v after %d additions (%v)", item[contract.AttrDrains], many, err)
		}
	})
}
