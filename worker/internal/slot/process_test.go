package slot

import (
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// patience bounds every wait of these tests; reaching it is a failure.
const patience = 5 * time.Minute

func start(t *testing.T, role string, env ...string) *Process {
	t.Helper()
	o := options(role)
	o.Env = append(o.Env, env...)
	return startWith(t, o)
}

func startWith(t *testing.T, o Options) *Process {
	t.Helper()
	p, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		for range p.Reports() {
		}
	})
	return p
}

func next(t *testing.T, p *Process) protocol.Report {
	t.Helper()
	select {
	case r, open := <-p.Reports():
		if !open {
			t.Fatalf("the slot ended: %v", p.Err())
		}
		return r
	case <-time.After(patience):
		t.Fatal("no report")
	}
	panic("unreachable")
}

// startJob starts a slot and gives it a job.
func startJob(t *testing.T, role string, env ...string) *Process {
	t.Helper()
	o := options(role)
	o.Env = append(o.Env, env...)
	return startJobWith(t, o)
}

func startJobWith(t *testing.T, o Options) *Process {
	t.Helper()
	p := startWith(t, o)
	if r := next(t, p); r.Ready == nil {
		t.Fatalf("first report is %+v", r)
	}
	send(t, p, job(time.Minute))
	return p
}

func job(deadline time.Duration) protocol.Order {
	return protocol.Order{Run: &protocol.Assignment{
		ID: "1", ContentType: "mail", Epoch: 7, Payload: json.RawMessage(`{"a":1}`), Deadline: monotonic.Now() + deadline,
	}}
}

func send(t *testing.T, p *Process, o protocol.Order) {
	t.Helper()
	if err := p.Send(o); err != nil {
		t.Fatal(err)
	}
}

// end reads the rest of the reports and returns the reason of the slot's end.
func end(t *testing.T, p *Process) error {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, open := <-p.Reports():
			if !open {
				return p.Err()
			}
		case <-timeout:
			t.Fatal("the slot does not end")
		}
	}
}

func TestJobs(t *testing.T) {
	p := start(t, "steps")
	want := protocol.Report{Ready: &protocol.Ready{Protocol: protocol.Version, Processor: "p@1"}}
	if diff := cmp.Diff(want, next(t, p)); diff != "" {
		t.Fatal(diff)
	}
	for range 3 {
		send(t, p, job(time.Minute))
		checkpoint := protocol.Report{Checkpoint: &protocol.Checkpoint{Cursor: json.RawMessage(`{"a":1}`), Version: "p@1", Progress: protocol.Progress{Done: 1}}}
		if diff := cmp.Diff(checkpoint, next(t, p)); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(protocol.Report{Outcome: &protocol.Outcome{Kind: protocol.Done}}, next(t, p)); diff != "" {
			t.Fatal(diff)
		}
	}
	p.Kill()
	p.Kill()
	if err := end(t, p); !errors.Is(err, protocol.ErrKilled) {
		t.Errorf("Err() = %v, want %v", err, protocol.ErrKilled)
	}
	p.Kill() // after the end
	if err := p.Send(job(time.Minute)); err == nil {
		t.Error("an ended slot takes orders")
	}
}

func TestDrain(t *testing.T) {
	p := startJob(t, "drain")
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "terminated"}})
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "again"}})
	want := protocol.Report{Outcome: &protocol.Outcome{Kind: protocol.Stopped, Error: "terminated"}}
	if diff := cmp.Diff(want, next(t, p)); diff != "" {
		t.Error(diff)
	}
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "too late"}}) // about no job: without effect on the next one
	send(t, p, job(time.Minute))
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "the next"}})
	if r := next(t, p); r.Outcome == nil || r.Outcome.Error != "the next" {
		t.Errorf("second job ended with %+v", r)
	}
}

// TestSignalsToTheWholeServiceEndNoSlot: a service manager sends them to every process, and they are the supervisor's
// business. SIGHUP is also how a slot learns that its supervisor has died.
func TestSignalsToTheWholeServiceEndNoSlot(t *testing.T) {
	p := startJob(t, "drain")
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGHUP} {
		if err := syscall.Kill(p.Pid(), s); err != nil {
			t.Fatal(err)
		}
		for range 20 { // while the signal arrives
			send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "asked"}})
			if r := next(t, p); r.Outcome == nil || r.Outcome.Error != "asked" {
				t.Fatalf("after %s the slot reports %+v", s, r)
			}
			send(t, p, job(time.Minute))
		}
	}
}

func TestSecondJobIsRefused(t *testing.T) {
	p := startJob(t, "drain")
	if err := p.Send(job(time.Minute)); !errors.Is(err, errOccupied) {
		t.Errorf("a busy slot's Send says %v", err)
	}
}

func TestReasonOfTheEnd(t *testing.T) {
	for _, test := range []struct {
		role string
		want string
	}{
		{"panic", "exit status 2: panic: the processor is broken"},
		{"fail", "exit status 3: cannot go on"},
		{"garbage", `broke the protocol and was killed: not a report: "% done"`},
		{"unready", "before it was ready"},
		{"unasked", "without a job"},
		{"old", "slot speaks protocol 99, this supervisor 1"},
		{"large", "broke the protocol and was killed: a cursor of 131073 bytes, more than 131072"},
		{"binary", "broke the protocol and was killed: not a report: \"\\x00\\xff\""},
		{"partial", "exit status 3: gone in mid line"},
		{"long", "a report is longer than 1048576 bytes"},
	} {
		t.Run(test.role, func(t *testing.T) {
			p := start(t, test.role)
			if test.role == "panic" || test.role == "large" {
				next(t, p)
				send(t, p, job(time.Minute))
			}
			if err := end(t, p); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Err() = %v\nwant it to hold %q", err, test.want)
			}
		})
	}
	if err := end(t, start(t, "truncated")); err != nil {
		t.Errorf("a slot that ended in mid line with status 0: %v", err)
	}
	if _, err := Start(Options{Executable: "/no/such/program", Log: options("").Log}); err == nil {
		t.Error("a program that does not exist was started")
	}
}

// TestSlowReader lets a slot report far more than the pipe holds before anybody reads.
func TestSlowReader(t *testing.T) {
	p := startJob(t, "flood")
	for reports := 1; ; reports++ {
		r := next(t, p)
		if reports == 1 {
			for p.orders.busy() { // until the slot has reported its outcome
				time.Sleep(time.Millisecond)
			}
		}
		if r.Outcome != nil {
			if reports > 4 {
				t.Errorf("%d reports reached a slow reader, want the newest ones and the outcome", reports)
			}
			return
		}
	}
}

func TestDeafSlotDoesNotHoldUpTheSupervisor(t *testing.T) {
	p := start(t, "deaf")
	next(t, p)
	began := time.Now()
	var err error
	for n := 0; err == nil; n++ {
		if n > 10_000 {
			t.Fatal("orders wait without bound")
		}
		err = p.Send(protocol.Order{Drain: &protocol.Drain{Cause: strings.Repeat("x", 10_000)}})
	}
	if !errors.Is(err, errNotRead) || time.Since(began) > 5*time.Second {
		t.Errorf("Send failed after %s with %v", time.Since(began), err)
	}
}
