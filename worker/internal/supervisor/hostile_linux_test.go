package supervisor_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

var update = flag.Bool("update", false, "write the table of SECURITY.md anew")

const (
	securityFile           = "../../../SECURITY.md"
	tableBegins, tableEnds = "<!-- attempts: written by a test -->\n", "<!-- end of attempts -->\n"
	// hostileRole is the argument that makes the test binary a hostile program.
	hostileRole = "hostile"
	// validatorVariable is set in the test as it runs without root's rights.
	validatorVariable = "SUPERVISOR_TEST_VALIDATOR"
	// bootFolder is where the bootstrap keeps the validator's key until Chef's first run has ended.
	bootFolder = "/run/worker-tier"
)

func init() { roles[hostileRole] = hostile }

// TestTheTableOfAttemptsIsInTheDocs holds SECURITY.md against what [TestHostileProgram] tries.
func TestTheTableOfAttemptsIsInTheDocs(t *testing.T) {
	text, err := os.ReadFile(securityFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", securityFile)
	}
	var want strings.Builder
	want.WriteString("| a program tries to | with the cookbook's unit | without it | because |\n|---|---|---|---|\n")
	word := map[bool]string{true: "**may**", false: "may not"}
	for _, a := range attempts {
		fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", a.what, word[a.unit], word[a.bare], a.why)
	}
	if *update {
		if err := os.WriteFile(securityFile, []byte(before+tableBegins+want.String()+tableEnds+after), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("go test ./worker/internal/supervisor -run TheTable -update writes it (-want +there):\n%s", diff)
	}
}

// TestHostileProgram runs every attempt of the table, and checks that it succeeds where the table says so and nowhere else.
func TestHostileProgram(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	if err := confine.Shield(); err != nil { // as the worker does
		t.Fatal(err)
	}
	s := newSiege(t)
	s.tries("", "attacker")
	s.forged()
	s.bombs()
	s.eats()
	s.hoards()
	s.leaves()
	s.kills("kill another job's program", func(o targets) int { return o.Program })
	s.kills("kill another slot", func(o targets) int { return o.Slot })
	s.ends()
	for _, a := range attempts {
		switch outcome, tried := s.results[a.what]; {
		case !tried && a.what == "start processes without end" && !s.unit: // nothing would stop it
		case !tried:
			t.Errorf("not tried: %s", a.what)
		case (outcome == "") != s.may(a):
			t.Errorf("%s: the table says that it may: %t; outcome %q", a.what, s.may(a), outcome)
		}
	}
}

// asNobody runs the test in a process of a user without rights: none holds for root.
func asNobody(t *testing.T) {
	const nobody = 65534
	folder, err := os.MkdirTemp("/tmp", "hostile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	validator := filepath.Join(folder, "validator.pem")
	own := filepath.Join(folder, "own")
	if err := errors.Join(os.WriteFile(validator, []byte("key"), 0o600), os.Chmod(folder, 0o755), os.Mkdir(own, 0o700), os.Chown(own, nobody, nobody)); err != nil { //nolint:gosec // another user is to enter it
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHostileProgram$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR="+own, "HOME=/", "GOCOVERDIR=", validatorVariable+"="+validator)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHostileProgram") {
		t.Errorf("%v\n%s", err, out)
	}
}

// siege is a worker with three slots, a victim and a program that attacks it.
type siege struct {
	*tier
	folder  string
	unit    bool // there are delegated cgroups, as the unit has them
	stop    func()
	victim  string // id of the present one
	targets targets
	fifo    *bufio.Reader
	daemon  int
	results map[string]string
}

func newSiege(t *testing.T) *siege {
	const self = "/proc/self/exe"
	fifo := childtest.Fifo(t)
	if err := fifo.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	s := &siege{tier: newTier(t), folder: filepath.Dir(fifo.Name()), unit: confinement.LimitsProcesses(), fifo: bufio.NewReader(fifo), results: map[string]string{}}
	s.stop = s.startWith("i-1", 3, execSlots(self, 3, self, hostileRole))
	s.prepare()
	return s
}

// may is what the table says of an attempt here.
func (s *siege) may(a attempt) bool {
	yama, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	switch {
	case s.unit:
		return a.unit
	case a.what == "trace another job's program" && err == nil && string(yama) != "0\n":
		return false
	}
	return a.bare
}

// order submits a job and returns the file of its notes.
func (s *siege) order(id string, o order) string {
	s.t.Helper()
	o.Notes, o.Fifo = filepath.Join(s.folder, id), filepath.Join(s.folder, "fifo")
	text, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	body, _ := json.Marshal(job.Submission{ID: id, Payload: text})
	if err := s.queue.Send(s.t.Context(), string(body), 0); err != nil {
		s.t.Fatal(err)
	}
	return o.Notes
}

// read waits for the notes of a program.
func (s *siege) read(path string, into any) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatal(err)
		}
	}
}

