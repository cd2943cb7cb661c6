package worker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logTrials are about logs that nobody takes, and signals.
func logTrials() []Trial {
	trials := []Trial{
		{"a log that is read again", readAgain},
		{"SIGHUP", hangup},
		{"SIGQUIT", quit},
	}
	for _, name := range slices.Sorted(maps.Keys(stuckLogs)) {
		trials = append(trials, Trial{"a log whose reader " + name, func(t testing.TB) string { return stuckLog(t, name) }})
	}
	return trials
}

// loud prints at once as much as the log takes of a slot in a minute, and then is steady and prints a line a step.
const loud = `trap 'exit 75' TERM; line=$(head -c 4000 /dev/zero | tr '\0' x); n=0; i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo "$line"; done
	while :; do n=$((n+1)); echo "{\"cursor\":$n,\"done\":$n}" >&"$WORKER_REPORT_FD"; echo "$line"; sleep 0.1; done`

// logsInto starts a worker that logs into a file. Three loud slots fill its buffer, the write under way and a pipe.
func (tr *tier) logsInto(log *os.File) (i *instance, socket string) {
	tr.t.Helper()
	tr.settings.Processes = 3
	tr.submit("loud", "{}")
	tr.submit("louder", "{}")
	folder := runtimeFolder(tr.t)
	cmd := tr.command("RUNTIME_DIRECTORY=" + folder)
	cmd.Stderr = log
	return tr.run(cmd), filepath.Join(folder, controlSocket)
}

// drops waits until the worker has dropped lines of its log.
func drops(t testing.TB, socket string) {
	t.Helper()
	await(t, "lines of the log are dropped", func() bool {
		_, body, err := get(t.Context(), socket, metricsPath)
		if err != nil {
			return false
		}
		_, values := exposed(t, string(body))
		return values["worker_log_lines_dropped_total"] > 0
	})
}

func pipe(t testing.TB) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	return reader, writer
}

// stuckLogs are logs that do not take lines any more once started is called.
var stuckLogs = map[string]func(testing.TB) (log *os.File, started func()){
	"stalls": func(t testing.TB) (*os.File, func()) { _, w := pipe(t); return w, func() {} },
	"stalls, on a non-blocking pipe": func(t testing.TB) (*os.File, func()) {
		_, w := pipe(t)
		return w, func() { // as another process that has the pipe too
			if err := syscall.SetNonblock(int(w.Fd()), true); err != nil {
				t.Fatal(err)
			}
		}
	},
	"ends": func(t testing.TB) (*os.File, func()) {
		r, w := pipe(t)
		return w, func() {
			if _, err := bufio.NewReader(r).ReadString('\n'); err != nil { // the worker logs, and then cannot any more
				t.Fatal(err)
			}
			_ = r.Close()
		}
	},
	"has a full disk": func(t testing.TB) (*os.File, func()) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = full.Close() })
		return full, func() {}
	},
}

// A log that nobody takes costs its lines, and no lease, no job and no drain.
func stuckLog(t testing.TB, name string) string {
	tr, _ := newExecTier(t, "trial-log-"+strings.NewReplacer(" ", "-", ",", "").Replace(name), loud)
	tr.settings.Lease = 20 * time.Second // the trial waits for one and a half
	log, started := stuckLogs[name](t)
	l, socket := tr.logsInto(log)
	started()
	first := tr.underWay("job")
	drops(t, socket)
	enough := tr.show("job").Done + 3*int64(tr.settings.Lease/(200*time.Millisecond)) // at most ten a second
	var last job
	await(t, "the job gets on", func() bool { last = tr.show("job"); return last.Done >= enough })
	if last.Epoch != first.Epoch {
		t.Errorf("the job was claimed again: epoch %d, then %d", first.Epoch, last.Epoch)
	}
	l.signal(t)
	l.ends(t, 0)
	tr.handedBack("job")
	return fmt.Sprintf("heartbeats go on for more than a lease, done=%d to %d in one claim, and a drain hands back", first.Done, last.Done)
}

// A reader that comes back is told what it has missed.
func readAgain(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-log-again", loud)
	r, w := pipe(t)
	l, socket := tr.logsInto(w)
	_ = w.Close() // so that the log ends with the worker
	tr.underWay("job")
	drops(t, socket)
	var missing int64
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var line struct {
			Msg   string
			Lines int64
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("a torn line: %q", lines.Text())
		}
		if line.Msg == "log lines dropped" && missing == 0 {
			missing = line.Lines
			l.signal(t)
		}
	}
	l.ends(t, 0)
	if missing == 0 {
		t.Error("the log does not say that lines are missing")
	}
	tr.handedBack("job")
	return fmt.Sprintf("the log says that %d lines are missing, none is torn", missing)
}

// A terminal that goes away hangs up twice: from the kernel, and from its shell.
func hangup(t testing.TB) string {
	tr, b, _ := atWork(t, "trial-hangup", steady, nil)
	b.send(t, syscall.SIGHUP)
	await(t, "the job drains", func() bool { return b.logged("draining job") })
	_ = b.cmd.Process.Signal(syscall.SIGHUP) // it may have ended
	b.ends(t, 0)
	tr.handedBack("job")
	if !b.wrote(`"msg":"drained"`, "signal: hangup") {
		t.Error("the log does not say why it drained")
	}
	return "drained, exit status 0"
}

func quit(t testing.TB) string {
	tr, b, _ := atWork(t, "trial-quit", steady, nil)
	b.send(t, syscall.SIGQUIT)
	b.ends(t, 2)
	tr.handedBack("job")
	if !b.wrote("SIGQUIT: quit") || !b.wrote("goroutine 1 [") || !b.wrote("(*Worker).receiveLoop") {
		t.Error("no dump of the goroutines at work")
	}
	return "handed back, goroutines dumped, exit status 2"
}
