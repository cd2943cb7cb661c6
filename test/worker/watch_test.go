package worker

import (
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestReadyMeansThatJobsAreTaken(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "readiness", steady)
	b := tr.inGroupOf("readiness-group", func(b *groupInstance) {
		b.metadata.SetAway(true)
		b.environ = append(b.environ, oneTry)
	})
	b.says(t, readyPath, "start", "service")
	b.metadata.SetAway(false)
	b.says(t, readyPath)
	tr.underWay("job")
	b.says(t, readyPath) // busy is not unready
	tr.must("type", "pause")
	b.says(t, readyPath, "pause")
	tr.must("type", "resume")
	b.says(t, readyPath)
	b.aws.Close()
	if said := b.says(t, readyPath, "table", "queue"); !strings.Contains(said, "connection refused") {
		t.Errorf("it does not say why: %s", said)
	}
	b.says(t, alivePath) // an outage is no reason to end a worker
}

func TestADrainedWorkerIsAliveAndNotReady(t *testing.T) {
	t.Parallel()
	_, b, _ := atWork(t, "unready", steady, nil)
	b.drain(t, "--reason", "bad disk")
	if said := b.says(t, readyPath, "drain", "slots"); !strings.Contains(said, "drain: drained (operator: bad disk): ") {
		t.Errorf("it does not say why: %s", said)
	}
	b.says(t, alivePath)
}

// Whoever watches must not cost a job: a worker whose port is taken says so and works.
func TestATakenPortCostsNoJob(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, b, _ := atWork(t, "port-taken", steady, func(s *contract.Settings) { s.Listen = l.Addr().String() })
	b.says(t, readyPath)
	if !b.wrote("nobody can watch this worker over TCP", "address already in use", l.Addr().String()) {
		t.Error("it does not say that its port is taken")
	}
}

// A worker in a warm pool is alive and waits.
func TestAWarmWorkerIsNotReady(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "warm-watched")
	tr.settings.WarmPool = true
	b := tr.inGroupOf("warm-watched-group", func(b *groupInstance) { b.metadata.SetTargetState("Warmed:Running") })
	b.says(t, readyPath, "service", "slots", "pause", "table")
	b.says(t, alivePath)
	b.metadata.SetTargetState("InService")
	b.says(t, readyPath)
}

// documented are the metrics in docs/watching.md.
func documented(t *testing.T) []metric {
	t.Helper()
	text, err := os.ReadFile("../../docs/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []metric
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(line, "`", ""), "|")
		if len(cells) != 8 || strings.HasPrefix(cells[1], " metric") || strings.HasPrefix(cells[1], "-") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, metric{cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	return rows
}

// A worker that has done a job, resumed another and been through an outage of its queue exposes what docs/watching.md lists.
func TestMetricsAreThoseThatAreDocumented(t *testing.T) {
	t.Parallel()
	tr, before, _ := atWork(t, "metrics", steady, nil)
	before.signal(t)
	before.ends(t, 0)
	tr.handedBack("job")
	tr.settings.Listen = freeAddress(t)
	b := tr.inGroupOf("metrics-second-group", func(*groupInstance) {})
	await(t, "the job is resumed", func() bool { return b.logged("job claimed") })
	await(t, "it has sent a heartbeat", func() bool {
		_, values := exposed(t, b.read(t, metricsPath))
		return values["worker_beats_total"] > 0 && values["worker_checkpoints_total"] > 0
	})
	text := b.read(t, metricsPath)
	got, values := exposed(t, text)
	want := documented(t)
	for i, m := range want { // units are named for people, but those in names are Prometheus' base units
		for _, unit := range []string{"seconds", "bytes"} {
			if strings.Contains(m.Name, "_"+unit) != (m.Unit == unit) {
				t.Errorf("unit of %s is %q", m.Name, m.Unit)
			}
		}
		want[i].Unit = ""
	}
	byName := func(a, b metric) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/watching.md (-) and a running worker (+):\n%s", diff)
	}
	for series, want := range map[string]float64{
		"worker_alive": 1, "worker_ready": 1, "worker_draining": 0, "worker_drained": 0, `worker_ready_check{check="table"}`: 1, "worker_slots": 2, "worker_slots_busy": 1, "worker_slots_running": 2,
		`worker_claims_total{kind="resumed"}`: 1, `worker_claims_total{kind="first"}`: 0, `worker_attempts_ended_total{outcome="done"}`: 0, "worker_zombies_reaped_total": 0, "worker_messages_received_total": 1,
	} {
		if got, there := values[series]; !there || got != want {
			t.Errorf("%s is %v (there: %t), want %v", series, got, there, want)
		}
	}
	for _, series := range []string{`worker_aws_requests_total{service="DynamoDB",operation="UpdateItem",status="200"}`, `worker_aws_request_seconds_total{service="SQS",operation="ReceiveMessage",status="200"}`, "worker_slots_busy_seconds_total", "process_cpu_seconds_total"} {
		if values[series] <= 0 {
			t.Errorf("%s is %v", series, values[series])
		}
	}
	overTCP(t, tr.settings.Listen, text)
}

// freeAddress is a loopback address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// overTCP checks that the same can be read at a TCP address, and nothing be changed.
func overTCP(t *testing.T, address, socket string) {
	t.Helper()
	response, err := http.Get("http://" + address + metricsPath) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	families := func(text string) (f []metric) { f, _ = exposed(t, text); return f }
	if diff := cmp.Diff(families(socket), families(string(text))); diff != "" {
		t.Errorf("the socket (-) and TCP (+) expose:\n%s", diff)
	}
	if response, err = http.Post("http://"+address+"/drain", "application/json", strings.NewReader(`{}`)); err != nil || response.StatusCode != http.StatusNotFound { //nolint:noctx // a test's own server
		t.Errorf("a drain over TCP: %v, error %v", response, err)
	}
	_ = response.Body.Close()
}
