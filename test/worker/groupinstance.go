package worker

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// The programs that processor exec runs in these tests; $1 is a file for the ids of their processes.
const (
	// steady saves a cursor each tenth of a second and stops when it is asked to.
	steady = `trap 'exit 75' TERM; echo $$ >>"$1"; n=0; while :; do n=$((n+1)); echo "{\"cursor\":$n,\"done\":$n}" >&"$WORKER_REPORT_FD"; sleep 0.1; done`
	// deaf saves one cursor, starts a child and lets nothing disturb it.
	deaf = `trap '' TERM; sleep 1000 & echo $$ $! >>"$1"; echo '{"cursor":7,"done":7}' >&"$WORKER_REPORT_FD"; while :; do sleep 1000; done`
	// waiting saves one cursor and waits to be stopped, without taking any processor time.
	waiting = `trap 'exit 75' TERM; echo '{"cursor":7,"done":7}' >&"$WORKER_REPORT_FD"; sleep 1000 & wait`
)

// newExecTier is a tier whose jobs are a shell script, and the file for the ids of its processes.
func newExecTier(t testing.TB, name, script string) (*tier, string) {
	t.Helper()
	tr := newTier(t, name)
	pids := filepath.Join(t.TempDir(), "pids")
	tr.settings.Processor, tr.settings.Command = "exec", []string{"sh", "-c", script, "sh", pids}
	return tr, pids
}

// groupInstance is an instance in a group: a worker with its own metadata and its own way to AWS, and its
// service's runtime folder.
type groupInstance struct {
	*instance
	tier     *tier
	metadata *fakeimds.Server
	aws      *awsproxy.Proxy
	socket   string
	environ  []string // of its worker alone
}

// waitingDay is a day on which a program may ask to come back, and which no test lives to see. A job comes back after 31 days
// at the latest.
var waitingDay = time.Now().UTC().Add(30 * 24 * time.Hour).Format(time.DateOnly)

const instanceID = "i-0123456789abcdef0"

// oneTry has a worker see an outage at its first call. It is none for commands: a busy machine resets a connection at times.
const oneTry = "AWS_MAX_ATTEMPTS=1"

// instance starts an instance of the tier and waits until its worker works.
func (tr *tier) inGroup() *groupInstance {
	tr.t.Helper()
	b := tr.inGroupOf(tr.settings.Tier+"-group", func(*groupInstance) {})
	b.works(tr.t)
	return b
}

// inGroupOf starts an instance of a group with a termination hook; prepare is called before the worker starts.
func (tr *tier) inGroupOf(group string, prepare func(*groupInstance)) *groupInstance {
	tr.t.Helper()
	tr.settings.TerminationHook = "drain"
	tr.hookedGroup(group, "drain", "autoscaling:EC2_INSTANCE_TERMINATING")
	b := &groupInstance{tier: tr, aws: tr.proxy()}
	b.metadata, b.environ = tr.standsIn(instanceID, group)
	run := runtimeFolder(tr.t)
	b.socket = filepath.Join(run, controlSocket)
	prepare(b)
	b.instance = tr.launch(append(b.environ, "AWS_ENDPOINT_URL="+b.aws.URL, "RUNTIME_DIRECTORY="+run,
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=")...) // those of the role, from the metadata
	return b
}

// proxy is a way to AWS that is recorded.
func (tr *tier) proxy() *awsproxy.Proxy {
	tr.t.Helper()
	p, err := awsproxy.Start(tr.server.Endpoint(), io.Discard, nil)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(p.Close)
	return p
}

// standsIn starts the metadata service of an instance of a group, "" for none, and returns what leads to it.
func (tr *tier) standsIn(id, group string) (metadata *fakeimds.Server, environ []string) {
	tr.t.Helper()
	metadata, err := fakeimds.Start(fakeimds.Identity{InstanceID: id, Region: localaws.Region, Zone: "us-east-1a", Account: localaws.Account, Group: group, Role: "worker", AccessKey: "ASIALOCAL", SecretKey: "local", Token: "local"})
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() {
		metadata.Close()
		for _, r := range metadata.Requests() {
			if r.Method == http.MethodGet && !r.Token {
				tr.t.Errorf("the worker tried IMDSv1: %s", r.Path)
			}
		}
	})
	return metadata, []string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata.URL}
}

