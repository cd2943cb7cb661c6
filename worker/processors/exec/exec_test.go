package exec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
	workerprogram "github.com/worker-tier/worker-tier/worker/program"
)

// patience bounds every wait of these tests; reaching it is a failure.
const patience = 5 * time.Minute

// roleVariable makes the test's binary the worker's.
const roleVariable = "EXEC_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		workerprogram.Main(New())
	}
	os.Exit(m.Run())
}

func settings(command ...string) contract.Settings {
	return contract.Settings{
		Tier: "t", Environment: "test", ContentType: "docs", Processor: "exec", Processes: 1, Command: command,
		QueueURL: "http://localhost/q", DeadLetterQueueURL: "http://localhost/d", Table: "jobs", ArtifactsBucket: "b",
		Timing: contract.Timing{Lease: time.Minute, Heartbeat: time.Second, Sweep: time.Second, Checkpoint: time.Second, DrainBudget: time.Second, Stall: time.Hour},
		Retry:  contract.DefaultRetry(),
	}
}

// useCommand makes this process one of a content type with a command.
func useCommand(t *testing.T, command ...string) {
	t.Helper()
	t.Setenv(contract.EnvCommand, "")
	if command == nil {
		_ = os.Unsetenv(contract.EnvCommand) // the test's cleanup restores it
		return
	}
	t.Setenv(contract.EnvCommand, settings(command...).Environ()[contract.EnvCommand])
}

// startSlot starts a slot process that runs a shell script for each job.
func startSlot(t *testing.T, script string) *slot.Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), roleVariable+"=1")
	for k, v := range settings("sh", "-c", script).Environ() {
		env = append(env, k+"="+v)
	}
	p, err := slot.Start(slot.Options{
		Executable: exe, Args: []string{"slot", "--processor", "exec"}, Env: env, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		for range p.Reports() {
		}
	})
	if r := next(t, p); r.Ready == nil {
		t.Fatalf("first report: %+v", r)
	}
	return p
}

