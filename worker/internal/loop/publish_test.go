package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// cloudWatch records what is published, one line a request, and answers as answer says.
type cloudWatch struct {
	start    time.Time
	requests []string
	answer   func(context.Context) error
}

func (c *cloudWatch) PutMetricData(ctx context.Context, in *cloudwatch.PutMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricDataOutput, error) {
	line := fmt.Sprintf("%s %s", time.Since(c.start), *in.Namespace)
	for _, d := range in.MetricData {
		if set := d.StatisticValues; set != nil {
			line += fmt.Sprintf(" %s=%.0f/%.0f %s", *d.MetricName, *set.Sum, *set.SampleCount, d.Unit)
		} else {
			line += fmt.Sprintf(" %s=%.0f %s", *d.MetricName, *d.Value, d.Unit)
		}
		for _, dimension := range d.Dimensions {
			line += " " + *dimension.Name + ":" + *dimension.Value
		}
	}
	c.requests = append(c.requests, line)
	return &cloudwatch.PutMetricDataOutput{}, c.answer(ctx)
}

func fine(context.Context) error { return nil }

// hanging is an endpoint that never answers.
func hanging(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// worked is a worker of two slots without them: the loops that publish and sweep, and the meter.
type worked struct {
	*Worker
	table *store.Memory
	sent  *cloudWatch
	stop  func() // cancels the loops and waits for them
}

// startLoops starts the two loops on a table with what was written before.
func startLoops(t *testing.T, answer func(context.Context) error, before ...job.Write) *worked {
	t.Helper()
	clock := bubbleClock{start: time.Now()}
	table, sent, log := store.NewMemory(), &cloudWatch{start: clock.start, answer: answer}, slog.New(slog.NewTextHandler(io.Discard, nil))
	s := &Worker{
		Attempts: lease.Deps{Tally: &lease.Tally{}, Clock: clock, Rand: random(), Timing: contract.Timing{Sweep: 30 * time.Second}},
		Sweeper: &sweep.Sweeper{
			Store: table, Queue: queue.NewMemory(time.Now, time.Minute), Clock: clock, Log: log,
			ContentType: "mail", Worker: "i-1", Interval: 30 * time.Second, Slots: 2, CrashLimit: 5, Measure: true,
		},
		Metrics: metrics.NewPublisher(sent, contract.Settings{Tier: "tier", Environment: "prod", ContentType: "mail"}),
		Log:     log,
		Meter:   metrics.NewMeter(2, clock.Monotonic),
	}
	for _, write := range before {
		if _, err := table.Write(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { s.sweepLoop(ctx); done <- struct{}{} }()
	go func() { s.publishLoop(ctx); done <- struct{}{} }()
	return &worked{s, table, sent, func() { cancel(); <-done; <-done }}
}

func (w *worked) control(t *testing.T) job.Item {
	t.Helper()
	item, err := w.table.Get(t.Context(), sweep.ControlKey("mail"))
	if err != nil {
		t.Fatal(err)
	}
	return item
}

const dimensions = " Environment:tier-prod ContentType:mail"

func TestEachMinuteIsPublishedByOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startLoops(t, fine)
		for id := range 3 {
			if _, err := w.table.Write(t.Context(), job.Submit(job.Key{ContentType: "mail", ID: fmt.Sprint(id)}, job.Submission{Payload: []byte("1")}, time.Now())); err != nil {
				t.Fatal(err)
			}
		}
		w.Meter.Add(1)
		time.Sleep(45 * time.Second)
		w.Meter.Add(-1)
		w.Meter.Ended(lease.Done)
		time.Sleep(20 * time.Second) // past the first minute
		w.Meter.Add(2)
		time.Sleep(2 * time.Minute)
		w.stop()
		// 45 s of one slot; then two slots from second 65 on. The jobs that ended are two more, for the assumed ones.
		want := []string{
			"1m0s WorkerTier/tier-prod Busy=38 Percent" + dimensions + " EndedDone=1 Count" + dimensions + " Unfinished=3 Count" + dimensions + " Ready=3 Count" + dimensions + " Dead=0 Count" + dimensions + " JobTime=0/2 Seconds" + dimensions,
			"2m0s WorkerTier/tier-prod Busy=92 Percent" + dimensions + " Unfinished=3 Count" + dimensions + " Ready=3 Count" + dimensions + " Dead=0 Count" + dimensions + " JobTime=45/3 Seconds" + dimensions,
			"3m0s WorkerTier/tier-prod Busy=100 Percent" + dimensions + " Unfinished=3 Count" + dimensions + " Ready=3 Count" + dimensions + " Dead=0 Count" + dimensions + " JobTime=155/3 Seconds" + dimensions,
		}
		if diff := cmp.Diff(want, w.sent.requests); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// TestWhatHappensToJobsIsCounted: a job whose worker died is a zombie, its checkpoint gets old, what it ended as and
// how claims went on is told once, in the minute in which it was.
func TestWhatHappensToJobsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := job.Key{ContentType: "mail", ID: "lost"}
		w := startLoops(t, fine, job.ClaimSubmission(key, job.Submission{Payload: []byte("1")}, "i-9/1", time.Minute, time.Now()))
		w.Meter.Claimed(job.Job{Epoch: 1})
		w.Meter.Claimed(job.Job{Epoch: 3, Cursor: "7"})
		w.Meter.Claimed(job.Job{Epoch: 5, CursorRef: "jobs/mail/a/5-2"})
		w.Meter.Claimed(job.Job{Epoch: 3})
		w.Meter.Reaped(2, []job.State{job.Dead})
		w.Meter.Ended(lease.Cancelled)
		time.Sleep(3*time.Minute + time.Second)
		w.stop()
		published := func(request string) (names []string) {
			for _, word := range strings.Fields(request) {
				if name, value, ok := strings.Cut(word, "="); ok && !slices.Contains([]string{"Busy", "Unfinished", "Dead", "JobTime"}, name) {
					if name == contract.MetricCheckpointAge && value != "0" {
						value = "some"
					}
					names = append(names, name+"="+value)
				}
			}
			return names
		}
		var got [][]string
		for _, request := range w.sent.requests {
			got = append(got, published(request))
		}
		want := [][]string{
			{"EndedCancelled=1", "EndedDead=1", "Restarted=1", "Resumed=2", "Zombies=2", "Ready=0", "CheckpointAge=some"},
			{"Zombies=1", "Ready=1"}, // after 1.25 leases
			{"Ready=1"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what was published each minute (-want +got):\n%s", diff)
		}
	})
}

func TestWhoDoesNotLeadPublishesNoJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startLoops(t, fine)
		synctest.Wait()
		w.table.Delete(sweep.ControlKey("mail")) // another worker takes the lead
		for range 3 {
			other := job.Item{contract.AttrSweeper: "i-2", contract.AttrNextSweep: time.Now().Add(time.Minute).UnixMilli()}
			if _, err := w.table.Write(t.Context(), job.Write{Key: sweep.ControlKey("mail"), Set: other}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Second)
		}
		w.stop()
		want := []string{"1m0s WorkerTier/tier-prod Busy=0 Percent" + dimensions, "2m0s WorkerTier/tier-prod Busy=0 Percent" + dimensions}
		if diff := cmp.Diff(want, w.sent.requests); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// A CloudWatch that fails or does not answer is waited for by nothing: sweeps keep their pace, busy time
// is tallied, a drain is not held up, and what could not be sent is not sent later.
func TestCloudWatchDelaysNothing(t *testing.T) {
	for name, answer := range map[string]func(context.Context) error{
		"hangs": hanging,
		"fails": func(context.Context) error { return errors.New("ServiceUnavailable") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startLoops(t, answer)
				w.Meter.Add(1)
				sweeps, last := 0, any(nil)
				for range 3*60 + 5 { // ends while the third request is under way
					time.Sleep(time.Second)
					synctest.Wait()
					if next := w.control(t)[contract.AttrNextSweep]; next != last {
						sweeps, last = sweeps+1, next
					}
				}
				if sweeps < 6 {
					t.Errorf("%d sweeps in three minutes of an interval of 30 s", sweeps)
				}
				sums := w.control(t)
				recent, _ := sums[contract.AttrRecentBusy].(int64)
				fresh, _ := sums[contract.AttrBusy].(int64)
				if busy := time.Duration(recent+fresh) * time.Millisecond; busy < 119*time.Second {
					t.Errorf("%s of busy time tallied, want the first two minutes at least", busy)
				}
				if len(w.sent.requests) != 3 {
					t.Errorf("%d requests in three minutes: %q", len(w.sent.requests), w.sent.requests)
				}
				begin := time.Now()
				w.stop()
				if took := time.Since(begin); took != 0 {
					t.Errorf("the drain waited %s for CloudWatch", took)
				}
			})
		})
	}
}

