package worker

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// attackTrials are about programs, senders and neighbours that mean harm, or behave as if they did.
var attackTrials = []Trial{
	{"a program that writes into its neighbours' descriptors", hostileProgram},
	{"a tenant that draws on terminals", drawingTenant},
	{"two thousand connections that are kept", keptConnections},
	{"metrics of one environment", ownNamespace},
	{"any text in the place of a Spot notice", noNotice},
	{"a Spot notice behind metadata that take three seconds", slowMetadata},
}

// forge writes the outcome of a job into the descriptors of its supervisor and of all of its slots. It notes which took it, and
// whether it can reach the program of its neighbour, which it may.
const forge = `case $(cat "$WORKER_JOB_FILE") in *'"hostile"'*)
	head -c1 "/proc/$(head -n1 "$1")/environ" >/dev/null && : >"$1.control"
	parent() { sed -n 's/^PPid:[[:space:]]*//p' "$1/status" 2>/dev/null; }
	supervisor=$(parent /proc/$PPID)
	for p in /proc/[0-9]*; do
		[ "$p" = "/proc/$supervisor" ] || [ "$(parent $p)" = "$supervisor" ] || continue
		echo $p >>"$1.tried"
		for fd in 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
			{ echo '{"outcome":{"kind":"done"}}' >"$p/fd/$fd"; } 2>/dev/null && echo $p/fd/$fd >>"$1.reached"
		done
	done
	: >"$1.forged"; sleep 1000;; esac; `

func hostileProgram(t testing.TB) string {
	tr, file := newExecTier(t, "trial-hostile", forge+steady)
	cmd := tr.command()
	if os.Getuid() == 0 { // root may do this by its right to trace, which the unit of the worker does not have
		setpriv, err := exec.LookPath("setpriv")
		if err != nil {
			t.Fatal("setpriv is not on the PATH: install util-linux, or run this as another user than root")
		}
		cmd.Path = setpriv
		cmd.Args = append([]string{"setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", binary}, cmd.Args[1:]...)
	}
	tr.run(cmd)
	before := tr.underWay("victim")
	tr.submit("hostile", "{}")
	await(t, "the program has done what it can", func() bool { _, err := os.Stat(file + ".forged"); return err == nil })
	var after job
	await(t, "the victim gets on", func() bool { after = tr.show("victim"); return after.Done > before.Done+10 })
	if after.State != "RUNNING" || after.Epoch != before.Epoch || after.Failures != 0 {
		t.Errorf("the victim is %+v", after)
	}
	if reached, err := os.ReadFile(file + ".reached"); err == nil {
		t.Errorf("it wrote into %s", strings.Fields(string(reached)))
	}
	if _, err := os.Stat(file + ".control"); err != nil {
		t.Error("it cannot even reach a program: nothing is shown")
	}
	tried, err := os.ReadFile(file + ".tried")
	if n := len(strings.Fields(string(tried))); err != nil || n < 3 {
		t.Errorf("it found %d processes, want a supervisor and two slots", n)
	}
	return fmt.Sprintf("none of the supervisor and %d slots is reached, the neighbour goes on in its claim, failures=%d", len(strings.Fields(string(tried)))-1, after.Failures)
}

