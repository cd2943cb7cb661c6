// Package worker holds the worker as a whole to what it promises, from outside: its binary, as users build it, on a local AWS.
// Its tests are run by go test, its [Trials] by the program trials.
package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// binary is the worker under test, as users build it.
var binary string

// heedSignals gives the workers of tests and trials the signals that their starter ignores (nohup, a shell's background job): a
// process inherits what is ignored, not what is caught.
func heedSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// shortLease is for tests in which a lease runs out. All others have one that no load of the machine uses up.
const shortLease = 4 * time.Second

// tier is a job table, an artifacts bucket and the content type "backup", made by hand as the stacks make them.
type tier struct {
	t        testing.TB
	settings contract.Settings
	environ  []string
	server   *localaws.Server
	aws      aws.Config
	sqs      *sqs.Client
	table    *dynamodb.Client
}

func newTier(t testing.TB, name string) *tier {
	t.Helper()
	return newTierOn(t, localaws.StartT(t), name)
}

func newTierOn(t testing.TB, server *localaws.Server, name string) *tier {
	t.Helper()
	cfg := server.ConfigT(t)
	tr := &tier{t: t, settings: server.MakeTier(t, name, "backup", nil), environ: server.Environ(), server: server, aws: cfg, sqs: sqs.NewFromConfig(cfg), table: dynamodb.NewFromConfig(cfg)}
	tr.settings.Processor, tr.settings.Processes = "backup", 2
	tr.settings.Timing = contract.Timing{Lease: time.Minute, Heartbeat: time.Second, Sweep: time.Second, Checkpoint: 100 * time.Millisecond, DrainBudget: 5 * time.Second, Stall: time.Minute}
	return tr
}

// write writes a file into a folder of its own.
func write(t testing.TB, name, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// patience bounds the wait for an event, on a machine that has much else to do. Only a test that fails takes so long.
const patience = 5 * time.Minute

// await looks again and again. A look mostly is a process: the longer the wait already is, the longer is the pause between two.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; {
		if holds() {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("interrupted while it waited: %s", what)
		case <-time.After(max(50*time.Millisecond, time.Since(begin)/20)):
		}
	}
	t.Fatalf("waited %s in vain: %s", patience, what)
}

