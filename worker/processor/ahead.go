package processor

import (
	"context"
	"iter"
	"sync"
)

// Ahead calls do for each item, for up to n at once, and gives the results in the order of the items. It suits a step that
// waits for a network, as its cursor stays in order. At most n items are in work or wait for the loop that reads the results.
// While that loop works on a result, the next n are in work. n is at least 1.
//
// items is read by another goroutine, from its first to its last item. Its error, or that of do, is the last result. When
// the loop ends early, the context that do gets is cancelled, and Ahead waits for each call to return. The end of ctx is an
// error too, so that a loop without an error has had every item.
func Ahead[T, R any](ctx context.Context, n int, items iter.Seq2[T, error], do func(context.Context, T) (R, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		a := ahead[T, R]{
			do:     do,
			free:   make(chan struct{}, n),
			inWork: make(chan chan result[R], n+1), // and the one that says why there are no more
		}
		defer a.running.Wait()
		defer cancel()
		a.running.Go(func() { a.read(ctx, items) })
		for one := range a.inWork {
			r := <-one
			if r.err == nil {
				<-a.free
			}
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}

type result[R any] struct {
	value R
	err   error
}

type ahead[T, R any] struct {
	do      func(context.Context, T) (R, error)
	free    chan struct{}       // holds an element for each item in work
	inWork  chan chan result[R] // in the order of the items
	running sync.WaitGroup
}

// read starts the work on each item, and takes the next one when there is room for it.
func (a *ahead[T, R]) read(ctx context.Context, items iter.Seq2[T, error]) {
	defer close(a.inWork)
	if !a.room(ctx) {
		return
	}
	for item, err := range items {
		if err != nil {
			a.inWork <- failed[R](err)
			return
		}
		one := make(chan result[R], 1)
		a.inWork <- one
		a.running.Go(func() {
			value, err := a.do(ctx, item)
			one <- result[R]{value, err}
		})
		if !a.room(ctx) {
			return
		}
	}
}

// room waits until another item may be taken. It is false if ctx has ended.
func (a *ahead[T, R]) room(ctx context.Context) bool {
	if ctx.Err() == nil {
		select {
		case a.free <- struct{}{}:
			return true
		case <-ctx.Done():
		}
	}
	a.inWork <- failed[R](context.Cause(ctx))
	return false
}

func failed[R any](err error) chan result[R] {
	one := make(chan result[R], 1)
	one <- result[R]{err: err}
	return one
}
