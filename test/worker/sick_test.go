package worker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// signing is a program that writes the name of its instance into a file of its own for each job.
const signing = "#!/bin/sh\n" + `echo "$BOX" >"$(mktemp "$DONE/XXXXXX")"` + "\n"

// box is an instance that may become sick: its own folder for temporary files, its own program, and the folder into
// which the programs of all instances sign.
type box struct {
	*groupInstance
	temporary, program, signatures string
}

// newBox starts an instance with one slot.
func newBox(tr *tier, name, signatures string) *box {
	tr.t.Helper()
	run := runtimeFolder(tr.t)
	b := &box{temporary: runtimeFolder(tr.t), program: filepath.Join(runtimeFolder(tr.t), "sign"), signatures: signatures}
	b.install(tr.t)
	tr.settings.Processor, tr.settings.Command, tr.settings.Processes = "exec", []string{b.program}, 1
	b.groupInstance = &groupInstance{tier: tr, socket: filepath.Join(run, watchSocket), instance: tr.launch(
		"RUNTIME_DIRECTORY="+run, "TMPDIR="+b.temporary, "BOX="+name, "DONE="+signatures)}
	return b
}

func (b *box) install(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(b.program, []byte(signing), 0o700); err != nil {
		t.Fatal(err)
	}
}

// signed are how many jobs each instance did.
func (b *box) signed(t *testing.T) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.signatures, "*"))
	if err != nil {
		t.Fatal(err)
	}
	jobs := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		jobs[strings.TrimSpace(string(text))]++
	}
	return jobs
}

// TestASickInstanceCostsNoJob has an instance that falls sick beside a well one: the well one does all jobs, none of them
// counts a failure or a crash, and the sick one says why it takes none. Once it is mended it takes jobs again.
func TestASickInstanceCostsNoJob(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm, mend func(*testing.T, *box) // no mend: it would take minutes
		reason     string
	}{
		"folder": {func(t *testing.T, b *box) { // root may write everywhere, but into no file as into a folder
			if err := os.RemoveAll(b.temporary); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b.temporary, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, b *box) {
			if err := os.Remove(b.temporary); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(b.temporary, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "not a directory"},
		"program": {func(t *testing.T, b *box) {
			if err := os.Remove(b.program); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, b *box) { b.install(t) }, "no such file or directory"},
		"interpreter": {func(t *testing.T, b *box) {
			if err := os.WriteFile(b.program, []byte("#!/no/such/sh\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, b *box) { b.install(t) }, "no such file or directory"},
		"binary that no kernel runs": {func(t *testing.T, b *box) { // which no self-test finds
			if err := os.WriteFile(b.program, []byte("\x7fELF and nothing after it\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTier(t, "sick-"+strings.ReplaceAll(name, " ", "-"))
			signatures := t.TempDir()
			sick := newBox(tr, "sick", signatures)
			sick.says(t, readyPath)
			c.harm(t, sick)
			var jobs []string
			for n := range 20 {
				jobs = append(jobs, fmt.Sprint("job-", n))
				tr.submit(jobs[n], "{}")
			}
			await(t, "the instance is sick", func() bool {
				return sick.logged("the instance cannot begin jobs: none is taken until a self-test passes")
			})
			if c.reason != "" {
				if said := sick.says(t, readyPath, "slots", "instance"); !strings.Contains(said, "instance: sick for ") || !strings.Contains(said, c.reason) {
					t.Errorf("it does not say why: %s", said)
				}
				if stdout, _, code := tr.worker(tr.told(tr.settings), "doctor", "--json", "--socket", sick.socket); code != 1 || !strings.Contains(stdout, c.reason) {
					t.Errorf("doctor: exit %d: %s", code, stdout)
				}
				tr.checks(2, "worker CRITICAL: instance: sick for ", "service", "--socket", sick.socket)
			}
			well := newBox(tr, "well", signatures)
			await(t, "all jobs are done", func() bool { return well.signed(t)["well"] == len(jobs) && len(tr.list()) == 0 })
			for _, id := range jobs {
				if j := tr.show(id); j.State != "DONE" || j.Failures+j.Crashes+j.Drains != 0 {
					t.Errorf("%s: %s, failures %d, crashes %d, drains %d", id, j.State, j.Failures, j.Crashes, j.Drains)
				}
			}
			if c.mend == nil {
				return
			}
			well.kill()
			c.mend(t, sick)
			tr.submit("after", "{}")
			await(t, "the mended instance does a job", func() bool { return sick.signed(t)["sick"] == 1 })
			sick.says(t, readyPath)
		})
	}
}

// TestASlotWithoutDescriptorsIsReplaced: the job goes back uncounted, and the next slot has what the limit took.
func TestASlotWithoutDescriptorsIsReplaced(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "descriptors")
	b := newBox(tr, "box", t.TempDir())
	b.says(t, readyPath)
	slots, err := exec.CommandContext(t.Context(), "pgrep", "--parent", strconv.Itoa(b.cmd.Process.Pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(slots)))
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = 4
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	tr.submit("job", "{}")
	await(t, "the job is done", func() bool { return tr.show("job").State == "DONE" })
	if j := tr.show("job"); j.Failures+j.Crashes+j.Drains != 0 || !strings.Contains(j.LastError, "the instance's fault") || !strings.Contains(j.LastError, "too many open files") {
		t.Errorf("failures %d, crashes %d, drains %d, last error %q", j.Failures, j.Crashes, j.Drains, j.LastError)
	}
}