// prepare has a victim run.
func (s *siege) prepare() {
	s.t.Helper()
	s.victim = fmt.Sprint("victim-", len(s.victim))
	s.read(s.order(s.victim, order{Do: "wait"}), &s.targets)
	s.targets.Supervisor, s.targets.Validator = os.Getpid(), "/etc/shadow"
	if path := os.Getenv(validatorVariable); path != "" {
		s.targets.Validator = path
	} else if _, err := os.Lstat(bootFolder); err == nil {
		s.targets.Validator = filepath.Join(bootFolder, "validator.pem")
	}
}

// tries has a program try something ("": all that need not be watched), and waits for the end of its attempt.
func (s *siege) tries(what, id string) job.Job {
	s.t.Helper()
	notes := s.order(id, order{Do: what, Targets: s.targets})
	j := s.await(id, "over", func(j job.Job) bool { return done(j) || failed(j) })
	s.read(notes, &s.results)
	return j
}

// forged: what was written in the victim's name is believed.
func (s *siege) forged() {
	s.t.Helper()
	if j := s.await(s.victim, "forged", func(j job.Job) bool { return j.Done == 77 }); j.State != job.Running || j.Epoch != 1 || j.Failures != 0 {
		s.t.Errorf("the victim: state %s, epoch %d, failures %d", j.State, j.Epoch, j.Failures)
	}
	if _, err := os.Stat(filepath.Join(s.targets.Folder, "forged")); err != nil {
		s.t.Error(err)
	}
}

// unharmed: the victim goes on in its first attempt.
func (s *siege) unharmed() {
	s.t.Helper()
	if j := s.await(s.victim, "there", func(job.Job) bool { return true }); j.State != job.Running || j.Epoch != 1 || j.Failures != 0 {
		s.t.Errorf("the victim was harmed: state %s, epoch %d, failures %d, error %q", j.State, j.Epoch, j.Failures, j.LastError)
	}
}

func (s *siege) bombs() {
	s.t.Helper()
	if !s.unit {
		s.t.Log("no cgroup with the pids controller was delegated: processes without end are not tried")
		return
	}
	s.tries("start processes without end", "bomber")
	s.unharmed()
}

func (s *siege) eats() {
	s.t.Helper()
	if j := s.tries("use more memory than `memoryPerProcess`", "eater"); !strings.Contains(j.LastError, "its limit is 200 MiB") {
		s.t.Errorf("the eater: state %s, error %q", j.State, j.LastError)
	}
	s.unharmed()
}

// hoards has a program close its folder, which goes all the same.
func (s *siege) hoards() {
	s.t.Helper()
	const what = "leave files in its folder that outlive its job, in folders that it closed"
	if j := s.tries(what, "hoarder"); j.State != job.Done || s.results[what] != "" {
		s.t.Fatalf("the hoarder: state %s, error %q, result %q", j.State, j.LastError, s.results[what])
	}
	var folder string
	s.read(filepath.Join(s.folder, "closed"), &folder)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Lstat(folder); errors.Is(err, os.ErrNotExist) {
			s.results[what] = "it was removed"
			return
		}
	}
}

// leaves has a program leave a daemon, which lives when its job is DONE.
func (s *siege) leaves() {
	s.t.Helper()
	const what = "leave a process that outlives its job, with an empty environment and in a session of its own"
	if j := s.tries(what, "parent"); j.State != job.Done || s.results[what] != "" {
		s.t.Fatalf("the parent: state %s, error %q, result %q", j.State, j.LastError, s.results[what])
	}
	line, err := s.fifo.ReadString('\n')
	if err == nil {
		s.daemon, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Kill(s.daemon, 0); err != nil {
		s.results[what] = err.Error()
	}
}

// kills has a program kill another's, which costs that one's job a failure and nobody else's anything.
func (s *siege) kills(what string, victim func(targets) int) {
	s.t.Helper()
	s.tries(what, fmt.Sprint("killer-", victim(s.targets)))
	if j := s.await(s.victim, "failed", failed); j.Failures != 1 || j.Crashes != 0 {
		s.t.Errorf("the victim: failures %d, crashes %d, error %q", j.Failures, j.Crashes, j.LastError)
	}
	s.prepare()
}

// ends stops the worker. The daemon dies with its slot, or it does not.
func (s *siege) ends() {
	s.t.Helper()
	s.stop()
	const what = "leave a process that outlives its slot"
	if s.may(attempt{unit: false, bare: true}) {
		if err := syscall.Kill(s.daemon, 0); err != nil {
			s.results[what] = err.Error()
			return
		}
		s.results[what] = ""
		_ = syscall.Kill(s.daemon, syscall.SIGKILL)
	} else {
		s.results[what] = "it was killed with its slot"
	}
	if _, err := io.Copy(io.Discard, s.fifo); err != nil {
		s.t.Errorf("somebody still holds the FIFO: %v", err)
		s.results[what] = ""
		_ = syscall.Kill(s.daemon, syscall.SIGKILL)
	}
}