func next(t *testing.T, p *slot.Process) protocol.Report {
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

func send(t *testing.T, p *slot.Process, o protocol.Order) {
	t.Helper()
	if err := p.Send(o); err != nil {
		t.Fatal(err)
	}
}

func job(deadline time.Duration, payload, cursor string) protocol.Order {
	a := &protocol.Assignment{ID: "7", ContentType: "docs", Tenant: "acme", Epoch: 4, Payload: json.RawMessage(payload), Deadline: monotonic.Now() + deadline}
	if cursor != "" {
		a.Cursor, a.CursorVersion = json.RawMessage(cursor), "exec@1"
	}
	return protocol.Order{Run: a}
}

// outcome reads up to the outcome and returns it with the checkpoints before it.
func outcome(t *testing.T, p *slot.Process) (protocol.Outcome, []protocol.Checkpoint) {
	t.Helper()
	var checkpoints []protocol.Checkpoint
	for {
		switch r := next(t, p); {
		case r.Checkpoint != nil:
			checkpoints = append(checkpoints, *r.Checkpoint)
		case r.Outcome != nil:
			return *r.Outcome, checkpoints
		}
	}
}

func checkpoint(cursor string, done, total int64, unit string) *protocol.Checkpoint {
	return &protocol.Checkpoint{
		Cursor: json.RawMessage(cursor), Version: "exec@1", Progress: protocol.Progress{Done: done, Total: total, Unit: unit},
	}
}

// TestExit runs the payload, a shell script, and sees what its end makes of the job.
func TestExit(t *testing.T) {
	p := startSlot(t, `eval "$(python3 -c 'import json, os; print(json.load(open(os.environ["WORKER_JOB_FILE"]))["payload"])')"`)
	for _, test := range []struct {
		script string
		want   protocol.Outcome
	}{
		{`exit 0`, protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint(`{"n":1}`, 0, 0, "")}},
		{`echo '{"cursor":2,"done":2,"total":9,"unit":"files"}' >&$WORKER_REPORT_FD`, protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint("2", 2, 9, "files")}},
		{`echo one; echo two >&2; exit 65`, protocol.Outcome{Kind: protocol.Permanent, Error: "sh: exit status 65: one | two"}},
		{`exit 66`, protocol.Outcome{Kind: protocol.Permanent, Error: "sh: exit status 66"}},
		{`exit 67`, protocol.Outcome{Kind: protocol.Permanent, Error: "sh: exit status 67"}},
		{`exit 75`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: exit status 75"}},
		{`echo '{"retryAt":"2030-01-02T03:04:05Z"}' >&$WORKER_REPORT_FD; exit 75`, protocol.Outcome{Kind: protocol.Later, At: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Error: "sh: exit status 75"}},
		{`exit 78`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: exit status 78"}},
		{`exit 1`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: exit status 1"}},
		{`kill -SEGV $$`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: signal: segmentation fault"}},
		{`echo 'half a line' >&$WORKER_REPORT_FD; sleep 60`, protocol.Outcome{Kind: protocol.Retry, Error: `sh: wrote a report that is none: "half a line": invalid character 'h' looking for beginning of value`}},
		{`echo '{"curser":1}' >&$WORKER_REPORT_FD; sleep 60`, protocol.Outcome{Kind: protocol.Retry, Error: `sh: wrote a report that is none: "{\"curser\":1}": json: unknown field "curser"`}},
		{`echo '{"cursor":null,"done":3}' >&$WORKER_REPORT_FD; exit 75`, protocol.Outcome{Kind: protocol.Retry, Error: `sh: exit status 75, reports refused: 1, the last one: cursor: null, with which the job would start over: leave "cursor" out of a report without one`}},
		{`for retryAt in soon 2030-02-30; do echo '{"retryAt":"'$retryAt'"}'; done >&$WORKER_REPORT_FD; echo why >&2; exit 75`, protocol.Outcome{Kind: protocol.Retry, Error: `sh: exit status 75, reports refused: 2, the last one: retryAt: "2030-02-30" is not a time such as 2030-01-02T03:04:05Z: why`}},
		{`{ printf '{"unit":"'; head -c 900000 /dev/zero | tr '\0' u; echo '"}'; } >&$WORKER_REPORT_FD; exit 1`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: exit status 1, reports refused: 1, the last one: unit: 900000 bytes, want at most 32"}},
		{`{ printf '\n \n\357\273\277{"done":4,"total":9}\r\n{"cursor":1,"done":-1}\n{"cursor":2,"done":5.0,"unit":"a<b"}'; } >&$WORKER_REPORT_FD`, protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint("2", 5, 9, "a<b")}},
		{`printf '{"cursor":2,"done":5,"total":9}\n{"cursor":3,"done":' >&$WORKER_REPORT_FD`, protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint("2", 5, 9, "")}},
		{`printf '{"cursor":"a\377"}\n{"cursor":"b&"}\n' >&$WORKER_REPORT_FD`, protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint(`"b&"`, 0, 0, "")}},
		{`head -c 3000000 /dev/zero >&$WORKER_REPORT_FD; sleep 60`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: wrote a report of more than 1048576 bytes"}},
		{`printf '{"cursor":' >&$WORKER_REPORT_FD; exit 75`, protocol.Outcome{Kind: protocol.Retry, Error: "sh: exit status 75"}},
	} {
		t.Run(test.script, func(t *testing.T) {
			payload, err := json.Marshal(test.script)
			if err != nil {
				t.Fatal(err)
			}
			send(t, p, job(time.Minute, string(payload), `{"n":1}`))
			got, _ := outcome(t, p)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatTheProgramIsGiven(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := startSlot(t, `{ cat $WORKER_JOB_FILE; echo; cat $WORKER_CURSOR_FILE; echo; echo $WORKER_CONTENT_TYPE; } >`+out)
	for cursor, want := range map[string]string{"": "null", `[3]`: "[3]"} {
		send(t, p, job(time.Minute, `{"a":1}`, cursor))
		outcome(t, p)
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"id":"7","contentType":"docs","tenant":"acme","epoch":4,"payload":{"a":1}}` + "\n" + want + "\ndocs\n"
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDrain(t *testing.T) {
	const line = `echo '{"cursor":%d}' >&$WORKER_REPORT_FD; `
	for name, test := range map[string]struct {
		onTerm string
		want   protocol.Outcome
	}{
		"checkpoints":       {fmt.Sprintf(line+line, 2, 3) + "exit 75", protocol.Outcome{Kind: protocol.Stopped, Checkpoint: checkpoint("3", 0, 0, "")}},
		"nothing to save":   {"exit 75", protocol.Outcome{Kind: protocol.Stopped}},
		"done":              {`echo '{"done":9,"total":9}' >&$WORKER_REPORT_FD; exit 0`, protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint("1", 9, 9, "")}},
		"a trap of habit":   {"exit 0", protocol.Outcome{Kind: protocol.Stopped, Error: "sh: exited with 0 after SIGTERM, and its last report names no total to compare with: the job is handed back. A program that stops early exits with 75"}},
		"below its total":   {`echo '{"cursor":2,"done":2,"total":9,"unit":"files"}' >&$WORKER_REPORT_FD; exit 0`, protocol.Outcome{Kind: protocol.Stopped, Error: "sh: exited with 0 after SIGTERM, and its last report says 2 of 9 files: the job is handed back. A program that stops early exits with 75"}},
		"over its total":    {`echo '{"cursor":2,"done":12,"total":9}' >&$WORKER_REPORT_FD; exit 0`, protocol.Outcome{Kind: protocol.Stopped, Error: "sh: exited with 0 after SIGTERM, and its last report names no total to compare with: the job is handed back. A program that stops early exits with 75"}},
		"fails in the rush": {"exit 1", protocol.Outcome{Kind: protocol.Stopped}},
		"permanently bad":   {"exit 65", protocol.Outcome{Kind: protocol.Permanent, Error: "sh: exit status 65"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := startSlot(t, `trap '`+strings.ReplaceAll(test.onTerm, "'", `'\''`)+`' TERM; `+fmt.Sprintf(line, 1)+`while :; do sleep 0.05; done`)
			send(t, p, job(time.Minute, `{}`, ""))
			if r := next(t, p); r.Checkpoint == nil {
				t.Fatalf("%+v", r)
			}
			send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "test"}})
			got, _ := outcome(t, p)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestACheckpointInADrainIsPassedOn: the supervisor has it while the program still runs, so that it counts even if the
// program outlives its budget.
func TestACheckpointInADrainIsPassedOn(t *testing.T) {
	p := startSlot(t, `trap 'echo "{\"cursor\":2,\"done\":2}" >&$WORKER_REPORT_FD; while :; do sleep 1; done' TERM; echo '{"cursor":1}' >&$WORKER_REPORT_FD; while :; do sleep 0.05; done`)
	send(t, p, job(time.Minute, `{}`, ""))
	if r := next(t, p); r.Checkpoint == nil || string(r.Checkpoint.Cursor) != "1" {
		t.Fatalf("%+v", r)
	}
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "test"}})
	if r := next(t, p); r.Checkpoint == nil || string(r.Checkpoint.Cursor) != "2" || r.Checkpoint.Progress.Done != 2 {
		t.Errorf("%+v, want the checkpoint of the drain", r)
	}
}

// TestStubbornProgramEndsAtTheDeadline has a program that ignores SIGTERM and has a child.
func TestStubbornProgramEndsAtTheDeadline(t *testing.T) {
	fifo := childtest.Fifo(t)
	p := startSlot(t, `exec 9>`+fifo.Name()+`; trap "" TERM; sh -c 'echo held >&9; sleep 60' & sleep 60; sleep 60`)
	send(t, p, job(2*time.Second, `{}`, ""))
	childtest.AwaitHeld(t, fifo, patience)
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "test"}})
	if r, open := <-p.Reports(); open {
		t.Errorf("report %+v, want the slot's end", r)
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "deadline has passed") {
		t.Errorf("Err() = %v", err)
	}
	childtest.NobodyLeft(t, fifo, patience)
}

