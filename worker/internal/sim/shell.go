package sim

import (
	"errors"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// The loops of package supervisor, in virtual time.

const (
	longPoll       = 20 * time.Second
	cleanupTimeout = 10 * time.Second
	firstLook      = 20 * time.Millisecond // at the control item
	pausedLook     = time.Second
	idleLook       = 0 // the content type is not paused
)

// run is a supervisor's life.
func (n *node) run() {
	n.waitForStorage()
	for range n.world.setup.slots {
		k := &worker{node: n}
		n.workers = append(n.workers, k)
		n.supervisor.spawn(k.serve)
	}
	n.supervisor.spawn(n.sweepLoop)
	intake := n.receiveLoop()
	for _, k := range n.workers {
		k.closed = true
		k.given.fire()
	}
	intake.DeleteUsed(n.receiving)
	for _, k := range n.workers {
		for !k.ended {
			n.world.wait(never, &k.end)
		}
	}
	n.receiving.cancel()
	w := n.world
	w.note("%s: drained", n.name)
	w.oracle.drained(n)
	w.at(w.now, n.end)
	w.wait(never)
}

// receiveLoop claims jobs until a drain begins, never more than there are idle slots.
func (n *node) receiveLoop() *lease.Intake {
	claims := n.caller()
	clock := lease.Clock(n.clock)
	if n.world.control == LateStamp {
		claims.late = &lateClock{clock: n.clock}
		clock = claims.late
	}
	intake := &lease.Intake{Inbox: queueClient{n.caller()}, Log: n.world.logger(n.name), Claimer: &lease.Claimer{
		Store: tableClient{claims}, Blobs: n.blobs(claims), Clock: clock, Rand: n.random, ContentType: contentType, Worker: n.name, Timing: n.world.setup.timing(),
	}}
	var free []*worker
	for failures := 0; ; {
		hold := n.Monotonic() + lease.HoldUsed(n.world.setup.timing())
		for n.steps.Err() == nil && len(free)+len(n.idle) == 0 {
			n.world.wait(n.when(hold), &n.idling, n.steps.onCancel)
			if n.Monotonic() >= hold {
				intake.DeleteUsed(n.receiving)
				hold = never
			}
		}
		free, n.idle = append(free, n.idle...), nil
		if n.steps.Err() != nil {
			return intake
		}
		if n.look != idleLook {
			intake.DeleteUsed(n.receiving)
		}
		for n.steps.Err() == nil && n.look != idleLook {
			_ = n.Sleep(n.steps, n.look)
		}
		most := min(len(free), queue.MaxReceived)
		messages, err := n.receive(intake, most)
		if n.steps.Err() != nil {
			n.giveBack(intake, messages)
			return intake
		}
		if err != nil {
			n.pause(failures)
			failures++
			continue
		}
		failures = 0
		err = intake.Take(n.receiving, messages, func(c lease.Claimed) {
			if claims.late != nil {
				c.Deadline += claims.late.lost
			}
			n.world.oracle.begin(n, c)
			k := free[len(free)-1]
			free = free[:len(free)-1]
			k.jobs = append(k.jobs, c)
			k.given.fire()
		})
		if err != nil || len(messages) < most {
			intake.DeleteUsed(n.receiving)
		}
		if err != nil {
			n.waitForStorage()
		}
	}
}

// receive waits for messages but leaves at once when a drain begins; what arrives after that is given back.
func (n *node) receive(intake *lease.Intake, most int) (messages []queue.Message, err error) {
	var there signal
	came, left := false, false
	n.supervisor.spawn(func() {
		got, failed := queueClient{n.caller()}.Receive(n.receiving, most, longPoll)
		if left {
			n.giveBack(intake, got)
			return
		}
		messages, err, came = got, failed, true
		there.fire()
	})
	for !came {
		if err := n.steps.Err(); err != nil {
			left = true
			return nil, err
		}
		n.world.wait(never, &there, n.steps.onCancel)
	}
	for _, m := range messages {
		if n.oldest.IsZero() || m.SentAt.Before(n.oldest) {
			n.oldest = m.SentAt
		}
	}
	return messages, err
}

func (n *node) giveBack(intake *lease.Intake, messages []queue.Message) {
	if len(messages) > 0 {
		cleanup, cancel := n.WithTimeout(n.base, cleanupTimeout)
		defer cancel()
		intake.GiveBack(cleanup, messages)
	}
}

func (n *node) waitForStorage() {
	for tries := 0; n.steps.Err() == nil; tries++ {
		n.pause(tries)
		probe, cancel := n.WithTimeout(n.steps, cleanupTimeout)
		_, err := tableClient{n.caller()}.Get(probe, sweep.ControlKey(contentType))
		if err == nil && n.release == newer {
			if _, err = (blobClient{n.caller()}).Get(probe, "probe"); errors.Is(err, blob.ErrMissing) {
				err = nil
			}
		}
		cancel()
		if err == nil {
			return
		}
	}
}

func (n *node) pause(tries int) {
	_ = n.Sleep(n.steps, backoff.Pauses{First: time.Second, Most: 30 * time.Second, Least: 100 * time.Millisecond}.After(int64(tries), n.random))
}

func (n *node) sweepLoop() {
	for n.steps.Err() == nil {
		if !n.oldest.IsZero() {
			n.sweeper.Received(n.oldest)
			n.oldest = time.Time{}
		}
		began := n.Monotonic()
		result, err := n.sweeper.Once(n.steps)
		n.leads = err == nil && result.Led
		if err == nil || result.Led {
			n.look = idleLook
			if result.Paused {
				n.look = pausedLook
			}
		}
		if n.leads {
			n.world.note("%s: swept, %d ready, %d running, %d reaped, %d rung", n.name, result.Ready, result.Running, result.Reaped, result.Rung)
		}
		interval := n.world.setup.sweep
		wait := interval - interval/8 + time.Duration(n.random.Int64N(int64(interval/4)))
		wait = max(interval/8, began+wait-n.Monotonic())
		if result.RipeIn > 0 {
			wait = min(wait, result.RipeIn)
		}
		_ = n.Sleep(n.steps, wait)
	}
}

// worker keeps one slot.
type worker struct {
	node    *node
	process *slotProcess
	jobs    []lease.Claimed
	given   signal // a job, or that there will be none any more
	closed  bool
	ended   bool
	end     signal
}

func (k *worker) serve() {
	n := k.node
	defer func() { k.ended = true; k.end.fire() }()
	for announced := false; ; {
		if k.process == nil {
			if k.process = k.startPatiently(); k.process == nil {
				if announced {
					k.refuse()
				}
				return
			}
		}
		if !announced {
			n.idle = append(n.idle, k)
			n.idling.fire()
			announced = true
		}
		for len(k.jobs) == 0 && !k.closed && !k.process.dead {
			n.world.wait(never, &k.given, &k.process.spoke)
		}
		switch {
		case len(k.jobs) > 0:
			claimed := k.jobs[0]
			k.jobs = k.jobs[1:]
			usable := k.run(k.process, claimed)
			announced = false
			if n.steps.Err() != nil {
				k.process.Kill()
				return
			}
			if usable {
				continue
			}
		case k.closed:
			k.process.Kill()
			return
		}
		k.process.Kill()
		for !k.process.dead {
			n.world.wait(never, &k.process.spoke)
		}
		k.process = nil
	}
}

// refuse hands back what is claimed for a slot that died idle as the drain began.
func (k *worker) refuse() {
	n := k.node
	for !k.closed || len(k.jobs) > 0 {
		if len(k.jobs) == 0 {
			n.world.wait(never, &k.given)
			continue
		}
		h := n.world.oracle.holders[k.jobs[0].Job.Owner]
		c := n.caller()
		c.holder = h
		attempt := lease.Begin(n.base, n.deps(c, n.clock), k.jobs[0], noSlot{})
		k.jobs = k.jobs[1:]
		attempt.Drain("signal", n.budget)
		attempt.Ended(n.base, errEnded)
		h.over = true
	}
}

// noSlot is a slot that is gone.
type noSlot struct{}

func (noSlot) Send(protocol.Order) error { return errEnded }
func (noSlot) Kill()                     {}

func (k *worker) startPatiently() *slotProcess {
	n, w := k.node, k.node.world
	for failures := 0; n.steps.Err() == nil; failures++ {
		if n.Sleep(n.steps, w.between(100*time.Millisecond, 2*time.Second)) != nil {
			return nil
		}
		if w.calm || !w.chance(0.02) {
			return newSlotProcess(n)
		}
		n.pause(failures)
	}
	return nil
}

// run works on one job until the attempt is over.
func (k *worker) run(p *slotProcess, claimed lease.Claimed) bool {
	n, w := k.node, k.node.world
	h := w.oracle.holders[claimed.Job.Owner]
	c := n.caller()
	c.holder = h
	clock := lease.Clock(n.clock)
	if w.control == LateStamp {
		c.late = &lateClock{clock: n.clock}
		clock = c.late
	}
	p.holder, p.late = h, c.late
	attempt := lease.Begin(n.base, n.deps(c, clock), claimed, p)
	draining := false
	for !attempt.Over() {
		next := attempt.Next()
		if draining && w.control == DeafBeats {
			next = p.killAt
		}
		timer := clock.Monotonic() >= next
		told := n.steps.Err() != nil && !draining
		if !timer && !told && len(p.reports) == 0 && !p.dead {
			if c.late != nil {
				next += c.late.lost
			}
			w.wait(n.when(next), &p.spoke, n.steps.onCancel)
			continue
		}
		switch pick := w.random.IntN(3); {
		case told && (pick == 0 || !timer):
			draining = true
			attempt.Drain("signal", n.budget)
		case timer && (pick == 1 || len(p.reports) == 0 && !p.dead):
			attempt.Tick(n.base)
		case len(p.reports) > 0:
			attempt.Report(n.base, p.takeReport())
		case p.dead:
			attempt.Ended(n.base, p.err)
		}
	}
	h.over = true
	return attempt.SlotUsable()
}
