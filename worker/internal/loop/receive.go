package loop

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// longPoll is how long one receive waits for messages; the most that SQS allows.
const longPoll = 20 * time.Second

// How soon the first look at the control item, the end of a pause and an idle slot are noticed at the latest.
const (
	firstLook  = 20 * time.Millisecond
	pausedLook = time.Second
	idleLook   = 10 * time.Second
)

// receiveLoop claims jobs until ctx is cancelled, never more than there are idle slots. A drain cuts the long poll before
// the slots hand jobs back, or their bells would come to the very worker that drains. Everything else that has begun is
// brought to its end.
func (w *Worker) receiveLoop(ctx context.Context) {
	w.receive(ctx)
	w.Vitals.Rest(receiving)
	for _, s := range w.slots {
		close(s.jobs)
		s.task.Wake()
	}
	w.Intake.DeleteUsed(context.WithoutCancel(ctx))
}

func (w *Worker) receive(ctx context.Context) {
	var free []*slot
	for failures := 0; ; {
		free = w.gather(ctx, free)
		if !w.mayClaim(ctx) {
			return
		}
		most := w.takeCare(ctx, min(len(free), queue.MaxReceived))
		if most == 0 {
			return
		}
		if w.illness.on() {
			w.awaitWell(ctx)
			continue
		}
		if !w.goesOn() { // each of these may have waited for hours, and what was true before is not any more
			continue
		}
		w.Vitals.Within(receiving, longPoll+slack)
		messages, err := w.Receiver.Receive(ctx, most, longPoll)
		if ctx.Err() != nil {
			w.returnMessages(ctx, messages)
			return
		}
		note(&w.signs.received, err)
		if err != nil {
			w.Log.WarnContext(ctx, "nothing received, trying again", "error", err.Error())
			w.Vitals.Within(receiving, longestPause+slack)
			w.pause(ctx, failures)
			failures++
			continue
		}
		failures = 0
		if w.illness.on() { // since the receive began
			w.returnMessages(ctx, messages)
			continue
		}
		free = w.take(ctx, free, messages, most)
	}
}

// take claims the jobs that messages announce for free slots, and returns the slots that are left.
func (w *Worker) take(ctx context.Context, free []*slot, messages []queue.Message, most int) []*slot {
	w.received(messages)
	w.Vitals.Within(receiving, 2*time.Duration(len(messages))*w.Attempts.Timing.Lease+slack)
	work := context.WithoutCancel(ctx)
	err := w.Intake.Take(work, messages, func(c lease.Claimed) {
		s := free[len(free)-1]
		free = free[:len(free)-1]
		w.Meter.Claimed(c.Job)
		w.care.take()
		s.jobs <- c
		s.task.Wake()
	})
	if err != nil || len(messages) < most { // the next receive is far away, or may be a long one
		w.Intake.DeleteUsed(work)
	}
	if err != nil {
		w.Log.WarnContext(ctx, "table or bucket does not answer: not receiving until both do", "error", err.Error())
		w.waitForStorage(ctx)
	}
	return free
}

// mayClaim waits until a look at the control item has found that the content type is not paused; false: a drain began
// first.
func (w *Worker) mayClaim(ctx context.Context) bool {
	look := firstLook
	for ctx.Err() == nil {
		switch {
		case w.goesOn():
			return true
		case w.paused.Load() != nil && look == firstLook:
			w.Log.WarnContext(ctx, "content type is paused: no jobs are taken")
			w.Intake.DeleteUsed(context.WithoutCancel(ctx))
			look = pausedLook
		}
		w.Vitals.Within(receiving, look+slack)
		_ = w.Attempts.Clock.Sleep(ctx, look)
	}
	return false
}

// goesOn reports whether the last look at the control item found that the content type is not paused.
func (w *Worker) goesOn() bool {
	paused := w.paused.Load()
	return paused != nil && !*paused
}

func (w *Worker) returnMessages(ctx context.Context, messages []queue.Message) {
	if len(messages) == 0 {
		return
	}
	cleanup, cancel := w.Attempts.Clock.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	w.Intake.Return(cleanup, messages)
}

// gather waits for an idle slot, or for the drain, and returns free with all slots that are idle.
func (w *Worker) gather(ctx context.Context, free []*slot) []*slot {
	clock := w.Attempts.Clock
	hold := clock.Monotonic() + lease.HoldUsed(w.Attempts.Timing)
	for ctx.Err() == nil {
		select {
		case s := <-w.idle:
			free = append(free, s)
			continue
		default:
		}
		if len(free) > 0 {
			break
		}
		now := clock.Monotonic()
		if now >= hold {
			hold = lease.Never
			w.Intake.DeleteUsed(context.WithoutCancel(ctx))
		}
		w.Vitals.Within(receiving, idleLook+slack)
		w.receiver.Wait(ctx, min(hold, now+idleLook))
	}
	return free
}

// waitForStorage probes table and bucket with growing pauses until both answer: a message that is received in vain again
// and again would end in the dead-letter queue.
func (w *Worker) waitForStorage(ctx context.Context) {
	w.away.Store(true)
	defer w.away.Store(false)
	for n := 0; ctx.Err() == nil; n++ {
		w.Vitals.Within(receiving, longestPause+slack)
		w.pause(ctx, n)
		probe, cancel := w.Attempts.Clock.WithTimeout(ctx, cleanupTimeout)
		err := w.Probe(probe)
		cancel()
		if err == nil {
			w.Log.InfoContext(ctx, "table and bucket answer again")
			return
		}
	}
}

// received notes for the next sweep where the queue is.
func (w *Worker) received(messages []queue.Message) {
	w.Meter.Received.Add(int64(len(messages)))
	for _, m := range messages {
		if oldest := w.oldest.Load(); oldest == 0 || m.SentAt.UnixMilli() < oldest {
			w.oldest.Store(m.SentAt.UnixMilli()) // a sweep in between makes the next one see a little less
		}
	}
}
