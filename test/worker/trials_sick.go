package worker

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
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
func (b *box) signed(t testing.TB) map[string]int {
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

// sickTrials are about instances on which no job can begin.
func sickTrials() []Trial {
	trials := []Trial{{"a slot without descriptors", noDescriptors}}
	for _, name := range slices.Sorted(maps.Keys(illnesses)) {
		trials = append(trials, Trial{"an instance with " + name + " beside a well one", func(t testing.TB) string { return sickInstance(t, name) }})
	}
	return trials
}

// illness is what makes an instance sick.
type illness struct {
	harm, mend func(testing.TB, *box) // no mend: it would take minutes
	reason     string
}

var illnesses = map[string]illness{
	"no folder for temporary files": {func(t testing.TB, b *box) { // root may write everywhere, but into no file as into a folder
		if err := os.RemoveAll(b.temporary); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.temporary, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, func(t testing.TB, b *box) {
		if err := os.Remove(b.temporary); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(b.temporary, 0o700); err != nil {
			t.Fatal(err)
		}
	}, "not a directory"},
	"no program": {func(t testing.TB, b *box) {
		if err := os.Remove(b.program); err != nil {
			t.Fatal(err)
		}
	}, func(t testing.TB, b *box) { b.install(t) }, "no such file or directory"},
	"no interpreter for the program": {func(t testing.TB, b *box) {
		if err := os.WriteFile(b.program, []byte("#!/no/such/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}, func(t testing.TB, b *box) { b.install(t) }, "no such file or directory"},
	"a program that no kernel runs": {func(t testing.TB, b *box) { // which no self-test finds
		if err := os.WriteFile(b.program, []byte("\x7fELF and nothing after it\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}, nil, ""},
}

// sickInstance has an instance that falls sick beside a well one: the well one does all jobs, none of them
// counts a failure or a crash, and the sick one says why it takes none. Once it is mended it takes jobs again.
func sickInstance(t testing.TB, name string) string {
	c := illnesses[name]
	tr := newTier(t, "trial-sick-"+strings.ReplaceAll(name, " ", "-"))
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
		if why := sick.says(t, readyPath, "slots", "instance"); !strings.Contains(why, "instance: sick for ") || !strings.Contains(why, c.reason) {
			t.Errorf("it does not say why: %s", why)
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
	said := fmt.Sprintf("jobs=%d dead=0 failures=0, all done by the well one", len(jobs))
	if c.mend == nil {
		return said
	}
	well.kill()
	c.mend(t, sick)
	tr.submit("after", "{}")
	await(t, "the mended instance does a job", func() bool { return sick.signed(t)["sick"] == 1 })
	sick.says(t, readyPath)
	return said + "; the sick one says why, and does one once it is mended"
}

// noDescriptors: the job goes back uncounted, and the next slot has what the limit took.
func noDescriptors(t testing.TB) string {
	tr := newTier(t, "trial-descriptors")
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
	if said, err := exec.CommandContext(t.Context(), "prlimit", "--pid", strconv.Itoa(pid), "--nofile=4:").CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v: %s", err, said)
	}
	tr.submit("job", "{}")
	await(t, "the job is done", func() bool { return tr.show("job").State == "DONE" })
	j := tr.show("job")
	if j.Failures+j.Crashes+j.Drains != 0 || !strings.Contains(j.LastError, "the instance's fault") || !strings.Contains(j.LastError, "too many open files") {
		t.Errorf("failures %d, crashes %d, drains %d, last error %q", j.Failures, j.Crashes, j.Drains, j.LastError)
	}
	return "failures=0, done by the next slot: " + j.LastError
}
