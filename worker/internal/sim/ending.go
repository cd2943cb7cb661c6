package sim

import (
	"context"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// patience is how long after the last fault every job must have ended: the longest pause between two
// rings and the backoff of failures, with room.
const patience = 26 * time.Hour

// postponed reports whether READY job j waits for a moment that no sane clock gave: its last holder's, or a
// sweeper's, ran a day ahead. Operators see that in its "next try".
func (w *world) postponed(j job.Job) bool {
	far := w.operator.Now().Add(13 * time.Hour) // the longest pause between two rings is twelve
	return j.State == job.Ready && !j.Paused && (j.NotBefore.After(far) || j.RingAt.After(far))
}

// look sees every minute of calm whether all is done, resumes what is paused, and retries what waits for a wrong clock.
func (w *world) look() {
	w.oracle.healed()
	var open []string
	for _, id := range w.ids {
		j, err := job.FromItem(w.table.get(job.Key{ContentType: contentType, ID: id}.String()))
		if err != nil || !j.State.Terminal() {
			open = append(open, id)
		}
		if err == nil && j.Paused && !j.State.Terminal() {
			w.command(id, w.resumeCommand)
		}
		if err == nil && w.postponed(j) {
			w.command(id, w.retryCommand)
		}
	}
	unread := w.unread()
	visible, _ := w.queue.memory.Visible(context.Background())
	switch {
	case w.now > w.faults.chaos+patience:
		w.stranded(open, unread)
	case len(open) > 0 || len(unread) > 0 || visible > 0 || len(w.queue.copies) > 0 || w.now < w.faults.chaos+10*time.Minute:
		w.after(time.Minute, w.look)
	default:
		w.conclude()
	}
}

// stranded is the end of a run whose jobs do not end.
func (w *world) stranded(open, unread []string) {
	for _, id := range open {
		w.violate("L1", "%s is still there %s after the last fault: %s", id, patience, brief(w.table.get(contentType+"#"+id)))
	}
	for _, body := range unread {
		w.violate("M1", "the malformed message %s is not in the dead-letter queue", body)
	}
	w.violate("L1", "messages are left in the queue")
}

// unread lists the malformed messages that are not in the dead-letter queue yet. One whose id an erased job has is taken for
// a duplicate: there is nothing left to compare it with.
func (w *world) unread() []string {
	rejected := w.queue.memory.Rejected()
	return slices.DeleteFunc(slices.Clone(w.malformed), func(body string) bool {
		if m, err := job.ParseMessage(body); err == nil && m.Submission != nil && w.jobs[m.Submission.ID] != nil && w.jobs[m.Submission.ID].erased {
			return true
		}
		return slices.ContainsFunc(rejected, func(r queue.Rejected) bool { return r.Body == body })
	})
}

// conclude judges the end state.
func (w *world) conclude() {
	for _, id := range w.ids {
		item := w.table.get(contentType + "#" + id)
		j, err := job.FromItem(item)
		switch {
		case err != nil:
			w.violate("L1", "%s: %v", id, err)
		case j.State == job.Cancelled && !w.jobs[id].cancelled:
			w.violate("S6", "nobody cancelled %s", brief(item))
		case j.State == job.Done && !w.jobs[id].erased:
			w.oracle.outputs(write{Write: job.Write{Op: "end"}, is: j, after: item, script: w.jobs[id]})
		}
	}
	if len(w.queue.dead) > 0 {
		w.violate("L1", "%d messages were received %d times and dead-lettered", len(w.queue.dead), maxReceives)
	}
	if w.chance(0.25) && w.violation == nil {
		w.longAfter()
		return
	}
	w.finished = true
}

// longAfter plays what may come in the weeks after the end: late messages as long as the items live, and
// bells by hand after their deletion. Nothing may run again, nothing may be made.
func (w *world) longAfter() {
	for _, n := range w.nodes {
		n.crash()
	}
	w.calendar.events = nil
	w.now = max(w.now, w.calmAt+2*contract.QueueRetention) // no message of theirs lives longer
	w.expire()
	w.note("28 days later")
	w.wanted = 1
	w.fill()
	w.late()
	w.after(10*time.Minute, func() {
		for _, n := range w.nodes {
			n.crash()
		}
		w.calendar.events = nil
		w.now += 4 * 24 * time.Hour
		w.expire()
		w.fill()
		w.lateBells()
		w.after(10*time.Minute, func() { w.finished = true })
	})
}

// expire deletes the jobs that DynamoDB would have deleted by now.
func (w *world) expire() {
	var keys []string
	for _, id := range w.ids {
		keys = append(keys, contentType+"#"+id)
	}
	w.table.expire(keys)
}
