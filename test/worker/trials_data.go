package worker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// dataTrials are about data that outlives its job.
var dataTrials = []Trial{
	{"files of jobs that end", folderOfJob},
	{"files of a slot that is killed", folderOfKilledSlot},
	{"files of a worker that is killed", folderOfKilledWorker},
	{"a tenant that is erased", erasedTenant},
}

// hoarder leaves in its folder what is hard to remove: a tree that it closed, and links to a folder outside. It writes the
// folder's path and the slot's number where the test finds them, and waits to be stopped.
const hoarder = `
mkdir -p "$TMPDIR/closed/deep/deeper" && cp "$WORKER_JOB_FILE" "$TMPDIR/closed/deep/deeper/secret"
ln -s "$1/outside" "$TMPDIR/closed/link" && ln -s "$1/outside" "$TMPDIR/closed/deep/link"
chmod 0400 "$TMPDIR/closed/deep/deeper/secret"; chmod 0500 "$TMPDIR/closed/deep/deeper"; chmod 0000 "$TMPDIR/closed/deep"; chmod 0500 "$TMPDIR/closed"
[ "$TMP" = "$TMPDIR" ] && [ "$TEMP" = "$TMPDIR" ] && case "$WORKER_JOB_FILE" in "$TMPDIR"/*) ;; *) exit 65;; esac || exit 65
id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$WORKER_JOB_FILE")
echo "$TMPDIR $PPID" >"$1/notes/$id.new" && mv "$1/notes/$id.new" "$1/notes/$id"
echo '{"cursor":1,"done":1}' >&"$WORKER_REPORT_FD"
case $id in quick*) exit 0;; esac
trap 'exit 75' TERM; sleep 1000 & wait`

// inPublic is the binary in a folder that any user may enter, in which nobody may look around.
func inPublic(t testing.TB, folder string) string {
	t.Helper()
	public := filepath.Join(folder, "worker")
	if err := os.Chmod(folder, 0o711); err != nil { //nolint:gosec // others are to enter it
		t.Fatal(err)
	}
	// By another process: one that this one starts meanwhile would inherit the open file, which cannot be run until it is closed.
	// https://github.com/golang/go/issues/22315
	if said, err := exec.CommandContext(t.Context(), "install", "--mode=0755", binary, public).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return public
}

// machine is a place for workers that run as a user who is not root, whom closed folders hold up.
type machine struct {
	*tier
	folder, binary string
}

func newMachine(t testing.TB, name string) *machine {
	t.Helper()
	folder := t.TempDir()
	for path := folder; path != os.TempDir() && len(path) > 1; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o711); err != nil { //nolint:gosec // another user is to enter it
			t.Fatal(err)
		}
	}
	h := &machine{newTier(t, name), folder, inPublic(t, folder)}
	for _, name := range []string{"state", "notes", "outside"} {
		path := filepath.Join(folder, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, h.uid(), -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "outside", "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.settings.Processor, h.settings.Processes, h.settings.Command = "exec", 1, []string{"sh", "-c", hoarder, "sh", folder}
	return h
}

func (*machine) uid() int {
	if os.Geteuid() == 0 {
		return 65534
	}
	return os.Geteuid()
}

// worker starts a worker on the machine and waits until it works.
func (h *machine) worker() *instance {
	h.t.Helper()
	cmd := h.command("STATE_DIRECTORY=" + filepath.Join(h.folder, "state"))
	cmd.Path = h.binary
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(h.uid()), Gid: 65534}}
	}
	i := h.run(cmd)
	i.works(h.t)
	return i
}

// runs submits a job and returns its folder and the number of its slot once its program is under way.
func (h *machine) runs(id string) (folder string, slot int) {
	h.t.Helper()
	h.submit(id, `{"secret":"of a customer"}`)
	var notes []byte
	await(h.t, "the program of job "+id+" is under way", func() (there bool) {
		var err error
		notes, err = os.ReadFile(filepath.Join(h.folder, "notes", id))
		return err == nil
	})
	folder, number, _ := strings.Cut(strings.TrimSpace(string(notes)), " ")
	slot, err := strconv.Atoi(number)
	if err != nil {
		h.t.Fatal(err)
	}
	return folder, slot
}

// isGone waits until a folder is removed, and checks that nothing outside it is.
func (h *machine) isGone(folder string) {
	h.t.Helper()
	await(h.t, folder+" is removed", func() bool { _, err := os.Lstat(folder); return os.IsNotExist(err) })
	if _, err := os.Stat(filepath.Join(h.folder, "outside", "precious")); err != nil {
		h.t.Error(err)
	}
}

// secrets lists the files that jobs have left.
func (h *machine) secrets() string {
	out, _ := exec.CommandContext(h.t.Context(), "find", filepath.Join(h.folder, "state"), "-type", "f").CombinedOutput()
	return string(out)
}