// runtimeFolder is one like systemd's. The path of a socket may have 107 bytes, and those of t.TempDir are longer.
func runtimeFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// group makes an Auto Scaling group of this size.
func (tr *tier) group(name string, size int32) *autoscaling.Client {
	tr.t.Helper()
	groups := autoscaling.NewFromConfig(tr.aws)
	localaws.Call(tr.t, groups.CreateAutoScalingGroup, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: &size, MaxSize: &size, DesiredCapacity: &size, AvailabilityZones: []string{"us-east-1a"},
		LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: new("lt-0123456789abcdef0"), Version: new("1")},
	})
	return groups
}

// hookedGroup makes a group with a lifecycle hook.
func (tr *tier) hookedGroup(name, hook, transition string) {
	tr.t.Helper()
	localaws.Call(tr.t, tr.group(name, 0).PutLifecycleHook, &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: &name, LifecycleHookName: &hook, LifecycleTransition: &transition,
	})
}

// atWork starts an instance whose jobs are a script, and returns when the job "job" has a durable cursor. change is for its settings.
func atWork(t testing.TB, name, script string, change func(*contract.Settings)) (tr *tier, b *groupInstance, pids string) {
	t.Helper()
	tr, pids = newExecTier(t, name, script)
	if change != nil {
		change(&tr.settings)
	}
	b = tr.inGroup()
	tr.underWay("job")
	return tr, b, pids
}

// underWay submits a job and waits until it has a durable cursor.
func (tr *tier) underWay(id string) job {
	tr.t.Helper()
	tr.submit(id, "{}")
	var j job
	await(tr.t, "the job has a cursor", func() bool { j = tr.show(id); return j.State == "RUNNING" && j.Done > 0 })
	return j
}

// handedBack waits until a drain has handed the job back, and checks that it costs the job nothing.
func (tr *tier) handedBack(id string) job {
	tr.t.Helper()
	var j job
	await(tr.t, "the job is handed back", func() bool { j = tr.show(id); return j.State == "READY" })
	if j.Drains != 1 || j.Failures != 0 || j.Crashes != 0 || j.LastError != "" {
		tr.t.Errorf("job %s: drains %d, failures %d, crashes %d, error %q; want 1, 0, 0 and none", id, j.Drains, j.Failures, j.Crashes, j.LastError)
	}
	return j
}

// stays checks that the worker waits for its machine to shut down, and does so.
func (b *groupInstance) stays(t testing.TB) {
	t.Helper()
	select {
	case <-b.end:
		t.Error("the worker ended by itself: systemd would start it again")
		return
	case <-time.After(200 * time.Millisecond):
	}
	b.signal(t)
	b.ends(t, 0)
}

// said are the operations of the accepted requests that say something about the jobs or the instance, in
// the order in which they were answered.
func (b *groupInstance) said() []string {
	names := map[string]string{
		"RecordLifecycleActionHeartbeat": "heartbeat", "CompleteLifecycleAction": "complete", "TerminateInstanceInAutoScalingGroup": "replace",
		"SendMessage": "bell", "ReceiveMessage": "receive",
	}
	var said []string
	for _, r := range b.aws.Requests(func(r awsproxy.Request) bool { return r.Status == 200 }) {
		name := names[r.Operation]
		if r.Operation == "UpdateItem" && strings.Contains(string(r.Body), `"READY"`) {
			name = "release"
		}
		if name != "" {
			said = append(said, name)
		}
	}
	return said
}

// drain runs worker drain on the instance.
func (b *groupInstance) drain(t testing.TB, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := b.tier.worker(b.tier.environ, append([]string{"drain", "--socket", b.socket}, args...)...)
	if code != 0 {
		t.Fatalf("worker drain: exit %d: %s", code, stderr)
	}
	return stdout, stderr
}

// drained is what worker drain --json prints.
type drained struct {
	Cause, Outcome string
	Jobs           int
	Drained        bool
	Seconds        float64
}
