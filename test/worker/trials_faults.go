package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/fulldisk"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// faultTrials are about whose fault it is that a job gets nowhere, and what its story says about that.
var faultTrials = append([]Trial{
	{"a full disk beside a well worker", fullDisk},
	{"a downstream that is away for ten minutes, at one sixtieth", downstreamAway},
	{"a program that asks for a time that is past", timeThatIsPast},
	{"a job that no slot can be told", untellable},
	{"the story of a job whose worker lost its credentials", lostCredentials},
	{"the story of a job whose worker lost its binary", lostBinary},
	{"the story of a job whose slot a neighbour killed", killedByNeighbour},
}, sickTrials()...)

// fullDisk has a worker whose disk is full take jobs beside a well one, and makes room again.
func fullDisk(t testing.TB) string {
	tr := newTier(t, "trial-disk")
	signatures := t.TempDir()
	sick := newBox(tr, "sick", signatures)
	t.Cleanup(func() {
		sick.kill()
		if err := fulldisk.Unmount(sick.temporary); err != nil {
			t.Error(err)
		}
	})
	sick.says(t, readyPath)
	if err := fulldisk.Fill(sick.temporary); err != nil {
		t.Fatal(err)
	}
	const jobs = 20
	tr.send(jobs)
	await(t, "it is sick", func() bool {
		return sick.logged("the instance cannot begin jobs: none is taken until a self-test passes")
	})
	said := sick.says(t, readyPath, "slots", "instance")
	well := newBox(tr, "well", signatures)
	await(t, "all jobs have ended", func() bool { return tr.listed(func(j job) bool { return j.State != "DEAD" }) == 0 })
	done := tr.page("--scan", "--state", "DONE").Jobs
	failures, dead := int64(0), jobs-len(done)
	for _, j := range done {
		failures += j.Failures + j.Crashes
	}
	if byWell := well.signed(t)["well"]; dead != 0 || failures != 0 || byWell != jobs || !strings.Contains(said, "instance: sick for ") {
		t.Errorf("dead=%d failures=%d, the well worker did %d; the sick one says: %s", dead, failures, byWell, said)
	}
	well.kill()
	if err := fulldisk.Free(sick.temporary); err != nil {
		t.Fatal(err)
	}
	tr.submit("after", "{}")
	await(t, "the worker that was sick does a job", func() bool { return sick.signed(t)["sick"] == 1 })
	sick.says(t, readyPath)
	return fmt.Sprintf("jobs=%d dead=%d failures=%d, the sick worker says why in /readyz and takes jobs once there is room", jobs, dead, failures)
}

// scale is how much faster than by default the pauses of the trial grow. What is not scaled is the care of the worker.
const scale = 60

func downstreamAway(t testing.TB) string {
	tr, file := newExecTier(t, "trial-downstream", `test -e "$1.up" || { echo connection refused; exit 1; }`)
	tr.settings.Retry.FirstPause /= scale
	tr.settings.Retry.LongestPause /= scale
	const jobs = 20
	tr.send(jobs)
	i := tr.start()
	await(t, "a job has failed", func() bool { return tr.listed(func(j job) bool { return j.Failures > 0 }) > 0 })
	time.Sleep(10 * time.Minute / scale)
	await(t, "the worker takes care", func() bool { return i.logged("each job fails here: one at a time until one gets on") })
	failures := int64(0)
	tr.listed(func(j job) bool { failures += j.Failures; return true })
	if err := os.WriteFile(file+".up", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "all jobs have ended", func() bool { return tr.listed(func(j job) bool { return j.State != "DEAD" }) == 0 })
	dead := tr.listed(func(job) bool { return true })
	done := len(tr.page("--scan", "--state", "DONE").Jobs)
	if dead != 0 || done != jobs {
		t.Errorf("dead=%d done=%d of %d", dead, done, jobs)
	}
	return fmt.Sprintf("jobs=%d dead=%d failures=%d while it was away, limit %d each; the worker took one job at a time", jobs, dead, failures, tr.settings.Retry.FailureLimit)
}

func timeThatIsPast(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-past", `echo '{"retryAt":"2020-01-01T00:00:00Z"}' >&"$WORKER_REPORT_FD"; exit 75`)
	i := tr.start()
	tr.submit("past", "{}")
	await(t, "the job was run twice", func() bool { return tr.show("past").Returns >= 2 })
	j := tr.show("past")
	lived := j.UpdatedAt.Sub(j.CreatedAt)
	if j.Failures != 0 || lived < time.Duration(j.Returns-1)*15*time.Second {
		t.Errorf("%d runs in %s, %d failures", j.Returns, lived, j.Failures)
	}
	return fmt.Sprintf("claims=%d returns=%d failures=%d in %s", i.count("job claimed"), j.Returns, j.Failures, lived.Round(time.Second))
}

