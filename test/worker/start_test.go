package worker

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// gate is an address at which nobody listens until it is opened: then it leads to the local AWS, except
// while it is shut.
type gate struct {
	address string
	mu      sync.Mutex
	shut    bool
	passing []net.Conn
	refused int
}

func newGate(t *testing.T) *gate {
	t.Helper()
	return &gate{address: freeAddress(t)}
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp4", g.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	target := localaws.StartT(t).Endpoint()[len("http://"):]
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return // closed
			}
			g.lead(from, target)
		}
	}()
}

func (g *gate) lead(from net.Conn, target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		g.refused++
		_ = from.Close()
		return
	}
	to, err := net.Dial("tcp4", target)
	if err != nil {
		_ = from.Close()
		return
	}
	g.passing = append(g.passing, from, to)
	go pass(from, to)
	go pass(to, from)
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}

// outage cuts all connections, and each new one until something has happened; it returns how many those were.
func (g *gate) outage(happened func()) int {
	g.mu.Lock()
	g.shut, g.refused = true, 0
	for _, c := range g.passing {
		_ = c.Close()
	}
	g.passing = nil
	g.mu.Unlock()
	happened()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
	return g.refused
}

// A worker that starts while AWS is away waits for it: an error would only make systemd start it again.
func TestStartWhileTheTableIsAway(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "table-away", steady)
	g := newGate(t)
	i := tr.launch("AWS_ENDPOINT_URL=http://"+g.address, oneTry)
	await(t, "it waits", func() bool { return i.wrote("job table does not answer", `"next_try_in"`) })
	g.open(t)
	i.works(t)
	tr.underWay("job")
}

// An outage that outlasts the lease ends no worker and no job, and is no reason to ask without a pause.
func TestOutageOfAllOfAWS(t *testing.T) {
	t.Parallel()
	tr, pids := newExecTier(t, "outage", steady)
	tr.settings.Lease = shortLease
	g := newGate(t)
	g.open(t)
	i := tr.launch("AWS_ENDPOINT_URL=http://" + g.address)
	before := tr.underWay("job")
	begin := time.Now()
	refused := g.outage(func() {
		await(t, "the lease is lost", func() bool { return i.logged("lease lost, slot killed, nothing more is written for this job") })
		time.Sleep(2 * shortLease) // it asks on without a job
	})
	lasted := time.Since(begin)
	t.Logf("%d connections were tried in an outage of %s", refused, lasted)
	if most := 10 * int(lasted.Seconds()); refused > most {
		t.Errorf("%d connections were tried in an outage of %s, want at most %d", refused, lasted, most)
	}
	var after job
	await(t, "the job goes on", func() bool { after = tr.show("job"); return after.State == "RUNNING" && after.Epoch > before.Epoch })
	if after.Failures != 0 || after.Drains != 0 {
		t.Errorf("failures %d, drains %d", after.Failures, after.Drains)
	}
	i.signal(t)
	i.ends(t, 0)
	gone(t, pids)
}

func TestDrainWhileTheTableIsAway(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "away-for-good", steady)
	i := tr.launch("AWS_ENDPOINT_URL=http://"+newGate(t).address, oneTry)
	await(t, "it waits", func() bool { return i.wrote("job table does not answer", `"next_try_in"`) })
	i.signal(t)
	i.ends(t, 0) // the table stays away
	if !i.logged("drained") {
		t.Error("it does not log that it drained")
	}
}

// The metadata of an instance in a group comes late: its worker waits for its name, and for its role.
func TestStartWhileTheMetadataIsAway(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "metadata-away", steady)
	b := tr.inGroupOf("metadata-away-group", func(b *groupInstance) { b.metadata.SetAway(true) })
	await(t, "it waits", func() bool { return b.wrote("instance metadata does not answer", `"next_try_in"`) })
	b.metadata.SetAway(false)
	await(t, "it works", func() bool { return b.wrote(`"msg":"worker started"`, instanceID) })
	b.metadata.SetAway(true) // later: no reason to stop
	tr.underWay("job")
	await(t, "it notices", func() bool { return b.logged("instance metadata not read, trying again") })
	b.metadata.SetAway(false)
	b.metadata.SetTargetState("Terminated")
	tr.handedBack("job")
}

func TestNoCredentialsOffEC2(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "no-credentials")
	i := tr.launch("AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=")
	i.ends(t, 1)
	if !i.wrote("no AWS credentials: set AWS_PROFILE") {
		t.Error("it does not log what is missing")
	}
}
