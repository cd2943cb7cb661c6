//go:build bootstraptest

package localec2

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/image/local"
	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/test/localtier"
)

const userData = `#!/bin/bash
echo "I am $(id -un) of $(hostname)"
echo "AWS says $(curl -sS "$AWS_ENDPOINT_URL")"
curl -sS --max-time 3 http://192.0.2.1/ && echo "there is more than AWS"
cat >/etc/systemd/system/stopping.service <<UNIT
[Service]
ExecStart=/bin/sleep infinity
ExecStop=/bin/sh -c 'echo stopped in order'
UNIT
systemctl start stopping
echo ready
`

// bootOne boots a machine that runs user-data, and waits until it is ready.
func bootOne(t *testing.T) (*nspawn, *fakeimds.Server) {
	t.Helper()
	root, err := localtier.ProjectRoot()
	if err != nil {
		t.Fatal(err)
	}
	image, err := local.Build(t.Context(), root, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	t.Cleanup(aws.Close)
	metadata, err := fakeimds.Start(fakeimds.Identity{InstanceID: newID(), UserData: userData})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(metadata.Close)
	m, err := Machines{Image: image}.Start(Boot{ID: newID(), Dir: t.TempDir(), Metadata: metadata.URL, Endpoint: aws.URL})
	if err != nil {
		t.Fatal(err)
	}
	n := m.(*nspawn)
	t.Cleanup(n.PowerCut)
	eventually(t, "the machine to be ready", func() bool { return strings.Contains(n.said(), "ready") })
	return n, metadata
}

func (n *nspawn) said() string {
	text, _ := os.ReadFile(filepath.Join(n.boot.Dir, LogFile))
	return string(text)
}

func TestMachineRunsUserDataAndSeesAWSAlone(t *testing.T) {
	t.Parallel()
	n, _ := bootOne(t)
	said := n.said()
	for _, want := range []string{"I am root of " + n.boot.ID, "AWS says hello"} {
		if !strings.Contains(said, want) {
			t.Errorf("the console does not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "there is more than AWS") {
		t.Error("the machine reaches other networks")
	}
}

func TestMachineEndsInOrder(t *testing.T) {
	t.Parallel()
	n, _ := bootOne(t)
	n.Shutdown()
	<-n.Done()
	if !strings.Contains(n.said(), "stopped in order") {
		t.Errorf("no unit was stopped:\n%s", n.said())
	}
	nothingLeft(t, n)
}

func TestPowerCutLeavesNothing(t *testing.T) {
	t.Parallel()
	n, _ := bootOne(t)
	pids := n.Processes()
	n.PowerCut()
	if strings.Contains(n.said(), "stopped in order") {
		t.Error("the units were stopped in order")
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	nothingLeft(t, n)
}

// nothingLeft wants no control group, which cannot be removed while it holds a process, and no mount.
func nothingLeft(t *testing.T, n *nspawn) {
	t.Helper()
	if _, err := os.Stat(string(n.cgroup)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("control group %s is left (%v)", n.cgroup, err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), n.boot.Dir) {
		t.Errorf("mounts in %s are left (%v)", n.boot.Dir, err)
	}
}

func TestFrozenMachineStandsStill(t *testing.T) {
	t.Parallel()
	n, _ := bootOne(t)
	// A unit's process is in the machine's control group; one that is brought in from outside is not.
	count, err := n.Command(t.Context(), "systemd-run", "--quiet", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/run/count; sleep 0.01; done")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := count.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	reading := func() string {
		first, err := n.firstProcess()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(first), "root/run/count"))
		return string(text)
	}
	eventually(t, "the count to begin", func() bool { return reading() != "" })
	if err := n.Freeze(); err != nil {
		t.Fatal(err)
	}
	before := reading()
	time.Sleep(300 * time.Millisecond)
	if after := reading(); after != before {
		t.Errorf("frozen, it counted from %s to %s", before, after)
	}
	if err := n.Thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the count to go on", func() bool { return reading() != before })
}

func TestRebootKeepsTheDiskAndRunsUserDataOnce(t *testing.T) {
	t.Parallel()
	n, metadata := bootOne(t)
	before := strings.Count(n.said(), "I am root") // in the journal and on the console
	reboot, err := n.Command(t.Context(), "systemctl", "reboot")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := reboot.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	asked := func() (n int) {
		for _, r := range metadata.Requests() {
			if r.Path == "/latest/meta-data/instance-id" {
				n++
			}
		}
		return n
	}
	eventually(t, "the machine to ask again who it is", func() bool { return asked() == 2 })
	eventually(t, "the second boot to be done", func() bool {
		active, err := n.Command(t.Context(), "systemctl", "is-active", "--quiet", "user-data")
		return err == nil && active.Run() == nil
	})
	if ran := strings.Count(n.said(), "I am root"); ran != before {
		t.Errorf("after the reboot user-data has said %d times who it is, before %d times", ran, before)
	}
}

// launcherVariable makes this test binary a launcher that boots a machine and waits to be killed.
const launcherVariable = "LOCALEC2_LAUNCHER"

func TestMachineDiesWithItsLauncher(t *testing.T) {
	if os.Getenv(launcherVariable) != "" {
		n, _ := bootOne(t)
		fmt.Println("booted", n.boot.ID)
		select {}
	}
	launcher := exec.Command(os.Args[0], "-test.run=^TestMachineDiesWithItsLauncher$")
	launcher.Env = append(os.Environ(), launcherVariable+"=1")
	out, err := launcher.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := launcher.Start(); err != nil {
		t.Fatal(err)
	}
	var id string
	if _, err := fmt.Fscanf(out, "booted %s\n", &id); err != nil {
		t.Fatal(err)
	}
	parent, err := machinesCgroup()
	if err != nil {
		t.Fatal(err)
	}
	group := cgroup(filepath.Join(parent, id))
	if len(group.processes()) == 0 {
		t.Fatal("the machine has no processes")
	}
	if err := launcher.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = launcher.Wait()
	eventually(t, "the machine's processes to end", func() bool { return len(group.processes()) == 0 })
	group.remove()
}
