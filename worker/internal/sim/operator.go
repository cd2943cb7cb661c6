package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// The commands of package cli, in virtual time.

// command runs an operator's command as a process of its own.
func (w *world) command(id string, run func(id string, table tableClient, bells queueClient)) {
	c := &caller{world: w, clock: w.operator}
	p := &process{world: w, name: "operator"}
	w.commands = slices.DeleteFunc(w.commands, func(p *process) bool { return p.tasks[0].done })
	w.commands = append(w.commands, p)
	p.spawn(func() { run(id, tableClient{c}, queueClient{c}) })
}

func (w *world) ctx() context.Context { return newScope(context.Background(), w.operator) }

func (w *world) submitCommand(id string, table tableClient, bells queueClient) {
	key := job.Key{ContentType: contentType, ID: id}
	for {
		s := job.Submission{ID: id, Payload: []byte(w.jobs[id].payload)}
		if lease.Spill(w.ctx(), blobClient(table), key, &s) != nil {
			_ = w.operator.Sleep(w.ctx(), sdkLimit)
			continue
		}
		item, err := table.Write(w.ctx(), job.Submit(key, s, w.operator.Now()))
		if refused, ok := errors.AsType[*job.RefusedError](err); ok {
			if item, err = refused.Current, nil; item == nil {
				item, err = table.Get(w.ctx(), key.String())
			}
		}
		if err != nil { // the operator is told and tries again
			_ = w.operator.Sleep(w.ctx(), sdkLimit)
			continue
		}
		if j, err := job.FromItem(item); err == nil && j.State == job.Ready && !j.Paused {
			_ = bells.Send(w.ctx(), job.Bell{ID: id, Epoch: j.Epoch}.JSON(), 0)
		}
		return
	}
}

// change writes what build makes of the job as it is, looking again while others move it.
func (w *world) change(id string, table tableClient, bells queueClient, build func(j *job.Job) (job.Write, bool)) {
	key := job.Key{ContentType: contentType, ID: id}
	for range 10 {
		item, err := table.Get(w.ctx(), key.String())
		if err != nil {
			return
		}
		var j *job.Job
		if item != nil {
			known, err := job.FromItem(item)
			if err != nil {
				return
			}
			j = &known
		}
		write, ok := build(j)
		if !ok {
			return
		}
		item, err = table.Write(w.ctx(), write)
		if _, refused := errors.AsType[*job.RefusedError](err); refused {
			continue
		}
		if err != nil {
			return
		}
		after, err := job.FromItem(item)
		if err != nil {
			return
		}
		for _, ref := range after.Needless() {
			_ = blobClient(table).Delete(w.ctx(), ref)
		}
		if after.State == job.Ready {
			_ = bells.Send(w.ctx(), job.Bell{ID: id, Epoch: after.Epoch}.JSON(), 0)
		}
		return
	}
}

// steer is an operator's whim.
func (w *world) steer() {
	if len(w.ids) == 0 {
		return
	}
	id := w.ids[w.random.IntN(len(w.ids))]
	switch w.random.IntN(9) {
	case 8:
		w.jobs[id].cancelled = true
		w.command(id, w.eraseCommand)
	case 7:
		w.command(id, w.retryCommand)
	case 6:
		w.command(id, w.pauseTypeCommand)
	case 0, 1:
		w.jobs[id].cancelled = true
		w.command(id, w.cancelCommand)
	case 2, 3:
		w.command(id, w.pauseCommand)
	case 4:
		w.command(id, w.resumeCommand)
	default:
		w.command(id, w.redriveCommand)
	}
}

// pauseTypeCommand pauses the content type. Once it has its answer, or has given up, somebody resumes the type
// within 20 minutes, often at once.
func (w *world) pauseTypeCommand(_ string, table tableClient, bells queueClient) {
	if control, err := table.Get(w.ctx(), sweep.ControlKey(contentType)); err == nil {
		_, _ = table.Write(w.ctx(), sweep.PauseType(contentType, control))
	}
	if w.chance(0.5) {
		_ = w.operator.Sleep(w.ctx(), w.upTo(20*time.Minute))
	}
	w.resumeTypeCommand("", table, bells)
}

// resumeTypeCommand is tried until it succeeds.
func (w *world) resumeTypeCommand(_ string, table tableClient, _ queueClient) {
	for {
		control, err := table.Get(w.ctx(), sweep.ControlKey(contentType))
		if err == nil {
			_, err = table.Write(w.ctx(), sweep.ResumeType(contentType, control))
		}
		if err == nil {
			return
		}
		_ = w.operator.Sleep(w.ctx(), sdkLimit)
	}
}

func (w *world) cancelCommand(id string, table tableClient, bells queueClient) {
	w.change(id, table, bells, func(j *job.Job) (job.Write, bool) {
		return job.Cancel(job.Key{ContentType: contentType, ID: id}, j, w.operator.Now()), j == nil || !j.State.Terminal()
	})
}

// changeIf makes a change to a job that fits.
func (w *world) changeIf(id string, table tableClient, bells queueClient, fits func(job.Job) bool, change func(job.Job, time.Time) job.Write) {
	w.change(id, table, bells, func(j *job.Job) (job.Write, bool) {
		if j == nil || !fits(*j) {
			return job.Write{}, false
		}
		return change(*j, w.operator.Now()), true
	})
}

func unended(j job.Job) bool { return !j.State.Terminal() }

func (w *world) pauseCommand(id string, table tableClient, bells queueClient) {
	w.changeIf(id, table, bells, unended, job.Pause)
}

func (w *world) resumeCommand(id string, table tableClient, bells queueClient) {
	w.changeIf(id, table, bells, unended, job.Resume)
}

func (w *world) retryCommand(id string, table tableClient, bells queueClient) {
	w.changeIf(id, table, bells, func(j job.Job) bool { return j.State == job.Ready && !j.Paused }, job.Retry)
}

func (w *world) redriveCommand(id string, table tableClient, bells queueClient) {
	w.changeIf(id, table, bells, func(j job.Job) bool { return j.State == job.Dead }, job.Redrive)
}

// eraseCommand ends a job and erases it, as long as the operator has patience.
func (w *world) eraseCommand(id string, table tableClient, _ queueClient) {
	key := job.Key{ContentType: contentType, ID: id}
	for range 20 {
		item, err := table.Get(w.ctx(), key.String())
		if err == nil && item == nil {
			return
		}
		j, parseErr := job.FromItem(item)
		if err != nil || parseErr != nil {
			_ = w.operator.Sleep(w.ctx(), sdkLimit)
			continue
		}
		switch {
		case j.State == job.Running && j.CancelRequested:
			_ = w.operator.Sleep(w.ctx(), w.upTo(time.Minute))
		case !j.State.Terminal():
			_, _ = table.Write(w.ctx(), job.Cancel(key, &j, w.operator.Now()))
		case j.State == job.Dead:
			_, _ = table.Write(w.ctx(), job.GiveUp(j, w.operator.Now()))
		default:
			w.jobs[id].erased = true
			for _, ref := range []string{j.PayloadRef, j.CursorRef} {
				if ref != "" && blobClient(table).Delete(w.ctx(), ref) != nil {
					return // the command says so, and is run again by a person who cares
				}
			}
			_, _ = table.Write(w.ctx(), job.Erase(j, w.operator.Now()))
			return
		}
	}
}
