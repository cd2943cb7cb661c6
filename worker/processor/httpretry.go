package processor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// retrier tries a request again.
type retrier struct {
	next     http.RoundTripper
	pace     *pacer
	draining <-chan struct{}
}

// firstPause is the pause before the second try; each further one is twice as long.
const firstPause = 500 * time.Millisecond

func (t *retrier) RoundTrip(r *http.Request) (*http.Response, error) {
	paused, pause := time.Duration(0), firstPause
	for try := r; ; pause *= 2 {
		if err := t.pace.wait(r.Context(), r.URL.Host); err != nil {
			return nil, err
		}
		answer, err := t.next.RoundTrip(try)
		wanted, asked := retryAfter(answer)
		switch {
		case r.Context().Err() != nil, !mayRetry(r, answer, err, asked):
			return answer, err
		case asked && paused+wanted > retriedFor:
			_ = answer.Body.Close()
			at := time.Now().Add(wanted)
			return nil, RetryAt(at, fmt.Errorf("%s answered %s and asked for a pause of %s", r.URL.Host, answer.Status, wanted.Round(time.Second)))
		}
		next := max(pause, wanted)
		if paused+next > retriedFor || !t.sleep(r.Context(), next) {
			return answer, err
		}
		paused += next
		if answer != nil {
			_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // a short one, so that its connection can be used again
			_ = answer.Body.Close()
		}
		if try, err = again(r.Context(), r); err != nil {
			return nil, err
		}
	}
}

// sleep is false if the request's context ends, or the job is drained: the answer as it is then ends the step.
func (t *retrier) sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
	case <-t.draining:
	}
	return false
}

// mayRetry reports whether a try may be repeated: it did no harm if it was done, or the server says that it was not.
func mayRetry(r *http.Request, answer *http.Response, err error, asked bool) bool {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, "PROPFIND", "REPORT":
		if err != nil {
			return true
		}
		switch answer.StatusCode {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	return asked
}

// retryAfter is the pause that a server asks for with 429 or 503: in seconds, or until a time.
func retryAfter(answer *http.Response) (time.Duration, bool) {
	if answer == nil || answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	text := answer.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// pacer spaces the requests to a host.
type pacer struct {
	gap time.Duration // 0: none

	mu   sync.Mutex
	next map[string]time.Time // when the next request to a host may start
}

func newPacer(rate float64) *pacer {
	p := &pacer{next: map[string]time.Time{}}
	if rate > 0 {
		p.gap = time.Duration(float64(time.Second) / rate)
	}
	return p
}

func (p *pacer) wait(ctx context.Context, host string) error {
	if p.gap == 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	at := p.next[host]
	if at.Before(now) {
		at = now
	}
	p.next[host] = at.Add(p.gap)
	p.mu.Unlock()
	select {
	case <-time.After(at.Sub(now)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// idler ends answers of which no byte comes for too long.
type idler struct{ next http.RoundTripper }

func (t *idler) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	answer, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel(err)
		return nil, err
	}
	body := &idleBody{ReadCloser: answer.Body, ctx: ctx, cancel: cancel}
	body.watch = time.AfterFunc(silentFor, func() { cancel(fmt.Errorf("no byte came for %s", silentFor)) })
	body.watch.Stop() // only while somebody reads
	answer.Body = body
	return answer, nil
}

type idleBody struct {
	io.ReadCloser
	ctx    context.Context // of the request; it lives as long as the answer
	cancel context.CancelCauseFunc
	watch  *time.Timer
}

func (b *idleBody) Read(into []byte) (int, error) {
	b.watch.Reset(silentFor)
	n, err := b.ReadCloser.Read(into)
	b.watch.Stop()
	if err != nil && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

func (b *idleBody) Close() error {
	b.watch.Stop()
	b.cancel(context.Canceled)
	return b.ReadCloser.Close()
}