func drawingTenant(t testing.TB) string {
	tr := newTier(t, "trial-tenant")
	const evil = "x\x1b]52;c;cm0=\x07\n\u202e\u009b2J"
	tr.refused(tr.environ, []string{"tenant"}, "submit", "--id", "refused", "--tenant", evil, "--payload", "{}")
	tr.submit("job", "{}")
	tr.edit("backup#job", item{ // as a release before may have left it
		contract.AttrTenant: text(evil), contract.AttrUnit: text(evil), contract.AttrLastError: text(evil), contract.AttrDone: number(1), contract.AttrTotal: number(2),
	})
	for lines, args := range map[int][]string{2: {"jobs", "list"}, 0: {"jobs", "show", "job"}} {
		stdout, stderr, code := tr.operate(args...)
		if acts := strings.IndexFunc(stdout+stderr, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); acts >= 0 || code != 0 {
			t.Errorf("%v: exit %d, a terminal acts on %q", args, code, stdout+stderr)
		}
		if n := strings.Count(stdout, "\n"); lines != 0 && n != lines {
			t.Errorf("%v: %d lines, want %d: %q", args, n, lines, stdout)
		}
		if !strings.Contains(stdout, `x\x1b]52`) {
			t.Errorf("%v does not show the tenant: %q", args, stdout)
		}
	}
	tr.start()
	body := `{"id":"other","tenant":"x\u001b","payload":{}}`
	tr.message(body)
	reason := tr.deadLetters(1)[body]
	if !strings.Contains(reason, "tenant") {
		t.Errorf("dead-lettered: %q", reason)
	}
	return "one line a row, nothing that a terminal acts on; new ones are refused: " + reason
}

func keptConnections(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-connections", steady)
	b := tr.inGroup()
	const kept = 2000
	var closed atomic.Int64
	for range kept {
		c, err := net.Dial("unix", b.watched())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: worker\r\n\r\n")) // it may be closed already
		go func() {
			_, _ = io.Copy(io.Discard, c)
			closed.Add(1)
		}()
	}
	const most = 64
	await(t, "the worker closes what is too much", func() bool { return closed.Load() >= kept-most })
	open := kept - closed.Load()
	tr.underWay("job")
	_, values := exposed(t, b.read(t, metricsPath))
	return fmt.Sprintf("open=%d memory=%.0fMiB, and the socket answers", open, values["process_resident_memory_bytes"]/(1<<20))
}

func ownNamespace(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-namespace", steady)
	b := tr.inGroup()
	isMetric := func(r awsproxy.Request) bool { return r.Operation == "PutMetricData" && r.Status == 200 }
	await(t, "metrics are published", func() bool { return len(b.aws.Requests(isMetric)) > 0 })
	want := "WorkerTier/trial-namespace-test"
	for _, r := range b.aws.Requests(isMetric) {
		if !bytes.Contains(r.Body, []byte(want)) || bytes.Count(r.Body, []byte("WorkerTier")) != 1 {
			t.Errorf("published %.300q", r.Body)
		}
	}
	return "published in " + want + " alone"
}

func noNotice(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-no-notice", steady)
	b := tr.inGroup()
	b.metadata.Answer("meta-data/spot/instance-action", "<html>captive portal</html>")
	before := tr.underWay("job")
	await(t, "it is logged", func() bool {
		return b.wrote("instance metadata not read", "spot/instance-action", "is no Spot interruption notice")
	})
	asked := func() int {
		return len(slices.DeleteFunc(b.metadata.Requests(), func(r fakeimds.Request) bool { return !strings.HasSuffix(r.Path, "instance-action") }))
	}
	enough := asked() + 2
	await(t, "it asks again", func() bool { return asked() >= enough })
	if j := tr.show("job"); j.State != "RUNNING" || j.Epoch != before.Epoch || b.logged("draining job") {
		t.Errorf("the job is %+v", j)
	}
	b.metadata.Answer("meta-data/spot/instance-action", "")
	b.metadata.InterruptSpot(time.Now().Add(2 * time.Minute))
	tr.handedBack("job")
	return "no drain; a real notice after it drains"
}

func slowMetadata(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-slow", steady)
	b := tr.inGroup()
	tr.underWay("job")
	b.metadata.SetDelay(3 * time.Second)
	begin := time.Now()
	b.metadata.InterruptSpot(begin.Add(2 * time.Minute))
	tr.handedBack("job")
	took := time.Since(begin)
	if took > 2*time.Minute || !b.wrote(`"msg":"draining job"`, `"cause":"spot"`) {
		t.Errorf("handed back after %s", took)
	}
	return fmt.Sprintf("handed back %s after the notice, of 120 s", took.Round(time.Second))
}
