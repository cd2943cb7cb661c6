// Package loop is what a worker does, as sequential loops: one receives messages and claims jobs for idle slots, one for
// each slot runs a job after the other, one tests a sick instance, one sweeps, one publishes. It starts no goroutine, timer or process. Those are its
// host's: the supervisor's, or the simulator's, which runs the same loops in virtual time.
package loop

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// Host is what the loops run on.
type Host interface {
	// Task returns a place for one loop to wait.
	Task() Task
	// Together runs bodies side by side and returns once all of them have returned.
	Together(bodies ...func())
	// Start starts a slot process. The host wakes task when there is a report to take and when the process has ended.
	Start(task Task) (Process, error)
}

// Task is where one loop waits for what other loops, its slot and the time bring. A loop looks itself at what has come:
// it may be woken for nothing.
type Task interface {
	// Wait returns when ctx has ended, when the monotonic clock shows until, or after a Wake since the last Wait.
	Wait(ctx context.Context, until time.Duration)
	// Wake never blocks. Any loop may call it.
	Wake()
}

// Process is a slot process.
type Process interface {
	lease.Slot
	// Prepare makes an empty folder for the next job, and has that of the job before removed. It is called before the
	// process can be given a job. An error is the fault of the instance, not of a job.
	Prepare() error
	// Next takes the oldest report; nil: there is none now. Once ended is true the process is gone and no report comes.
	Next() (report *protocol.Report, ended bool)
	// Err is why the process ended; it wraps protocol.ErrKilled after Kill. Valid once Next has returned ended.
	Err() error
}

// Receiver takes messages from the queue.
type Receiver interface {
	Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error)
}

// Intake makes claimed jobs of messages, see [lease.Intake].
type Intake interface {
	Take(ctx context.Context, messages []queue.Message, start func(lease.Claimed)) error
	DeleteUsed(ctx context.Context)
	Return(ctx context.Context, messages []queue.Message)
}

// Attempt is the work on one claimed job, see [lease.Attempt].
type Attempt interface {
	Over() bool
	Next() time.Duration
	Tick(ctx context.Context)
	Report(ctx context.Context, r protocol.Report)
	Ended(ctx context.Context, err error)
	Drain(cause string, budget time.Duration)
	SlotUsable() bool
	Outcome() lease.Outcome
	Account() lease.Account
}

// Sweeper finds what nobody works on, see [sweep.Sweeper].
type Sweeper interface {
	Once(ctx context.Context) (sweep.Result, error)
	Received(sentAt time.Time)
	Tally(ctx context.Context, busy time.Duration, ended int) error
	ReportSick(ctx context.Context, reason string) error
	ReportWell(ctx context.Context) error
	GrantReplacement(ctx context.Context) error
}

var (
	_ Intake  = (*lease.Intake)(nil)
	_ Attempt = (*lease.Attempt)(nil)
	_ Sweeper = (*sweep.Sweeper)(nil)
)

// What a loop promises to the vitals: the bound of what it does next, and slack for calls that are bounded at ten seconds
// (package queue, cleanupTimeout) and for a machine that is slow.
const (
	receiving = "receive"
	slack     = 40 * time.Second
)

// cleanupTimeout bounds a probe, and what is done after everything else has ended.
const cleanupTimeout = 10 * time.Second

// longestPause is the longest wait between two tries.
const longestPause = 30 * time.Second

// pauses are those after a failing receive, probe or start of a slot. Each of them may fail at once.
var pauses = backoff.Pauses{First: time.Second, Most: longestPause, Least: 100 * time.Millisecond}

// Worker runs the jobs of one content type on one instance. All fields but Replace, Begin, Metrics, EMF and Vitals are required,
// and so is the tally of Attempts.
type Worker struct {
	Processes int // slots
	Receiver  Receiver
	Intake    Intake
	Attempts  lease.Deps
	Begin     func(ctx context.Context, c lease.Claimed, s lease.Slot) Attempt // begins an attempt; nil: lease.Begin with Attempts
	Sweeper   Sweeper
	Probe     func(ctx context.Context) error // asks table and bucket anything: nil means that both answer
	Replace   func(reason string)             // asks for another instance in the place of a sick one; nil: nobody can be asked
	Meter     *metrics.Meter                  // counts what happens
	Metrics   *metrics.Publisher              // nil: not published
	EMF       *metrics.EMF                    // nil: attempts are not logged in this format
	Vitals    *vitals.Deadlines               // is promised that the loops turn; nil: nobody asks
	Log       *slog.Logger

	host     Host
	receiver Task
	idle     chan *slot // those that can take a job and were not given one

	oldest     atomic.Int64           // sending time of the oldest message received since the last sweep, in milliseconds; 0: none
	away       atomic.Bool            // table or bucket does not answer
	paused     atomic.Pointer[bool]   // the content type, as the control item last said; nil: not asked yet
	census     atomic.Pointer[census] // of the last sweep; nil: another worker leads
	othersSick atomic.Bool            // an instance of the type has reported so, since this worker last answered
	signs      signs
	care       care

	illness illness
	nurse   *slot   // has the processes of self-tests
	slots   []*slot // that run jobs
}

// Run works on host until ctx is cancelled, then drains: it stops receiving at once, lets the jobs in progress reach a
// step boundary within the budget of the drain's cause, and hands them back. hurried ends, with the cause, when a drain
// under way has less time than it had. Run returns once every slot process has ended.
func (w *Worker) Run(ctx, hurried context.Context, host Host) {
	w.host, w.receiver, w.idle = host, host.Task(), make(chan *slot, w.Processes)
	w.slots, w.nurse = make([]*slot, w.Processes), &slot{Worker: w, task: w.host.Task(), log: w.Log}
	bodies := []func(){
		func() { w.receiveLoop(ctx) },
		func() { w.nurseLoop(ctx) },
		func() { w.sweepLoop(ctx) },
		func() { w.publishLoop(ctx) },
	}
	for i := range w.slots {
		s := w.newSlot(i)
		w.slots[i] = s
		bodies = append(bodies, func() { s.loop(ctx, hurried) })
	}
	host.Together(bodies...)
}

// Running counts the jobs in progress.
func (w *Worker) Running() int { return w.Meter.Busy() }

// State is what the worker does, in one line for people.
func (w *Worker) State() string {
	text := fmt.Sprintf("%d of %d slots busy", w.Running(), w.Processes)
	if paused := w.paused.Load(); paused != nil && *paused {
		text += ", content type is paused"
	}
	if w.care.on() {
		text += fmt.Sprintf(", one job at a time because %d different jobs failed", suspicious)
	}
	if reason, _ := w.illness.now(); reason != "" {
		text += ", sick: " + reason
	}
	if w.away.Load() {
		text += ", table or bucket does not answer"
	}
	return text
}

// pause waits after a failure that followed n others.
func (w *Worker) pause(ctx context.Context, n int) {
	_ = w.Attempts.Clock.Sleep(ctx, pauses.After(int64(n), w.Attempts.Rand))
}