// folderOfJob has a job end, and another drain, in one slot.
func folderOfJob(t testing.TB) string {
	h := newMachine(t, "folder-of-job")
	i := h.worker()
	first, slot := h.runs("quick-1")
	h.isGone(first)
	second, same := h.runs("quick-2")
	if same != slot || first == second {
		t.Errorf("slots %d and %d, folders %s and %s: want one slot and two folders", slot, same, first, second)
	}
	h.isGone(second)
	third, _ := h.runs("drained")
	i.signal(t)
	i.ends(t, 0)
	h.isGone(third)
	if left := h.secrets(); left != "" {
		t.Errorf("the worker left %s", left)
	}
	return "two jobs that were DONE and one that was drained left no file, beside a slot that lived on"
}

func folderOfKilledSlot(t testing.TB) string {
	h := newMachine(t, "folder-of-slot")
	h.worker()
	folder, slot := h.runs("job")
	if err := syscall.Kill(slot, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.isGone(folder)
	return "its tree of closed folders is gone, what a link in it named is not"
}

// folderOfKilledWorker is left to the next worker, which takes none of a worker that runs beside it.
func folderOfKilledWorker(t testing.TB) string {
	h := newMachine(t, "folder-of-worker")
	sibling := h.worker()
	kept, _ := h.runs("of-the-sibling")
	killed := h.worker()
	left, _ := h.runs("of-the-killed")
	killed.kill()
	if _, err := os.Lstat(left); err != nil {
		t.Fatalf("%v: it was removed by somebody else", err)
	}
	next := h.worker()
	h.isGone(left)
	if !next.wrote("removing what a worker left that has died") {
		t.Error("the next worker does not log what it removes")
	}
	if _, err := os.Lstat(filepath.Join(kept, "closed")); err != nil || !strings.Contains(h.secrets(), kept) {
		t.Errorf("%v: the folder of a job that runs was removed", err)
	}
	sibling.signal(t)
	sibling.ends(t, 0)
	h.isGone(kept)
	return "the next worker removed its folders, and none of the worker beside it"
}

// erasedTenant has one job that runs and one that waits. Nothing of them is left in table and bucket, and another tenant's job goes on.
func erasedTenant(t testing.TB) string {
	tr, _ := newExecTier(t, "erase", steady)
	tr.start()
	secret := `"` + strings.Repeat("secret ", 300) + `"`
	for _, tenant := range []string{"acme", "other"} {
		tr.must("submit", "--id", tenant+"-1", "--tenant", tenant, "--payload", secret)
		await(t, "the job of "+tenant+" runs", func() bool { return tr.show(tenant+"-1").Done > 0 })
	}
	tr.must("submit", "--id", "acme-2", "--tenant", "acme", "--payload", secret)
	erase := func(args ...string) (stdout, stderr string, code int) {
		return tr.operate(append([]string{"jobs", "erase", "--tenant", "acme"}, args...)...)
	}
	if stdout, stderr, code := erase("--dry-run"); code != 0 || !strings.Contains(stdout, "tenant acme has 2 jobs in backup: 1 RUNNING, 1 READY; nothing was changed") {
		t.Errorf("a dry run: exit %d, %s%s", code, stdout, stderr)
	}
	if _, stderr, code := erase(); code != 1 || !strings.Contains(stderr, "--yes") {
		t.Errorf("without a person to ask: exit %d, %s", code, stderr)
	}
	if got := tr.show("acme-1"); got.State != "RUNNING" {
		t.Fatalf("before it was confirmed the job is %s", got.State)
	}
	stdout, stderr, code := erase("--yes", "--json")
	view := parse[struct {
		Found  map[string]int
		Erased int
		Left   []any
	}](t, stdout)
	if code != 0 || view.Erased != 2 || len(view.Left) != 0 || fmt.Sprint(view.Found) != "map[READY:1 RUNNING:1]" {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
	for _, id := range []string{"acme-1", "acme-2"} {
		if text := tr.must("jobs", "show", id, "--json"); strings.Contains(text, "secret") || strings.Contains(text, `"acme"`) || !strings.Contains(text, `"CANCELLED"`) {
			t.Errorf("%s is %s", id, text)
		}
	}
	out, err := s3.NewFromConfig(tr.aws).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &tr.settings.ArtifactsBucket})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Contents) != 1 || !strings.Contains(*out.Contents[0].Key, "other-1") {
		t.Errorf("%d objects are left, want the payload of the other tenant's job", len(out.Contents))
	}
	if other := tr.show("other-1"); other.State != "RUNNING" || other.Epoch != 1 {
		t.Errorf("the other tenant's job: %+v", other)
	}
	return fmt.Sprintf("%d jobs erased with their objects, the other tenant's job goes on", view.Erased)
}
