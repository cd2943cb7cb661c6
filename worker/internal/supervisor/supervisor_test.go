package supervisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/jobfolder"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
	"github.com/worker-tier/worker-tier/worker/processors/exec"
	workerprogram "github.com/worker-tier/worker-tier/worker/program"
)

// slotVariable makes the test binary a slot process.
const slotVariable = "SUPERVISOR_TEST_SLOT"

// roles are what the test binary is, beside a slot process, if its first argument says so.
var roles = map[string]func(){}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		roles[os.Args[1]]()
	}
	if os.Getenv(slotVariable) == "" {
		os.Exit(m.Run())
	}
	if os.Args[len(os.Args)-1] == "exec" {
		workerprogram.Main(exec.New())
	}
	endpoint, err := slot.Attach("count@1")
	if err != nil {
		panic(err)
	}
	for task := range endpoint.Tasks() {
		if err := endpoint.Finish(count(endpoint, task)); err != nil {
			panic(err)
		}
	}
}

// payload says what the counting job does.
type payload struct {
	To      int64  `json:"to"`
	PanicAt int64  `json:"panicAt,omitempty"`
	HangAt  int64  `json:"hangAt,omitempty"`
	Fast    bool   `json:"fast,omitempty"` // steps take no time
	Bad     string `json:"bad,omitempty"`  // what else is wrong, see misbehave
	Fifo    string `json:"fifo,omitempty"` // held by the offspring of a bad job
}

// count counts on from its cursor, a step each two milliseconds.
func count(e *slot.Endpoint, task *slot.Task) protocol.Outcome {
	var p payload
	var at int64
	if err := json.Unmarshal(task.Payload, &p); err != nil {
		return protocol.Outcome{Kind: protocol.Permanent, Error: err.Error()}
	}
	if task.Cursor != nil {
		if err := json.Unmarshal(task.Cursor, &at); err != nil {
			return protocol.Outcome{Kind: protocol.Permanent, Error: err.Error()}
		}
	}
	misbehave(e, p)
	for {
		at++
		switch at {
		case p.PanicAt:
			panic("count reached the bad number")
		case p.HangAt:
			select {}
		}
		if !p.Fast {
			time.Sleep(2 * time.Millisecond) // the work of a step
		}
		cp := protocol.Checkpoint{Cursor: json.RawMessage(fmt.Sprint(at)), Version: "count@1", Progress: protocol.Progress{Done: at, Total: p.To, Unit: "numbers"}}
		if at >= p.To {
			return protocol.Outcome{Kind: protocol.Done, Checkpoint: &cp}
		}
		select {
		case <-task.Draining():
			return protocol.Outcome{Kind: protocol.Stopped, Checkpoint: &cp}
		default:
		}
		if err := e.Checkpoint(cp); err != nil {
			return protocol.Outcome{Kind: protocol.Retry, Error: err.Error()}
		}
	}
}

// tier is a table and a queue that supervisors share.
type tier struct {
	t     testing.TB
	table *store.Memory
	queue *queue.Memory

	receiver loop.Receiver // of the next supervisor
}

func newTier(t testing.TB) *tier {
	q := queue.NewMemory(time.Now, time.Minute)
	return &tier{t, store.NewMemory(), q, polling{q}}
}

// polling makes the memory queue wait for messages as SQS does.
type polling struct{ *queue.Memory }

