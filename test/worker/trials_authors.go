package worker

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// authorTrials are about what authors of jobs and producers send.
func authorTrials() []Trial {
	trials := []Trial{
		{"bytes stay bytes", bytesStayBytes},
		{"a program that exits with 0 after SIGTERM", exit0},
		{"a program that prints 16 MB at once", floodOfOutput},
		{"submit --from that is cut by a signal", cutSubmission},
		{"what the SDK knows of missing credentials", missingCredentials},
	}
	for _, r := range reports {
		trials = append(trials, Trial{"a report with " + r.name, r.try})
	}
	return trials
}

// copier reports its payload as its cursor.
const copier = `python3 -c 'import os
text = open(os.environ["WORKER_JOB_FILE"], "rb").read()
os.write(int(os.environ["WORKER_REPORT_FD"]), b"{\"cursor\":" + text[text.index(b"\"payload\":") + 10:text.rindex(b"}")] + b"}\n")'`

// bytesStayBytes: a payload goes through the command line, the table or the bucket, the slot and the program, and
// comes back as a cursor, byte by byte.
func bytesStayBytes(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-bytes", copier)
	tr.start()
	objects := s3.NewFromConfig(tr.aws)
	for size, filler := range map[string]string{"small": "", "large": strings.Repeat("x", 5000)} {
		payload := `{"a":"<b>&</b>` + "\u2028é漢😀" + `\u003c\ud83d\ude00","n":[1.0,1e3,12345678901234567890],"f":"` + filler + `"}`
		tr.submit(size, payload)
		await(t, "the job is DONE", func() bool { return tr.show(size).State == "DONE" })
		text := tr.must("jobs", "show", size, "--json")
		shown := parse[job](t, text)
		got := string(shown.Cursor)
		if filler != "" {
			object := localaws.Call(t, objects.GetObject, &s3.GetObjectInput{Bucket: &tr.settings.ArtifactsBucket, Key: &shown.CursorRef})
			var content bytes.Buffer
			if _, err := content.ReadFrom(object.Body); err != nil {
				t.Fatal(err)
			}
			got = content.String()
			await(t, "the payload of the job that has ended is deleted", func() bool {
				_, err := objects.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &tr.settings.ArtifactsBucket, Key: &shown.PayloadRef})
				missing, ok := errors.AsType[*smithyhttp.ResponseError](err)
				return ok && missing.HTTPStatusCode() == http.StatusNotFound
			})
		} else if !strings.Contains(text, `<b>&</b>`+"\u2028é漢😀"+`\u003c`) {
			t.Errorf("jobs show prints %s", text)
		}
		if strip := strings.NewReplacer("\n", "", " ", ""); strip.Replace(got) != strip.Replace(payload) {
			t.Errorf("%s: came back as\n%.300s, was\n%.300s", size, got, payload)
		}
		bad := write(t, "payload.json", `"`+filler+"\xff"+`"`)
		if _, stderr, code := tr.operate("submit", "--payload-file", bad); code != 1 || !strings.Contains(stderr, "payload: is not UTF-8: byte 0xff") {
			t.Errorf("%s: a file that is not UTF-8: exit %d, %.300s", size, code, stderr)
		}
		if _, stderr, code := tr.operate("submit", "--payload", `"`+filler+"\xff"+`"`); code != 2 || !strings.Contains(stderr, "argument 3 is not UTF-8: byte 0xff") {
			t.Errorf("%s: what is not UTF-8: exit %d, %.300s", size, code, stderr)
		}
	}
	return "& < > and characters of two to four bytes come back as they were, from the table and from the bucket; what is not UTF-8 is refused at the door"
}

// exit0: a program that leaves by habit has its job handed back, and the log says why.
func exit0(t testing.TB) string {
	tr, pids := newExecTier(t, "trial-habit", `trap 'exit 0' TERM; echo '{"cursor":3,"done":3,"total":10,"unit":"files"}' >&"$WORKER_REPORT_FD"; sleep 1000 & echo $$ $! >>"$1"; wait`)
	i := tr.start()
	tr.underWay("job")
	i.signal(t)
	i.ends(t, 0)
	j := tr.handedBack("job")
	if j.Done != 3 {
		t.Errorf("it is at %d, want 3", j.Done)
	}
	if !i.wrote("exited with 0 after SIGTERM, and its last report says 3 of 10 files") {
		t.Error("the log does not say why")
	}
	gone(t, pids)
	return fmt.Sprintf("READY at done=%d of total=%d, drains=%d failures=%d, and the log says why", j.Done, j.Total, j.Drains, j.Failures)
}

// cutSubmission: the command says how far it was, and the same file again submits the others.
func cutSubmission(t testing.TB) string {
	tr := newTier(t, "trial-cut")
	const all = 40
	file := lines(t, all)
	var said bytes.Buffer
	cut := exec.Command(binary, "submit", "--from", file, "--rate", "0.5", "--tier", "trial-cut", "-e", "test", "-t", "backup")
	cut.Env, cut.Stderr = tr.environ, &said
	if err := cut.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "two jobs are there", func() bool { return len(tr.list()) >= 2 })
	if err := cut.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cut.Wait(); err == nil || cut.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	there := len(tr.list())
	want := fmt.Sprintf("%d of %d jobs are submitted; submit the same file again for the others, those that exist stay as they are: ", there, all)
	if !strings.Contains(said.String(), want) || !strings.Contains(said.String(), "terminated") || there == all {
		t.Errorf("want %q and the signal:\n%s", want, said.String())
	}
	if got := tr.must("submit", "--from", file); got != fmt.Sprintf("%d jobs submitted, %d existed already\n", all-there, there) {
		t.Errorf("again: %s", got)
	}
	return strings.TrimSpace(said.String())
}

func floodOfOutput(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-flood", `head -c 16000000 /dev/zero | tr '\0' x | fold -w 1000`)
	i := tr.start()
	tr.submit("job", "{}")
	await(t, "the job is DONE", func() bool { return tr.show("job").State == "DONE" })
	i.signal(t)
	i.ends(t, 0) // its slots say at their end what is missing
	logged := 0
	for _, line := range i.log {
		logged += len(line) + 1
	}
	if most := 3 << 19; logged > most || !i.logged("slot prints too much: lines left out") {
		t.Errorf("%d bytes logged, want at most %d and a count of what is left out", logged, most)
	}
	return fmt.Sprintf("logged %d KiB, what is left out is counted", logged>>10)
}

func missingCredentials(t testing.TB) string {
	tr := newTier(t, "trial-no-credentials")
	file, ends := sessionEnds(t)
	ends()
	environ := append(append([]string(nil), tr.environ...), "PATH="+os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_CONFIG_FILE="+file)
	return tr.refused(environ, []string{"no AWS credentials: set AWS_PROFILE", "credential_process", "the session has ended: log in again"}, "jobs", "list")
}
