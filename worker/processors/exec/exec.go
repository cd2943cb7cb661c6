// Package exec is the processor that runs any program in any language.
//
// The program is the content type's "command", its working folder the content type's "files". It finds
//
//	$WORKER_JOB_FILE     {"id": "…", "contentType": "…", "tenant": "…", "epoch": 3, "payload": …}
//	$WORKER_CURSOR_FILE  the last cursor it reported for this job, or null
//	$WORKER_REPORT_FD    the number of a descriptor to write reports to, one JSON object a line
//
// and the worker's own environment, AWS's variables included. A report is
//
//	{"cursor": …, "done": 12, "total": 40, "unit": "files"}
//
// where each part may be missing: with a cursor it is a checkpoint, to be written once all output before
// it is durable; without one it only tells progress. After the last report the program may be started
// again at that cursor at any time, so redoing the work after it must do no harm; outputs that would be
// overwritten carry the epoch in their name. What it prints is logged. README.md is the guide.
//
// On SIGTERM it should reach a checkpoint and exit with 75 within the drain budget. How it exits says what
// becomes of the job (sysexits.h):
//
//	0                            the job is done. After SIGTERM only if its last report has done equal to
//	                             total; otherwise it is handed back
//	65 DATAERR, 66 NOINPUT,      the job can never succeed: it ends as DEAD, with the last lines of
//	67 NOUSER                    standard error as the reason
//	75 TEMPFAIL                  try again; after a report {"retryAt": "2030-01-02T03:04:05Z"} at that
//	                             time, which does not count as a failure
//	everything else, signals     try again. That holds for 64 USAGE, 77 NOPERM and 78 CONFIG, too: it is
//	                             the worker that is set up wrong, and the jobs are not lost for it
//
// Programs that the program leaves behind are killed when it ends (on Linux).
package exec

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// New is the processor "exec".
func New() processor.Processor {
	return processor.Processor{Name: "exec", Version: 1, Open: open, Check: check}
}

// jobFile is the content of the job file.
type jobFile struct {
	ID          string          `json:"id"`
	ContentType string          `json:"contentType"`
	Tenant      string          `json:"tenant,omitempty"`
	Epoch       int64           `json:"epoch"`
	Payload     json.RawMessage `json:"payload"`
}

// open starts the program. Until it runs, each error is the instance's fault and not the job's.
func open(_ context.Context, job *processor.Job) (processor.Steps, error) {
	command, err := commandOf()
	if err != nil {
		return nil, protocol.Instance(err)
	}
	dir, err := os.MkdirTemp("", "worker-job-")
	if err != nil {
		return nil, protocol.Instance(err)
	}
	s := &steps{job: job, dir: dir, reached: processor.Step{Progress: job.Progress}}
	if job.Cursor != nil {
		s.reached.Cursor = job.Cursor
	}
	if s.program, err = s.start(command); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *steps) start(command []string) (*program, error) {
	job, err := plainjson.Marshal(jobFile{
		ID: s.job.ID, ContentType: s.job.ContentType, Tenant: s.job.Tenant, Epoch: s.job.Epoch, Payload: s.job.Payload,
	})
	if err != nil {
		return nil, err
	}
	cursor := s.job.Cursor
	if cursor == nil {
		cursor = json.RawMessage("null")
	}
	jobPath, cursorPath := filepath.Join(s.dir, "job.json"), filepath.Join(s.dir, "cursor.json")
	if err := errors.Join(os.WriteFile(jobPath, job, 0o600), os.WriteFile(cursorPath, cursor, 0o600)); err != nil {
		return nil, protocol.Instance(err)
	}
	return startProgram(command, []string{contract.EnvJobFile + "=" + jobPath, contract.EnvCursorFile + "=" + cursorPath})
}
