package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// roleVariable makes the test's binary a slot with the processor "count".
const roleVariable = "PROCESSOR_TEST_SLOT"

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		fmt.Println("this is not the protocol")
		fmt.Fprintln(os.Stderr, runSlot(context.Background(), []processor.Processor{count()}, name))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var someday = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// count counts to the payload's To and does at the number At what Then says.
func count() processor.Processor {
	return processor.Processor{Name: "count", Version: 3, Open: func(_ context.Context, job *processor.Job) (processor.Steps, error) {
		var to struct {
			To, At int
			Then   string
		}
		if err := job.DecodePayload(&to); err != nil {
			return nil, err
		}
		var n int
		if _, err := job.DecodeCursor(&n); err != nil {
			return nil, err
		}
		return processor.StepFunc(func(context.Context) (processor.Step, error) {
			if n++; n == to.At {
				switch to.Then {
				case "panic":
					panic("cannot count further")
				case "permanent":
					return processor.Step{}, fmt.Errorf("at %d: %w", n, processor.Permanent(errors.New("no such number")))
				case "later":
					return processor.Step{}, processor.RetryAt(someday, errors.New("closed on Sundays"))
				case "retry":
					return processor.Step{}, errors.New(strings.Repeat("lost ", 1000))
				case "wait":
					<-job.Draining
				case "give up":
					<-job.Draining
					return processor.Step{}, processor.ErrStopped
				case "fail in the drain":
					<-job.Draining
					return processor.Step{}, errors.New("network is unreachable")
				case "no cursor":
					return processor.Step{}, nil
				case "report a long unit":
					job.Report(processor.Progress{Unit: strings.Repeat("u", 300_000)})
				case "a long unit":
					return processor.Step{Cursor: n, Progress: processor.Progress{Unit: strings.Repeat("u", 300_000)}}, nil
				case "more than there is":
					return processor.Step{Cursor: n, Progress: processor.Progress{Done: 9, Total: 3}, Done: true}, nil
				case "much later":
					return processor.Step{}, processor.RetryAt(someday.AddDate(8000, 0, 0), errors.New("closed"))
				case "not UTF-8":
					return processor.Step{Cursor: map[string]any{"<after>": []string{"a\xff"}}}, nil
				case "save what is not UTF-8":
					return processor.Step{}, job.Save(processor.Step{Cursor: "a\xff"})
				case "signs of web pages":
					return processor.Step{Cursor: "<&>", Done: true}, nil
				case "large":
					return processor.Step{Cursor: strings.Repeat("x", protocol.MaxCursor)}, nil
				}
			}
			job.Report(processor.Progress{Done: int64(n)})
			return processor.Step{Cursor: n, Progress: processor.Progress{Done: int64(n), Total: int64(to.To)}, Done: n == to.To}, nil
		}), nil
	}}
}

func startSlot(t *testing.T, name string) *slot.Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), roleVariable+"="+name)
	for k, v := range settings().Environ() {
		env = append(env, k+"="+v)
	}
	p, err := slot.Start(slot.Options{Executable: exe, Env: env, Log: slog.New(slog.DiscardHandler)})
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

func settings() contract.Settings {
	return contract.Settings{
		Tier: "t", Environment: "test", ContentType: "mail", Processor: "count", Processes: 1,
		QueueURL: "http://localhost/q", DeadLetterQueueURL: "http://localhost/d", Table: "jobs", ArtifactsBucket: "b",
		Timing: contract.Timing{Lease: time.Minute, Heartbeat: time.Second, Sweep: time.Second, Checkpoint: time.Second, DrainBudget: time.Second, Stall: time.Hour},
		Retry:  contract.DefaultRetry(),
	}
}

func checkpoint(n int, to int64) *protocol.Checkpoint {
	return &protocol.Checkpoint{
		Cursor: fmt.Append(nil, n), Version: "count@3", Progress: protocol.Progress{Done: int64(n), Total: to},
	}
}

