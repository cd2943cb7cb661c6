package artifacts

import (
	"context"
	"fmt"
	"io"
	"time"
)

// silence is how long a reader waits for a byte: a connection that says nothing must not hold up a job.
const silence = time.Minute

// reader reads an answer. Its request ends when no byte comes for too long, or when it is closed.
type reader struct {
	body  io.ReadCloser
	ctx   context.Context // of the request; it lives as long as the reader
	end   context.CancelFunc
	watch *time.Timer
}

func newReader(ctx context.Context) *reader {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(silence, func() { cancel(fmt.Errorf("no byte came for %s", silence)) })
	return &reader{ctx: ctx, watch: watch, end: func() {
		watch.Stop()
		cancel(context.Canceled)
	}}
}

func (r *reader) Read(into []byte) (int, error) {
	r.watch.Reset(silence)
	n, err := r.body.Read(into)
	r.watch.Stop() // the caller may take its time
	if err != nil && r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	return n, err
}

func (r *reader) Close() error {
	r.end()
	return r.body.Close()
}