// TestTroubleIsPublishedWhileItLasts, and costs nothing otherwise.
func TestTroubleIsPublishedWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startLoops(t, fine)
		time.Sleep(90 * time.Second)
		w.illness.fall("no space left on device", 0)
		w.care.fails(suspicious)
		time.Sleep(time.Minute)
		w.illness.tested(nil, 0)
		time.Sleep(time.Minute)
		w.stop()
		for i, r := range w.sent.requests {
			for _, metric := range []string{" Sick=1 Count ", " Careful=1 Count "} {
				if want := i == 1 || i > 1 && metric == " Careful=1 Count "; strings.Contains(r, metric) != want {
					t.Errorf("minute %d: %s, want%s: %t", i+1, r, metric, want)
				}
			}
		}
		if len(w.sent.requests) != 3 {
			t.Errorf("requests %q", w.sent.requests)
		}
	})
}

// A machine that was frozen sends one value when it thaws, not one for each minute it missed.
func TestMissedMinutesAreNotMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frozen := true
		w := startLoops(t, func(context.Context) error {
			if frozen {
				time.Sleep(10*time.Minute + 20*time.Second) // as a machine that stands still, whatever the time limit says
			}
			frozen = false
			return nil
		})
		time.Sleep(13 * time.Minute)
		w.stop()
		at := []string{}
		for _, r := range w.sent.requests {
			at = append(at, r[:6])
		}
		if diff := cmp.Diff([]string{"1m0s W", "12m20s"}, at); diff != "" {
			t.Errorf("times of requests (-want +got):\n%s", diff)
		}
	})
}

// TestAJobThatGetsRipeIsNotLeftUntilTheNextSweep: the sweeper looks again when a dead worker's job may be taken from it.
func TestAJobThatGetsRipeIsNotLeftUntilTheNextSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := job.Key{ContentType: "mail", ID: "lost"}
		const short = 8 * time.Second // ripe after ten, long before the next sweep
		w := startLoops(t, fine, job.ClaimSubmission(key, job.Submission{Payload: []byte("1")}, "i-9/1", short, time.Now()))
		time.Sleep(11 * time.Second)
		w.stop()
		item, err := w.table.Get(t.Context(), key.String())
		if err != nil {
			t.Fatal(err)
		}
		if state := item[contract.AttrState]; state != string(job.Ready) {
			t.Errorf("the job is %v a second after it got ripe, want READY", state)
		}
	})
}