func TestCommandIsMissing(t *testing.T) {
	for want, command := range map[string][]string{
		"WORKER_COMMAND is not set":       nil,
		"start /no/such/program: ":        {"/no/such/program"},
		"executable file not found in $P": {"no-such-program"},
	} {
		useCommand(t, command...)
		_, err := New().Open(t.Context(), &processor.Job{})
		if !errors.Is(err, protocol.ErrInstance) || !strings.Contains(err.Error(), want) || processor.IsPermanent(err) {
			t.Errorf("command %q: %v, want %q as the instance's fault", command, err, want)
		}
	}
}

// TestWhatCannotBeStartedFailsTheCheck has programs that no instance can start, and such that one can.
func TestWhatCannotBeStartedFailsTheCheck(t *testing.T) {
	binary, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	const loader = "/ld-linux" // in the path of the GNU C library's
	if !bytes.Contains(binary, []byte(loader)) {
		t.Fatalf("/bin/sh names no loader %s*: give this test another binary", loader)
	}
	foreign := string(bytes.ReplaceAll(binary, []byte(loader), []byte("/ld-other")))
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "": can be started
	}{
		"binary":              {string(binary), 0o700, ""},
		"no such loader":      {foreign, 0o700, "/ld-other"},
		"half a binary":       {string(binary[:100]), 0o700, ""}, // only the kernel knows
		"script":              {"#!/bin/sh\nexit 65\n", 0o700, ""},
		"script with a word":  {"#! /bin/sh -e\nexit 0\n", 0o700, ""},
		"not executable":      {"#!/bin/sh\n", 0o600, "permission denied"},
		"no such interpreter": {"#!/no/such/sh\nexit 0\n", 0o700, "/no/such/sh"},
	} {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		useCommand(t, path)
		err := New().Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	useCommand(t)
	if err := New().Check(); err == nil {
		t.Error("no command passes")
	}
}

// TestAJobFolderThatCannotBeWrittenIsTheInstancesFault: the program is not started.
func TestAJobFolderThatCannotBeWrittenIsTheInstancesFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", file)
	useCommand(t, "/bin/true")
	if _, err := New().Open(t.Context(), &processor.Job{}); !errors.Is(err, protocol.ErrInstance) {
		t.Errorf("error %v", err)
	}
}
