package sim

import (
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// submissions sends the run's jobs, most of them early, some several times.
func (w *world) submissions() {
	for i := range 2 + w.random.IntN(7) {
		at := w.upTo(w.faults.chaos)
		if w.chance(0.6) {
			at = w.upTo(5 * time.Minute)
		}
		w.at(at, func() { w.submit(fmt.Sprintf("job-%d", i)) })
	}
	if w.chance(0.3) {
		w.at(w.upTo(w.faults.chaos), func() {
			w.malformed = append(w.malformed, `{"id": 7}`)
			w.queue.send(`{"id": 7}`, 0)
		})
	}
	for w.chance(0.4) {
		w.at(w.upTo(w.faults.chaos), w.strange)
	}
}

// strange sends a message with the id of a job that exists and another payload: it is to be dead-lettered, and never
// run. Workers of the release before drop it without a word.
func (w *world) strange() {
	if len(w.ids) == 0 || w.faults.mixed {
		return
	}
	id := w.ids[w.random.IntN(len(w.ids))]
	j, err := job.FromItem(w.table.get(contentType + "#" + id))
	if err != nil || j.State == job.Cancelled && j.Epoch == 0 { // none yet, or reserved
		return
	}
	body := fmt.Sprintf(`{"id":%q,"payload":{"strange":%d}}`, id, len(w.malformed))
	w.malformed = append(w.malformed, body)
	w.queue.send(body, 0)
}

// submit is a producer's message, or an operator's command.
func (w *world) submit(id string) {
	switch w.random.IntN(4) {
	case 0: // without an id: it gets the message's
		id = fmt.Sprintf("m-%d", w.queue.sent+1)
		w.know(id)
		w.queue.send(fmt.Sprintf(`{"payload":%s}`, w.jobs[id].payload), 0)
	case 1:
		w.know(id)
		w.command(id, w.submitCommand)
	default:
		w.know(id)
		body := fmt.Sprintf(`{"id":%q,"payload":%s}`, id, w.jobs[id].payload)
		w.queue.send(body, 0)
		for w.chance(0.3) {
			w.after(w.upTo(time.Hour), func() {
				if !w.calm {
					w.queue.send(body, 0)
				}
			})
		}
	}
}

func (w *world) know(id string) {
	w.ids = append(w.ids, id)
	w.newScript(id)
}

// chaos lets something happen now and then.
func (w *world) chaos() {
	w.after(time.Duration(w.random.ExpFloat64()*float64(w.faults.every)), func() {
		if !w.calm {
			w.strike()
			w.chaos()
		}
	})
}

// strike is one event of chaos.
func (w *world) strike() {
	n := w.aNode()
	if w.faults.brink && n != nil && w.chance(0.8) {
		if about := w.between(w.setup.Lease*8/10, w.setup.Lease*2); w.chance(0.6) {
			w.cutOff(&n.cutOff, n.name, about*7/10)
		} else {
			n.stand(about)
		}
		return
	}
	switch w.random.IntN(15) {
	case 0, 1:
		if n != nil && w.faults.crash > 0 {
			n.crash()
		}
	case 2, 3:
		if n != nil && w.faults.freeze > 0 {
			n.freeze(nil)
		}
	case 4, 5:
		if n != nil {
			n.drain([]drain.Source{drain.Signal, drain.Spot}[w.random.IntN(2)])
			if w.chance(0.5) {
				w.steer()
			}
		}
	case 6:
		w.scale()
	case 7:
		if n != nil {
			w.outage(&n.cutOff, n.name)
		}
	case 8:
		w.outage(&w.table.network.down, "the table")
		if w.chance(0.5) {
			w.outage(&w.objects.network.down, "the bucket")
		}
	case 9:
		w.outage(&w.queue.network.down, "the queue")
	case 10:
		w.rogueBell()
	case 11:
		w.slotDies(n)
	case 12:
		w.sicken(n)
	default:
		w.steer()
	}
}

// aNode is an instance that is not gone; nil: there is none.
func (w *world) aNode() *node {
	var alive []*node
	for _, n := range w.nodes {
		if !n.gone {
			alive = append(alive, n)
		}
	}
	if len(alive) == 0 {
		return nil
	}
	return alive[w.random.IntN(len(alive))]
}

// scale changes the number of instances, sometimes to none.
func (w *world) scale() {
	w.wanted = w.random.IntN(5)
	w.note("fleet: %d instances wanted", w.wanted)
	running := 0
	for _, n := range w.nodes {
		if n.gone || n.drainingAt != 0 {
			continue
		}
		if running++; running > w.wanted {
			n.drain(drain.Lifecycle)
		}
	}
	w.fill()
	if w.wanted == 0 {
		w.after(w.between(time.Minute, 40*time.Minute), func() {
			w.wanted = max(w.wanted, 1)
			w.fill()
		})
	}
}

func (w *world) outage(of *bool, name string) {
	span := w.between(5*time.Second, 4*w.setup.Lease)
	switch w.random.IntN(4) {
	case 0:
		span = w.upTo(time.Hour)
	case 1, 2: // about as long as a holder lives without an answer
		span = w.between(w.setup.Lease*6/10, w.setup.Lease*12/10)
	}
	w.cutOff(of, name, span)
}

func (w *world) cutOff(of *bool, name string, span time.Duration) {
	w.note("%s is cut off for %s", name, span)
	*of = true
	w.after(span, func() { *of = false })
}

// rogueBell is a message that somebody made by hand: for a job that never was, or with any epoch.
func (w *world) rogueBell() {
	bell := job.Bell{ID: "never-submitted"}
	if len(w.ids) > 0 && w.chance(0.8) {
		bell.ID = w.ids[w.random.IntN(len(w.ids))]
		if j, err := job.FromItem(w.table.get(job.Key{ContentType: contentType, ID: bell.ID}.String())); err == nil {
			bell.Epoch = max(0, j.Epoch+w.random.Int64N(3)-1)
		}
	}
	w.queue.send(bell.JSON(), 0)
}

// slotDies ends a slot by itself, for example for want of memory.
func (w *world) slotDies(n *node) {
	if n == nil || len(n.slots) == 0 {
		return
	}
	p := n.slots[w.random.IntN(len(n.slots))]
	if p.dead {
		return
	}
	if p.busy && p.holder != nil {
		w.jobs[p.holder.claim.ID].raised++
	}
	p.die(fmt.Errorf("out of memory"))
}

// calmDown ends all faults; what is in flight still arrives.
func (w *world) calmDown() {
	w.note("calm")
	w.calm, w.calmAt = true, w.now
	w.table.network.down, w.queue.network.down, w.objects.network.down = false, false, false
	for _, n := range w.nodes {
		n.cutOff = false
	}
	for _, n := range w.nodes {
		if n.release == older || w.faults.skew == daysApart { // the deploy comes to its end, or somebody sees to the clocks
			n.drain(drain.Lifecycle)
		}
	}
	w.faults.skew = min(w.faults.skew, 5*time.Minute)
	w.command("", w.resumeTypeCommand)
	w.wanted = max(w.wanted, 2)
	w.fill()
	w.look()
}

// late delivers once more what was submitted long ago.
func (w *world) late() {
	for _, id := range w.ids {
		w.queue.copy(queue.Message{ID: id, Body: fmt.Sprintf(`{"id":%q,"payload":%s}`, id, w.jobs[id].payload), SentAt: epochStart}, 0)
	}
	w.lateBells()
}

func (w *world) lateBells() {
	for _, id := range w.ids {
		w.queue.copy(queue.Message{ID: id, Body: job.Bell{ID: id, Epoch: w.random.Int64N(4)}.JSON(), SentAt: epochStart}, 0)
	}
}
