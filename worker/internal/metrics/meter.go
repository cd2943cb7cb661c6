package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// Meter measures how busy slots are and counts what happens to their jobs: each event once, for all who read.
type Meter struct {
	Received atomic.Int64 // messages
	Rung     atomic.Int64 // bells of READY jobs that were not claimed in time

	slots    int
	now      func() time.Duration
	claims   [len(claims)]atomic.Int64
	attempts [len(lease.Outcomes)]atomic.Int64
	zombies  atomic.Int64
	reaped   [len(lease.Outcomes)]atomic.Int64 // zombies that may not run again

	mu    sync.Mutex
	busy  int
	at    time.Duration // of the last change
	spent time.Duration // busy slot time
	last  total
}

// What may be claimed, in the order of Meter.claims.
const (
	first     = iota // a job that nobody has held before
	resumed          // one that was, at its cursor
	restarted        // one that was, without a cursor: what was done is done again
)

var claims = [...]string{"first", "resumed", "restarted"}

// Usage is what a meter measured over one period.
type Usage struct {
	Percent float64       // of slot time that was busy
	Busy    time.Duration // busy slot time: two slots that are busy for a minute make two minutes
	Ended   int           // jobs that the slots made terminal
	Counts  []Datum       // of what happened at all
}

// NewMeter measures slots slots on the monotonic clock now.
func NewMeter(slots int, now func() time.Duration) *Meter {
	m := &Meter{slots: slots, now: now, at: now()}
	m.last = m.sum()
	return m
}

// Add counts n more busy slots (or, with a negative n, fewer).
func (m *Meter) Add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	m.busy += n
}

// Busy is how many slots work on a job.
func (m *Meter) Busy() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy
}

// Claimed counts the claim of a job.
func (m *Meter) Claimed(j job.Job) {
	kind := restarted
	switch {
	case j.Epoch <= 1:
		kind = first
	case j.Cursor != "" || j.CursorRef != "":
		kind = resumed
	}
	m.claims[kind].Add(1)
}

// Ended counts the end of an attempt.
func (m *Meter) Ended(o lease.Outcome) { m.attempts[o].Add(1) }

// Reaped counts jobs of dead workers, and which of them ended in a terminal state.
func (m *Meter) Reaped(jobs int, ended []job.State) {
	m.zombies.Add(int64(jobs))
	for _, state := range ended {
		m.reaped[lease.Ending(state)].Add(1)
	}
}

// ended counts the jobs that an attempt here, or a reap, brought to their end.
func (m *Meter) ended(o lease.Outcome) int64 { return m.attempts[o].Load() + m.reaped[o].Load() }

// total is what was measured up to a moment.
type total struct {
	at, spent time.Duration
	ended     int64
	counts    []Datum
}

// sum is the total now.
func (m *Meter) sum() total {
	m.advance()
	t := total{at: m.at, spent: m.spent}
	for o := lease.Done; o.Final(); o++ {
		t.ended += m.attempts[o].Load()
	}
	count := func(name string, n int64) {
		t.counts = append(t.counts, Datum{name: name, value: float64(n), unit: types.StandardUnitCount})
	}
	count(contract.MetricEndedCancelled, m.ended(lease.Cancelled))
	count(contract.MetricEndedDead, m.ended(lease.Dead))
	count(contract.MetricEndedDone, m.ended(lease.Done))
	count(contract.MetricRestarted, m.claims[restarted].Load())
	count(contract.MetricResumed, m.claims[resumed].Load())
	count(contract.MetricZombies, m.zombies.Load())
	return t
}

// Take is what was measured since the last Take. A job that runs on counts as busy in each period.
func (m *Meter) Take() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, now := m.last, m.sum()
	m.last = now
	u := Usage{Busy: now.spent - before.spent, Ended: int(now.ended - before.ended)}
	if period := now.at - before.at; period > 0 {
		u.Percent = 100 * float64(u.Busy) / (float64(period) * float64(m.slots))
	}
	for i, d := range now.counts {
		if d.value -= before.counts[i].value; d.value > 0 {
			u.Counts = append(u.Counts, d)
		}
	}
	return u
}

func (m *Meter) advance() {
	now := m.now()
	m.spent += time.Duration(m.busy) * (now - m.at)
	m.at = now
}

// Families are what the meter knows, for those who read /metrics.
func (m *Meter) Families() []Family {
	return []Family{
		{Name: "worker_slots", Kind: Gauge, Help: "Slots that this worker was told to have.", Read: One(func() float64 { return float64(m.slots) })},
		{Name: "worker_slots_busy", Kind: Gauge, Help: "Slots that work on a job.", Read: One(func() float64 { return float64(m.Busy()) })},
		{Name: "worker_slots_busy_seconds_total", Kind: Counter, Help: "Time that slots worked on jobs, of all slots together.", Read: One(m.busySeconds)},
		{Name: "worker_messages_received_total", Kind: Counter, Help: "Messages received from the queue.", Read: Count(&m.Received)},
		{Name: "worker_claims_total", Kind: Counter, Help: "Jobs claimed: held by nobody before, resumed at their cursor, or restarted without one.", Labels: []string{"kind"}, Read: counts(m.claims[:], claims[:])},
		{Name: "worker_attempts_ended_total", Kind: Counter, Help: "Attempts that ended, by their outcome; done, dead and cancelled end the job.", Labels: []string{"outcome"}, Read: counts(m.attempts[1:], lease.Outcomes[1:])},
		{Name: "worker_zombies_reaped_total", Kind: Counter, Help: "Jobs taken from workers that stopped sending heartbeats, by this worker's sweeps.", Read: Count(&m.zombies)},
		{Name: "worker_zombies_ended_total", Kind: Counter, Help: "Of those, jobs that ended with it and do not run again.", Labels: []string{"outcome"}, Read: counts(m.reaped[lease.Done:lease.Drained], lease.Outcomes[lease.Done:lease.Drained])},
		{Name: "worker_bells_rung_total", Kind: Counter, Help: "Waiting jobs announced again by this worker's sweeps, because nobody claimed them in time.", Read: Count(&m.Rung)},
	}
}

// busySeconds is how long slots have been busy, all slots together.
func (m *Meter) busySeconds() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance()
	return m.spent.Seconds()
}