// TestOutcomes gives one slot process one job after the other.
func TestOutcomes(t *testing.T) {
	p := startSlot(t, "count")
	if r := <-p.Reports(); r.Ready == nil || r.Ready.Processor != "count@3" {
		t.Fatalf("first report: %+v", r)
	}
	for _, test := range []struct {
		name            string
		payload         string
		cursor, version string
		drain           bool
		want            protocol.Outcome
	}{
		{name: "done", payload: `{"To":3}`, want: protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint(3, 3)}},
		{name: "resumed", payload: `{"To":9}`, cursor: "8", version: "count@2", want: protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint(9, 9)}},
		{name: "newer cursor", payload: `{"To":3}`, cursor: "1", version: "count@4", want: protocol.Outcome{Kind: protocol.Unfit, Error: "the cursor was written by count@4, this worker runs count@3"}},
		{name: "another's cursor", payload: `{"To":3}`, cursor: "1", version: "mail@1", want: protocol.Outcome{Kind: protocol.Unfit, Error: "the cursor was written by mail@1, this worker runs count@3"}},
		{name: "broken cursor", payload: `{"To":3}`, cursor: `"x"`, version: "count@3", want: protocol.Outcome{Kind: protocol.Permanent, Error: "cursor of version 3: json: cannot unmarshal string into Go value of type int"}},
		{name: "unknown field", payload: `{"Too":3}`, want: protocol.Outcome{Kind: protocol.Permanent, Error: `payload: json: unknown field "Too"`}},
		{name: "permanent", payload: `{"To":3,"At":2,"Then":"permanent"}`, want: protocol.Outcome{Kind: protocol.Permanent, Error: "at 2: no such number"}},
		{name: "later", payload: `{"To":3,"At":2,"Then":"later"}`, want: protocol.Outcome{Kind: protocol.Later, Error: "closed on Sundays", At: someday}},
		{name: "no cursor", payload: `{"To":3,"At":2,"Then":"no cursor"}`, want: protocol.Outcome{Kind: protocol.Retry, Error: "processor count returned a step without a cursor"}},
		{name: "large cursor", payload: `{"To":3,"At":2,"Then":"large"}`, want: protocol.Outcome{Kind: protocol.Retry, Error: fmt.Sprintf("processor count: a cursor of %d bytes, more than %d", protocol.MaxCursor+2, protocol.MaxCursor)}},
		{name: "no text", payload: `{"To":3,"At":2,"Then":"not UTF-8"}`, want: protocol.Outcome{Kind: protocol.Retry, Error: `processor count: cursor: the text "a\xff" is not UTF-8`}},
		{name: "no text within a step", payload: `{"To":3,"At":2,"Then":"save what is not UTF-8"}`, want: protocol.Outcome{Kind: protocol.Retry, Error: `processor count: cursor: the text "a\xff" is not UTF-8`}},
		{name: "text as it is", payload: `{"To":3,"At":2,"Then":"signs of web pages"}`, want: protocol.Outcome{Kind: protocol.Done, Checkpoint: &protocol.Checkpoint{Cursor: json.RawMessage(`"<&>"`), Version: "count@3"}}},
		{name: "a report that is refused", payload: `{"To":3,"At":2,"Then":"report a long unit"}`, want: protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint(3, 3)}},
		{name: "a progress that is refused", payload: `{"To":3,"At":2,"Then":"a long unit"}`, want: protocol.Outcome{Kind: protocol.Retry, Error: "processor count: progress: unit: 300000 bytes, want at most 32"}},
		{name: "more done than there is", payload: `{"To":3,"At":2,"Then":"more than there is"}`, want: protocol.Outcome{Kind: protocol.Done, Checkpoint: &protocol.Checkpoint{Cursor: json.RawMessage("2"), Version: "count@3", Progress: protocol.Progress{Done: 9}}}},
		{name: "much later", payload: `{"To":3,"At":2,"Then":"much later"}`, want: protocol.Outcome{Kind: protocol.Retry, Error: "retry at a time in the year 10030, want 1970 to 9999: closed"}},
		{name: "drained", payload: `{"To":9,"At":2,"Then":"wait"}`, drain: true, want: protocol.Outcome{Kind: protocol.Stopped, Checkpoint: checkpoint(2, 9)}},
		{name: "drained at the end", payload: `{"To":2,"At":2,"Then":"wait"}`, drain: true, want: protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint(2, 2)}},
		{name: "drained in mid step", payload: `{"To":9,"At":2,"Then":"give up"}`, drain: true, want: protocol.Outcome{Kind: protocol.Stopped}},
		{name: "failed in the drain", payload: `{"To":9,"At":2,"Then":"fail in the drain"}`, drain: true, want: protocol.Outcome{Kind: protocol.Stopped, Error: "network is unreachable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			order := protocol.Order{Run: &protocol.Assignment{
				ID: test.name, Payload: json.RawMessage(test.payload), CursorVersion: test.version, Deadline: monotonic.Now() + time.Minute,
			}}
			if test.cursor != "" {
				order.Run.Cursor = json.RawMessage(test.cursor)
			}
			if err := p.Send(order); err != nil {
				t.Fatal(err)
			}
			if test.drain {
				for r := range p.Reports() {
					if r.Checkpoint != nil { // the first step is over
						break
					}
				}
				if err := p.Send(protocol.Order{Drain: &protocol.Drain{Cause: "test"}}); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, outcome(t, p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func outcome(t *testing.T, p *slot.Process) protocol.Outcome {
	t.Helper()
	for r := range p.Reports() {
		if r.Outcome != nil {
			return *r.Outcome
		}
	}
	t.Fatalf("the slot ended: %v", p.Err())
	panic("unreachable")
}

func TestLongErrorsAreCut(t *testing.T) {
	p := startSlot(t, "count")
	<-p.Reports()
	if err := p.Send(protocol.Order{Run: &protocol.Assignment{Payload: json.RawMessage(`{"To":3,"At":1,"Then":"retry"}`), Deadline: monotonic.Now() + time.Minute}}); err != nil {
		t.Fatal(err)
	}
	got := outcome(t, p)
	if got.Kind != protocol.Retry || len(got.Error) > protocol.MaxError || !strings.HasPrefix(got.Error, "lost lost") {
		t.Errorf("outcome %s with %d bytes of error", got.Kind, len(got.Error))
	}
}

func TestPanicEndsTheProcess(t *testing.T) {
	p := startSlot(t, "count")
	<-p.Reports()
	if err := p.Send(protocol.Order{Run: &protocol.Assignment{Payload: json.RawMessage(`{"To":3,"At":2,"Then":"panic"}`), Deadline: monotonic.Now() + time.Minute}}); err != nil {
		t.Fatal(err)
	}
	for r := range p.Reports() {
		if r.Outcome != nil {
			t.Errorf("outcome of a panic: %+v", r.Outcome)
		}
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 2: panic: cannot count further") {
		t.Errorf("Err() = %v", err)
	}
}

// TestJobThatEndedIsDumb: what a processor leaves running cannot speak for the slot's next job.
func TestJobThatEndedIsDumb(t *testing.T) {
	var left *processor.Job
	heard := &hearer{}
	p := processor.Processor{Name: "leaver", Version: 1, Open: func(_ context.Context, job *processor.Job) (processor.Steps, error) {
		left = job
		return processor.StepFunc(func(context.Context) (processor.Step, error) {
			job.Report(processor.Progress{Done: 1})
			return processor.Step{Done: true}, job.Save(processor.Step{Cursor: 1})
		}), nil
	}}
	r := runner{processor: p, task: &slot.Task{}, to: heard}
	if got := r.run(t.Context()); got.Kind != protocol.Done || heard.reports != 2 {
		t.Fatalf("outcome %+v after %d reports", got, heard.reports)
	}
	left.Report(processor.Progress{Done: 2})
	if err := left.Save(processor.Step{Cursor: 2}); !errors.Is(err, errJobEnded) || heard.reports != 2 {
		t.Errorf("Save after the end: %v; %d reports", err, heard.reports)
	}
}

// hearer counts reports.
type hearer struct{ reports int }

func (h *hearer) Progress(protocol.Progress) error { h.reports++; return nil }

func (h *hearer) Checkpoint(protocol.Checkpoint) error { h.reports++; return nil }

func TestUnknownProcessor(t *testing.T) {
	p := startSlot(t, "mial")
	for range p.Reports() {
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), `this binary has no processor "mial", it has count`) {
		t.Errorf("Err() = %v", err)
	}
}
