package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/secrets"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// runSlot is a slot process: it does the supervisor's jobs one after the other. It returns only if it
// cannot begin; the endpoint ends the process. ctx gives values alone: what stops a job is its
// supervisor.
func runSlot(ctx context.Context, processors []processor.Processor, name string) error {
	ctx = context.WithoutCancel(ctx)
	p, err := find(processors, name)
	if err != nil {
		return err
	}
	settings, err := contract.SettingsFrom(os.LookupEnv)
	if err != nil {
		return fmt.Errorf("worker settings in the environment: %w", err)
	}
	schemas, err := schemasOf(p)
	if err != nil {
		return err
	}
	if err := schemas.checkOptions(settings.Options); err != nil {
		return fmt.Errorf("%s: %w", contract.EnvOptions, err)
	}
	if err := selfTest(p); err != nil {
		return err
	}
	endpoint, err := slot.Attach(versioned(p))
	if err != nil {
		return err
	}
	services := newServices(ctx, settings, os.Stderr)
	for task := range endpoint.Tasks() {
		if err := slot.UseFolder(task.Folder); err != nil {
			return err
		}
		r := runner{processor: p, schemas: schemas, settings: settings, services: services.of(task), strike: services.strike, task: task, to: endpoint}
		if err := endpoint.Finish(r.run(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func find(processors []processor.Processor, name string) (processor.Processor, error) {
	var names []string
	for _, p := range processors {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return processor.Processor{}, fmt.Errorf("%s: this binary has no processor %q, it has %s", contract.EnvProcessor, name, strings.Join(names, ", "))
}

// versioned is a processor's name with the version of its cursors, "mail@2".
func versioned(p processor.Processor) string { return p.Name + "@" + strconv.Itoa(p.Version) }

// reporter is the part of [slot.Endpoint] that a running job needs.
type reporter interface {
	Progress(protocol.Progress) error
	Checkpoint(protocol.Checkpoint) error
}

// runner does one job.
type runner struct {
	processor processor.Processor
	schemas   schemas
	settings  contract.Settings
	services  processor.Services
	strike    *secrets.Striker
	task      *slot.Task
	to        reporter
}

// current passes on what is reported about a job until it has ended: a goroutine that its processor left
// behind must not speak for the slot's next job.
type current struct {
	reporter

	mu    sync.Mutex
	ended bool
}

var errJobEnded = errors.New("the job has ended in this process")

func (c *current) Progress(p protocol.Progress) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return errJobEnded
	}
	return c.reporter.Progress(p)
}

func (c *current) Checkpoint(cp protocol.Checkpoint) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return errJobEnded
	}
	return c.reporter.Checkpoint(cp)
}

func (c *current) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

// run does the job. The outcome's error holds none of its secrets.
func (r runner) run(ctx context.Context) protocol.Outcome {
	outcome := r.attempt(ctx)
	outcome.Error = r.strike.Strike(outcome.Error)
	return outcome
}

func (r runner) attempt(ctx context.Context) protocol.Outcome {
	version, err := r.readable()
	if err != nil {
		return protocol.Outcome{Kind: protocol.Unfit, Error: err.Error()}
	}
	if r.draining() {
		return protocol.Outcome{Kind: protocol.Stopped}
	}
	if err := r.schemas.checkPayload(r.task.Payload); err != nil {
		return outcomeOf(err, false)
	}
	speaker := &current{reporter: r.to}
	defer speaker.end()
	r.to = speaker
	steps, err := r.processor.Open(ctx, r.job(version))
	if err != nil {
		return r.readableBy(outcomeOf(opened(err), r.draining()))
	}
	outcome := r.step(ctx, steps)
	if err := steps.Close(); err != nil {
		slog.WarnContext(ctx, "close job", "job", r.task.ID, "error", err)
	}
	return outcome
}

// readableBy is the outcome in words that the supervisor knows.
func (r runner) readableBy(o protocol.Outcome) protocol.Outcome {
	if o.Kind == protocol.Sick && !r.task.KnowsSick {
		o.Kind = protocol.Unfit // leaves the job to another worker too
	}
	return o
}

// step goes from step to step until the job is done, fails or is asked to stop.
func (r runner) step(ctx context.Context, steps processor.Steps) protocol.Outcome {
	for {
		reached, err := steps.Step(ctx)
		if err != nil {
			return outcomeOf(err, r.draining())
		}
		checkpoint, err := r.checkpoint(reached)
		switch {
		case err != nil:
			return outcomeOf(err, false)
		case reached.Done:
			return protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint}
		case r.draining():
			return protocol.Outcome{Kind: protocol.Stopped, Checkpoint: checkpoint}
		}
		if err := r.to.Checkpoint(*checkpoint); err != nil {
			return outcomeOf(err, r.draining())
		}
	}
}

// checkpoint refuses what no worker could go on from: that is a mistake in the processor, which the next
// release may have mended, so it is a failure of this attempt and not the job's end.
func (r runner) checkpoint(reached processor.Step) (*protocol.Checkpoint, error) {
	if reached.Cursor == nil && !reached.Done {
		return nil, fmt.Errorf("processor %s returned a step without a cursor", r.processor.Name)
	}
	cursor, err := plainjson.MarshalUTF8(reached.Cursor)
	if err != nil {
		return nil, fmt.Errorf("processor %s: cursor: %w", r.processor.Name, err)
	}
	if err := protocol.CheckCursor(cursor); err != nil {
		return nil, fmt.Errorf("processor %s: %w", r.processor.Name, err)
	}
	progress, err := protocol.Progress(reached.Progress).Bounded()
	if err != nil {
		return nil, fmt.Errorf("processor %s: progress: %w", r.processor.Name, err)
	}
	return &protocol.Checkpoint{Cursor: cursor, Version: versioned(r.processor), Progress: progress}, nil
}

// readable says which version of the processor wrote the cursor, or why this release cannot read it.
func (r runner) readable() (int, error) {
	if len(r.task.Cursor) == 0 {
		return 0, nil
	}
	name, number, _ := strings.Cut(r.task.CursorVersion, "@")
	version, err := strconv.Atoi(number)
	if err != nil || name != r.processor.Name || version < 1 || version > r.processor.Version {
		return 0, fmt.Errorf("the cursor was written by %s, this worker runs %s", r.task.CursorVersion, versioned(r.processor))
	}
	return version, nil
}

func (r runner) draining() bool {
	select {
	case <-r.task.Draining():
		return true
	default:
		return false
	}
}

func (r runner) job(cursorVersion int) *processor.Job {
	var refused sync.Once
	return &processor.Job{
		ID:            r.task.ID,
		ContentType:   r.task.ContentType,
		Tenant:        r.task.Tenant,
		Epoch:         r.task.Epoch,
		Payload:       r.task.Payload,
		Options:       r.settings.Options,
		Cursor:        r.task.Cursor,
		CursorVersion: cursorVersion,
		Progress:      processor.Progress(r.task.Progress),
		Draining:      r.task.Draining(),
		Services:      r.services,
		OnReport: func(p processor.Progress) {
			progress, err := protocol.Progress(p).Bounded()
			if err != nil { // a mistake in the processor, which costs only what would be shown
				refused.Do(func() { slog.Warn("progress refused", "job", r.task.ID, "reason", err) })
				return
			}
			_ = r.to.Progress(progress) // a supervisor that is gone ends the slot by itself
		},
		OnSave: func(reached processor.Step) error {
			checkpoint, err := r.checkpoint(processor.Step{Cursor: reached.Cursor, Progress: reached.Progress})
			if err != nil {
				return err
			}
			return r.to.Checkpoint(*checkpoint)
		},
	}
}
