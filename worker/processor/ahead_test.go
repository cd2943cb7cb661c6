package processor_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/processor"
)

var errTest = errors.New("of the test")

// numbers are 0, 1, 2 … below end, then errTest if failing.
func numbers(end int, failing bool) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for n := range end {
			if !yield(n, nil) {
				return
			}
		}
		if failing {
			yield(0, errTest)
		}
	}
}

func TestAheadKeepsTheOrder(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			started := make([]chan struct{}, 20) // closed when the work on the item begins
			for i := range started {
				started[i] = make(chan struct{})
			}
			var got []int
			// Each item waits for the last one that may be in work beside it, so that the later ends first.
			for r, err := range processor.Ahead(t.Context(), n, numbers(20, false), func(_ context.Context, item int) (int, error) {
				close(started[item])
				<-started[min(item/n*n+n-1, 19)]
				return item * item, nil
			}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, r)
			}
			for i := range 20 {
				if len(got) != 20 || got[i] != i*i {
					t.Fatalf("at most %d at once: results %v", n, got)
				}
			}
		})
	}
}

// TestAheadIsBounded looks while the loop works on its first result: n items are in work, and no more were read.
func TestAheadIsBounded(t *testing.T) {
	const n = 3
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		for r, err := range processor.Ahead(t.Context(), n, numbers(20, false), func(_ context.Context, item int) (int, error) {
			begun.Add(1)
			return item, nil
		}) {
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got, want := int(begun.Load()), min(r+1+n, 20); got != want {
				t.Fatalf("%d items were begun while the loop has number %d, want %d", got, r, want)
			}
		}
	})
}

func TestAheadEndsWithTheFirstError(t *testing.T) {
	fine := func(_ context.Context, item int) (int, error) { return item, nil }
	for name, c := range map[string]struct {
		items iter.Seq2[int, error]
		do    func(context.Context, int) (int, error)
		want  []int
	}{
		"of the items": {numbers(3, true), fine, []int{0, 1, 2}},
		"of an item": {numbers(20, false), func(_ context.Context, item int) (int, error) {
			if item == 2 {
				return 0, errTest
			}
			return item, nil
		}, []int{0, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var got []int
			var last error
			for r, err := range processor.Ahead(t.Context(), 2, c.items, c.do) {
				if last != nil {
					t.Errorf("%s: a result after the error", name)
				}
				if last = err; err == nil {
					got = append(got, r)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(last, errTest) {
				t.Errorf("%s: error %v (-want +got):\n%s", name, last, diff)
			}
		})
	}
}

// TestAheadLeavesNothingBehind ends the loop while items are in work: synctest fails if one of them goes on.
func TestAheadLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ended []int
		for _, err := range processor.Ahead(t.Context(), 3, numbers(20, false), func(ctx context.Context, item int) (int, error) {
			if item > 0 {
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, item)
			}
			return item, ctx.Err()
		}) {
			if err != nil {
				t.Error(err)
			}
			synctest.Wait() // the next three are in work
			break
		}
		slices.Sort(ended)
		if diff := cmp.Diff([]int{1, 2, 3}, ended); diff != "" {
			t.Errorf("ended (-want +got):\n%s", diff)
		}
	})
}

// TestAheadNeverEndsInSilence cancels from outside: a loop that sees no error must have had all items.
func TestAheadNeverEndsInSilence(t *testing.T) {
	for after := range 5 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if after == 0 {
				cancel(errTest)
			}
			had, last := 0, error(nil)
			for _, err := range processor.Ahead(ctx, 2, numbers(20, false), func(_ context.Context, item int) (int, error) { return item, nil }) {
				if last = err; err == nil {
					had++
				}
				if had == after {
					cancel(errTest)
				}
			}
			if !errors.Is(last, errTest) || had > after+2 {
				t.Errorf("cancelled after %d: %d results, then error %v", after, had, last)
			}
		})
	}
}
