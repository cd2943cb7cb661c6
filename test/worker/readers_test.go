//go:build readers

package worker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These tests need root, and programs that make test-readers installs. A missing one fails the test.

// The programs of Debian's packages nagios-nrpe-server, nagios-nrpe-plugin and monitoring-plugins-basic.
const (
	nrpe      = "/usr/sbin/nrpe"
	checkNRPE = "/usr/lib/nagios/plugins/check_nrpe"
	negate    = "/usr/lib/nagios/plugins/negate"
)

// TestReaderNRPE has a real NRPE, with the command that the cookbook gives it and as the user of its package, ask a worker.
func TestReaderNRPE(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "nrpe", steady)
	b := tr.inGroup()
	command, err := os.ReadFile("../../bootstrap/cookbooks/worker/files/nrpe.cfg")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(b.socket)
	const home, check = "/opt/worker-tier/bin/worker", "check service\n"
	if !strings.Contains(string(command), home+" "+check) {
		t.Fatalf("another command than was thought: %s", command)
	}
	here := strings.NewReplacer(home, inPublic(t, folder), check, "check service --socket "+b.watched()+"\n").Replace(string(command))
	_, port, _ := net.SplitHostPort(freeAddress(t))
	config := write(t, "nrpe.cfg", fmt.Sprintf("server_address=127.0.0.1\nserver_port=%s\nallowed_hosts=127.0.0.1\nnrpe_user=nagios\nnrpe_group=nagios\npid_file=%s/nrpe.pid\ndisable_syslog=1\n%s", port, folder, here))
	server := exec.Command(nrpe, "-c", config, "-f")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })

	var said string
	is := func(status int, text string) {
		t.Helper()
		await(t, "NRPE says: "+text, func() bool {
			cmd := exec.CommandContext(t.Context(), checkNRPE, "-H", "127.0.0.1", "-p", port, "-c", "check_worker")
			out, _ := cmd.Output() // its exit status is looked at
			said = string(out)
			return cmd.ProcessState.ExitCode() == status && strings.HasPrefix(said, text)
		})
		t.Logf("exit %d: %s", status, said)
	}
	is(0, "worker OK: slots: 2 of 2 run, 0 busy; ")
	b.drain(t, "--reason", "bad disk")
	is(1, "worker WARNING: drained (operator: bad disk): ")
	b.kill()
	is(2, "worker CRITICAL: no worker runs here; ")
}

// perlParser has the parser of the monitoring plugins' own Perl library read performance data. It knows no ranges with @.
const perlParser = `for (Monitoring::Plugin::Performance->parse_perfstring($ARGV[0])) {
	printf "%s %s %s [%s] [%s] %s %s\n", $_->label, $_->value, $_->uom, $_->warning, $_->critical, $_->min // "", $_->max // "" }`

// TestReadersOfChecks has those read a check's answer who read plugins' answers.
func TestReadersOfChecks(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "check-read")
	tr.alarmed(600)
	of := []string{"check", "type", "--tier", "check-read", "-e", "test", "-t", "backup"}
	turned := exec.CommandContext(t.Context(), negate, append([]string{"--substitute", binary}, of...)...)
	turned.Env = tr.environ
	out, err := turned.CombinedOutput()
	if turned.ProcessState == nil {
		t.Fatal(err)
	}
	if status := turned.ProcessState.ExitCode(); status != 2 || !strings.HasPrefix(string(out), "backup CRITICAL: 0 READY, 0 RUNNING, ") {
		t.Errorf("negate makes of OK: exit %d, %s", status, out)
	}

	of = append(of, "--warning", "ready=10:20;running=2:", "--warning", "zombies=~:5")
	said, _, _ := tr.worker(tr.environ, of...)
	_, perfdata, found := strings.Cut(said, "|")
	perl := exec.CommandContext(t.Context(), "perl", "-MMonitoring::Plugin::Performance", "-e", perlParser, strings.TrimSpace(perfdata))
	read, err := perl.CombinedOutput()
	want := `oldest_job 0 s [] [600] 0 
ready 0  [10:20] [] 0 
running 0  [2:] [] 0 
dead 0  [0] [] 0 
zombies 0  [~:5] [] 0 
messages 0  [] [] 0 
dead_letters 0  [0] [] 0 
paused 0  [0] [] 0 1
sick 0  [0] [] 0 1
read_units 11  [] [] 0 
`
	if diff := cmp.Diff(want, string(read)); diff != "" || err != nil || !found {
		t.Errorf("%s is read as (-want +got), %v:\n%s", perfdata, err, diff)
	}
}

// TestReaderIsAnyUser asks as the user that NRPE runs as on no machine, in a runtime folder with the mode of the unit.
func TestReaderIsAnyUser(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "check-user")
	b := tr.inGroup()
	b.says(t, readyPath)
	public := inPublic(t, filepath.Dir(b.socket))
	for socket, want := range map[string]string{b.watched(): "worker OK: ", b.socket: "worker UNKNOWN: this user may not enter " + b.socket} {
		said, status := asNobody(t, public, "check", "service", "--socket", socket)
		if !strings.HasPrefix(said, want) || (status == 0) != strings.HasPrefix(want, "worker OK") {
			t.Errorf("exit %d: %s", status, said)
		}
	}
	if said, status := asNobody(t, public, "drain", "--socket", b.watched()); status != 1 || !strings.Contains(said, "404 Not Found") {
		t.Errorf("a drain by anybody: exit %d, %s", status, said)
	}
}

// asNobody runs a program as a user who owns nothing, and returns what it says and its exit status.
func asNobody(t *testing.T, args ...string) (said string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestReaderPrometheus has Prometheus itself read and lint the metrics of a worker with a job.
func TestReaderPrometheus(t *testing.T) {
	t.Parallel()
	_, b, _ := atWork(t, "promtool", steady, nil)
	promtool := func(text string) ([]byte, error) {
		check := exec.CommandContext(t.Context(), "../../.tools/bin/promtool", "check", "metrics")
		check.Stdin = strings.NewReader(text)
		return check.CombinedOutput()
	}
	if out, err := promtool(b.read(t, metricsPath)); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	if out, err := promtool("# HELP worker_jobs Jobs.\n# TYPE worker_jobs counter\nworker_jobs 1\n"); err == nil {
		t.Errorf("promtool objects to nothing: %s", out)
	}
}
