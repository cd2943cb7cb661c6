package worker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// carbon is a real Graphite server: carbon-cache with its database.
type carbon struct {
	address string // of its plaintext protocol
	dir     string
}

// startCarbon starts a carbon that keeps a value each second for ten minutes.
func startCarbon(t *testing.T) carbon {
	t.Helper()
	const program = "../../.venv/bin/carbon-cache.py"
	if _, err := os.Stat(program); err != nil {
		t.Fatal("no carbon in .venv: run make tools")
	}
	c := carbon{address: freeAddress(t), dir: t.TempDir()}
	_, port, err := net.SplitHostPort(c.address)
	if err != nil {
		t.Fatal(err)
	}
	_, query, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"storage-schemas.conf": "[all]\npattern = .*\nretentions = 1s:10m\n",
		"carbon.conf": fmt.Sprintf("[cache]\nSTORAGE_DIR = %[1]s\nLOCAL_DATA_DIR = %[1]s/whisper\nCONF_DIR = %[1]s\nLOG_DIR = %[1]s\nPID_DIR = %[1]s\n"+
			"LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = %[2]s\nENABLE_UDP_LISTENER = False\nPICKLE_RECEIVER_PORT = 0\n"+
			"CACHE_QUERY_INTERFACE = 127.0.0.1\nCACHE_QUERY_PORT = %[3]s\nMAX_CREATES_PER_MINUTE = inf\nCARBON_METRIC_INTERVAL = 0\nENABLE_TAGS = False\n", c.dir, port, query),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("../../.venv/bin/python", program, "--config="+filepath.Join(c.dir, "carbon.conf"), "--nodaemon", "start")
	cmd.Env = append(os.Environ(), "GRAPHITE_ROOT="+c.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	await(t, "carbon listens", func() bool {
		conn, err := net.Dial("tcp", c.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return c
}

// last is the newest value that the database holds of a metric.
func (c carbon) last(t *testing.T, node ...string) (value float64, there bool) {
	t.Helper()
	file := filepath.Join(append([]string{c.dir, "whisper"}, node...)...) + ".wsp"
	if _, err := os.Stat(file); err != nil {
		return 0, false
	}
	out, err := exec.Command("../../.venv/bin/python", "../../.venv/bin/whisper-fetch.py", "--json", "--drop=nulls", file).Output()
	if err != nil {
		t.Fatalf("whisper-fetch: %v", err)
	}
	for _, v := range parse[struct{ Values []*float64 }](t, string(out)).Values {
		if v != nil {
			value, there = *v, true
		}
	}
	return value, there
}

// A worker that has done a job and handed another back at its end has told a real Graphite so.
func TestGraphiteIsToldWhatAWorkerDid(t *testing.T) {
	t.Parallel()
	server := startCarbon(t)
	_, b, _ := atWork(t, "graphite", steady, func(s *contract.Settings) { s.Graphite = server.address })
	b.signal(t)
	b.ends(t, 0)
	worker := []string{"graphite", "test", "backup", instanceID}
	for metric, want := range map[string]float64{"worker_slots": 2, "worker_slots_busy": 0, "worker_draining": 1, "worker_drained": 1, "worker_claims_total/first": 1, "worker_attempts_ended_total/drained": 1} {
		await(t, metric+" is stored", func() bool { _, there := server.last(t, append(worker, metric)...); return there })
		if got, _ := server.last(t, append(worker, metric)...); got != want {
			t.Errorf("Graphite has %s = %v, want %v", metric, got, want)
		}
	}
}

// A carbon that takes no connection delays no job and no end by more than its timeout.
func TestGraphiteThatIsAwayCostsNoJob(t *testing.T) {
	t.Parallel()
	tr, b, _ := atWork(t, "no-graphite", steady, func(s *contract.Settings) { s.Graphite = freeAddress(t) })
	b.signal(t)
	b.ends(t, 0)
	if !b.logged("Graphite does not take the metrics, trying on without a word") {
		t.Error("it does not log that nobody takes its metrics")
	}
	tr.handedBack("job")
}