func untellable(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-untellable", "exit 0")
	tr.submit("job", "{}")
	tr.edit("backup#job", item{contract.AttrPayload: text("{broken")})
	i := tr.start()
	await(t, "the job is DEAD", func() bool { return tr.show("job").State == "DEAD" })
	j := tr.show("job")
	if !strings.Contains(j.LastError, "it cannot be encoded as an order") || i.count("job claimed") != 1 {
		t.Errorf("%d claims, last error %q", i.count("job claimed"), j.LastError)
	}
	return fmt.Sprintf("DEAD after claims=%d: %s", i.count("job claimed"), j.LastError)
}

// sessionEnds writes an AWS configuration whose credentials last for seconds, and can be had until ends is called.
func sessionEnds(t testing.TB) (file string, ends func()) {
	t.Helper()
	dir := t.TempDir()
	valid := filepath.Join(dir, "valid")
	script := `test -e "` + valid + `" || { echo the session has ended: log in again >&2; exit 1; }
printf '{"Version":1,"AccessKeyId":"ASIATRIAL","SecretAccessKey":"local","SessionToken":"local","Expiration":"%s"}' "$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)"
`
	file = filepath.Join(dir, "config")
	program := filepath.Join(dir, "login.sh")
	for name, content := range map[string]string{valid: "", program: script, file: "[default]\ncredential_process = sh " + program + "\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file, func() {
		if err := os.Remove(valid); err != nil {
			t.Fatal(err)
		}
	}
}

// unfounded are words of crash texts that claim more than a worker can know.
var unfounded = []string{"memory", "without a word", "kernel"}

func founded(t testing.TB, story, want string) {
	t.Helper()
	for _, word := range unfounded {
		if strings.Contains(story, word) {
			t.Errorf("%q claims what nobody knows", story)
		}
	}
	if !strings.Contains(story, want) {
		t.Errorf("want %q in %q", want, story)
	}
}

func lostCredentials(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-credentials", steady)
	tr.settings.Lease = shortLease
	file, ends := sessionEnds(t)
	first := tr.launch("AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_CONFIG_FILE="+file)
	before := tr.underWay("job")
	ends()
	await(t, "the worker has lost its job", func() bool { return first.logged("lease lost, slot killed, nothing more is written for this job") })
	tr.start()
	var after job
	await(t, "another worker has the job", func() bool {
		after = tr.show("job")
		return after.State == "RUNNING" && after.Epoch > before.Epoch
	})
	founded(t, after.LastError, "sent no heartbeat for 5s")
	if after.Failures != 0 || !first.wrote("credential") {
		t.Errorf("failures %d; the log of the first worker names credentials: %t", after.Failures, first.wrote("credential"))
	}
	return fmt.Sprintf("failures=%d: %s", after.Failures, after.LastError)
}

// slotted is steady, and notes its slot's process in a file named after the job.
const slotted = `id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$WORKER_JOB_FILE"); echo $PPID >"$1.$id.tmp"; mv "$1.$id.tmp" "$1.$id"; ` + steady

func slotOf(t testing.TB, file, id string) int {
	t.Helper()
	content, err := os.ReadFile(file + "." + id)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func lostBinary(t testing.TB) string {
	tr, file := newExecTier(t, "trial-binary", slotted)
	copied := filepath.Join(t.TempDir(), "worker")
	content, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(copied, content, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := tr.command()
	cmd.Path = copied
	tr.run(cmd)
	tr.underWay("job")
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(slotOf(t, file, "job"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var j job
	await(t, "the job has failed", func() bool { j = tr.show("job"); return j.Failures == 1 })
	founded(t, j.LastError, "signal: killed, not by the worker: who sent the signal is not known")
	tr.start()
	after := tr.underWay("next")
	if after.Failures != 0 || after.Crashes != 0 {
		t.Errorf("the next job has failures %d, crashes %d: %s", after.Failures, after.Crashes, after.LastError)
	}
	return fmt.Sprintf("the next job: failures=%d; this one: %s", after.Failures, j.LastError)
}

func killedByNeighbour(t testing.TB) string {
	tr, file := newExecTier(t, "trial-neighbour", `case $(cat "$WORKER_JOB_FILE") in *'"hostile"'*) kill -9 $(cat "$1.victim"); sleep 1000;; esac; `+slotted)
	tr.start()
	tr.underWay("victim")
	slotOf(t, file, "victim")
	tr.submit("hostile", "{}")
	var j job
	await(t, "the victim has failed", func() bool { j = tr.show("victim"); return j.Failures == 1 })
	founded(t, j.LastError, "signal: killed, not by the worker: who sent the signal is not known")
	return "failures=1: " + j.LastError
}