func (p polling) Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error) {
	for end := time.Now().Add(wait); ; {
		messages, err := p.Memory.Receive(ctx, most, 0)
		if err != nil || len(messages) > 0 || time.Now().After(end) {
			return messages, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// patience is how long a test waits for an event on a machine that has other work.
const patience = 5 * time.Minute

var timing = contract.Timing{Lease: 10 * time.Second, Heartbeat: 200 * time.Millisecond, Sweep: 200 * time.Millisecond, Checkpoint: 50 * time.Millisecond, DrainBudget: time.Second, Stall: time.Hour}

// discard is the log of those whose words nobody waits for.
var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

// start runs a supervisor with two slots that count; the function it returns drains it and waits for its end.
func (tr *tier) start(name string) (drainNow func()) {
	tr.t.Helper()
	return tr.startWith(name, 2, slot.Options{Executable: os.Args[0], Env: append(os.Environ(), slotVariable+"=1")})
}

func (tr *tier) startWith(name string, slots int, options slot.Options) (drainNow func()) {
	tr.t.Helper()
	log := discard
	options.Log, options.Confinement = log, confinement
	clock := supervisor.SystemClock{}
	random := supervisor.Random()
	claimer := &lease.Claimer{Store: tr.table, Clock: clock, Rand: random, ContentType: "numbers", Worker: name, Timing: timing}
	s := &supervisor.Supervisor{Slot: options, Folders: jobfolder.New(tr.t.TempDir(), log), Worker: loop.Worker{
		Processes: slots,
		Receiver:  tr.receiver,
		Intake:    &lease.Intake{Inbox: tr.queue, Claimer: claimer, Log: log},
		Attempts:  lease.Deps{Store: tr.table, Tally: &lease.Tally{}, Bells: tr.queue, Clock: clock, Rand: random, Timing: timing, Log: log, Retry: contract.Retry{FailureLimit: 2, FirstPause: 10 * time.Second, LongestPause: 15 * time.Minute}},
		Sweeper: &sweep.Sweeper{
			Store: tr.table, Queue: tr.queue, Clock: clock, Log: log, ContentType: "numbers", Worker: name,
			Interval: 200 * time.Millisecond, Slots: slots, CrashLimit: 5,
		},
		Probe: func(context.Context) error { return nil },
		Meter: metrics.NewMeter(slots, clock.Monotonic),
		Log:   log,
	}}
	ctx, cancel := context.WithCancelCause(tr.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop := func() {
		cancel(&drain.Cause{Source: drain.Signal, Detail: "test"})
		select {
		case <-done:
		case <-time.After(patience):
			tr.t.Error("the supervisor does not end")
		}
	}
	tr.t.Cleanup(stop)
	return stop
}

// memoryLimit is that of the tests' slots; how it is held is found out once, as that may move the process.
// Under the kernel of make cgroup-test a process may have 256 MiB in pieces (vm.max_map_count of the host).
const memoryLimit = 200 << 20

var confinement = confine.New(memoryLimit, discard)

func (tr *tier) submit(id string, p payload) {
	tr.t.Helper()
	text, _ := json.Marshal(p)
	body, _ := json.Marshal(job.Submission{ID: id, Payload: text})
	if err := tr.queue.Send(tr.t.Context(), string(body), 0); err != nil {
		tr.t.Fatal(err)
	}
}

// await polls until the job satisfies want.
func (tr *tier) await(id, what string, want func(job.Job) bool) job.Job {
	tr.t.Helper()
	var j job.Job
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		item, err := tr.table.Get(tr.t.Context(), "numbers#"+id)
		if err != nil {
			tr.t.Fatal(err)
		}
		if item == nil {
			continue
		}
		if j, err = job.FromItem(item); err != nil {
			tr.t.Fatal(err)
		}
		if want(j) {
			return j
		}
	}
	tr.t.Fatalf("job %s never was %s: state %s, done %d, error %q", id, what, j.State, j.Done, j.LastError)
	return j
}

func done(j job.Job) bool { return j.State == job.Done }

func TestJobsRunToTheirEnd(t *testing.T) {
	tr := newTier(t)
	tr.start("i-1")
	for i := range 6 { // three for each slot
		tr.submit(fmt.Sprint("job-", i), payload{To: 20})
	}
	for i := range 6 {
		if j := tr.await(fmt.Sprint("job-", i), "done", done); j.Done != 20 || j.Failures != 0 {
			t.Errorf("job-%d: done %d, failures %d", i, j.Done, j.Failures)
		}
	}
	if n, _ := tr.queue.Visible(t.Context()); n != 0 {
		t.Errorf("%d messages left in the queue", n)
	}
}

func TestDrainedJobGoesOnElsewhereFromItsVeryStep(t *testing.T) {
	tr := newTier(t)
	stop := tr.start("i-1")
	tr.submit("long", payload{To: 800})
	tr.await("long", "under way", func(j job.Job) bool { return j.Done > 50 })
	stop()
	handed := tr.await("long", "handed back", func(j job.Job) bool { return j.State == job.Ready })
	if handed.Drains != 1 || handed.Failures != 0 || handed.Done <= 50 || handed.Done >= 800 {
		t.Fatalf("drains %d, failures %d, done %d", handed.Drains, handed.Failures, handed.Done)
	}
	tr.start("i-2")
	if j := tr.await("long", "done", done); j.Done != 800 || j.Drains != 1 || j.Crashes != 0 || j.Failures != 0 {
		t.Errorf("done %d, drains %d, crashes %d, failures %d", j.Done, j.Drains, j.Crashes, j.Failures)
	}
}

func TestPanicCostsOnlyItsOwnJob(t *testing.T) {
	tr := newTier(t)
	tr.start("i-1")
	tr.submit("neighbour", payload{To: 300})
	tr.submit("poison", payload{To: 100, PanicAt: 10})
	poison := tr.await("poison", "failed", func(j job.Job) bool { return j.Failures == 1 })
	if poison.Done != 9 {
		t.Errorf("the last durable cursor is %d, want 9", poison.Done)
	}
	const said = "panic: count reached the bad number"
	if got := poison.LastError; !strings.Contains(got, said) {
		t.Errorf("lastError %q does not say %q", got, said)
	}
	if j := tr.await("neighbour", "done", done); j.Failures != 0 || j.Epoch != 2 {
		t.Errorf("the neighbour was disturbed: failures %d, epoch %d", j.Failures, j.Epoch)
	}
}

func TestHangingStepIsAbandonedByADrain(t *testing.T) {
	tr := newTier(t)
	stop := tr.start("i-1")
	tr.submit("stuck", payload{To: 100, HangAt: 30})
	tr.await("stuck", "stuck", func(j job.Job) bool { return j.Done == 29 })
	begin := time.Now()
	stop()
	if took := time.Since(begin); took < timing.DrainBudget {
		t.Errorf("gave the step %s, less than its budget", took)
	}
	if j := tr.await("stuck", "handed back", func(j job.Job) bool { return j.State == job.Ready }); j.Drains != 1 || j.Failures != 0 || j.Done != 29 {
		t.Errorf("drains %d, failures %d, done %d", j.Drains, j.Failures, j.Done)
	}
}

// late has messages at the very moment at which a drain cuts its long poll.
type late struct{ *queue.Memory }

func (l late) Receive(ctx context.Context, most int, _ time.Duration) ([]queue.Message, error) {
	<-ctx.Done()
	return l.Memory.Receive(context.WithoutCancel(ctx), most, 0)
}

func TestLateMessagesAreGivenBack(t *testing.T) {
	tr := newTier(t)
	tr.submit("late", payload{To: 1})
	tr.receiver = late{tr.queue}
	tr.start("i-1")()
	tr.receiver = polling{tr.queue}
	if n, _ := tr.queue.Visible(t.Context()); n != 1 {
		t.Errorf("%d messages can be received, want the one that came late", n)
	}
	tr.start("i-2")
	if j := tr.await("late", "done", done); j.Drains != 0 || j.Epoch != 2 {
		t.Errorf("drains %d, epoch %d: the drained worker has had it", j.Drains, j.Epoch)
	}
}