// worker runs an operator's command and returns what it printed and its exit status.
func (tr *tier) worker(environ []string, args ...string) (stdout, stderr string, code int) {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(tr.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		tr.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// operate runs an operator's command on the tier.
func (tr *tier) operate(args ...string) (stdout, stderr string, code int) {
	tr.t.Helper()
	return tr.worker(tr.environ, append(args, "--tier", tr.settings.Tier, "-e", "test", "-t", "backup")...)
}

// must runs an operator's command on the tier that is to succeed.
func (tr *tier) must(args ...string) string {
	tr.t.Helper()
	stdout, stderr, code := tr.operate(args...)
	if code != 0 {
		tr.t.Fatalf("worker %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// says runs an operator's command that is to succeed and to say all of some texts.
func (tr *tier) says(want []string, args ...string) {
	tr.t.Helper()
	said := tr.must(args...)
	for _, text := range want {
		if !strings.Contains(said, text) {
			tr.t.Errorf("worker %s does not say %q:\n%s", strings.Join(args, " "), text, said)
		}
	}
}

// job is what `worker jobs show --json` prints, as far as the tests look at it.
type job struct {
	ID                        string
	State                     string
	Owner                     string
	Epoch, Done, Total        int64
	Drains, Crashes, Failures int64
	Returns                   int64
	CreatedAt, UpdatedAt      time.Time
	Paused                    bool
	LastError                 string
	PayloadRef, CursorRef     string
	NotBefore                 string
	Cursor                    json.RawMessage
}

func (tr *tier) show(id string) job {
	tr.t.Helper()
	return parse[job](tr.t, tr.must("jobs", "show", id, "--json"))
}

// page is what `worker jobs list --json` prints.
type page struct {
	Jobs      []job
	Next      string
	ReadUnits float64
}

func (tr *tier) page(args ...string) page {
	tr.t.Helper()
	return parse[page](tr.t, tr.must(append([]string{"jobs", "list", "--json"}, args...)...))
}

// list is the first page of unfinished and DEAD jobs.
func (tr *tier) list(args ...string) []job {
	tr.t.Helper()
	return tr.page(args...).Jobs
}

func parse[T any](t testing.TB, text string) (parsed T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return parsed
}

func (tr *tier) submit(id, payload string) {
	tr.t.Helper()
	if got := tr.must("submit", "--id", id, "--payload", payload); strings.TrimSpace(got) != id {
		tr.t.Fatalf("submit printed %q, want the id", got)
	}
}

// lines is a file of n submissions, ids job-0 and so on, of tenants a and b in turn.
func lines(t testing.TB, n int) string {
	t.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"id":"job-%d","tenant":"%c","payload":{"source":{"directory":"/does/not/exist"}}}`+"\n", i, 'a'+i%2)
	}
	return write(t, "jobs.jsonl", text.String())
}

// send submits n jobs as a producer does, ten to a request.
func (tr *tier) send(n int) {
	tr.t.Helper()
	for ; n > 0; n -= 10 {
		in := &sqs.SendMessageBatchInput{QueueUrl: &tr.settings.QueueURL}
		for i := range min(n, 10) {
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: new(fmt.Sprint(i)), MessageBody: new(`{"payload":{}}`)})
		}
		if _, err := tr.sqs.SendMessageBatch(tr.t.Context(), in); err != nil {
			tr.t.Fatal(err)
		}
	}
}

// listed counts the unfinished jobs that match.
func (tr *tier) listed(match func(job) bool) (n int) {
	tr.t.Helper()
	for _, j := range tr.list("--limit", "1000") {
		if match(j) {
			n++
		}
	}
	return n
}

// message sends a message as any producer does.
func (tr *tier) message(body string) {
	tr.t.Helper()
	localaws.Call(tr.t, tr.sqs.SendMessage, &sqs.SendMessageInput{QueueUrl: &tr.settings.QueueURL, MessageBody: &body})
}

// deadLetters waits for n different messages in the dead-letter queue, and returns their reasons by body.
func (tr *tier) deadLetters(n int) map[string]string {
	tr.t.Helper()
	reasons := map[string]string{}
	await(tr.t, fmt.Sprintf("%d messages in the dead-letter queue", n), func() bool {
		out := localaws.Call(tr.t, tr.sqs.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: &tr.settings.DeadLetterQueueURL, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}})
		for _, m := range out.Messages {
			reasons[*m.Body] = *m.MessageAttributes["Reason"].StringValue
		}
		return len(reasons) >= n
	})
	return reasons
}

// messages counts those in a queue: visible, received and delayed ones.
func (tr *tier) messages(queue string) (n int) {
	tr.t.Helper()
	out := localaws.Call(tr.t, tr.sqs.GetQueueAttributes, &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	for name, value := range out.Attributes {
		if strings.HasPrefix(name, "ApproximateNumberOfMessages") {
			count, err := strconv.Atoi(value)
			if err != nil {
				tr.t.Fatal(err)
			}
			n += count
		}
	}
	return n
}

// checks runs a check until its exit status is code and its one line of output begins with text, and returns the line.
func (tr *tier) checks(code int, text string, args ...string) string {
	tr.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		said, complaint, status := tr.worker(tr.environ, append([]string{"check"}, args...)...)
		if complaint != "" || strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "\n") {
			tr.t.Fatalf("want one line on stdout: %q, and nothing on stderr: %q", said, complaint)
		}
		if status == code && strings.HasPrefix(said, text) {
			return said
		}
		if time.Now().After(end) {
			tr.t.Fatalf("waited %s in vain for exit %d, %s; exit %d: %s", patience, code, text, status, said)
		}
	}
}
