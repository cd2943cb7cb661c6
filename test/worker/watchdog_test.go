package worker

import (
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// systemd is the service manager of an instance, as far as its socket.
type systemd struct {
	mu   sync.Mutex
	told []message
}

type message struct {
	at   time.Time
	text string
}

// watchdogTimeout is that of the tests' units: signs of life are due after half of it, and a loaded machine may be late by the other half.
const watchdogTimeout = 6 * time.Second

// underSystemd starts an instance whose worker is a service with a watchdog.
func (tr *tier) underSystemd() (*groupInstance, *systemd) {
	tr.t.Helper()
	socket := filepath.Join(tr.t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		tr.t.Fatal(err)
	}
	s := &systemd{}
	var reader sync.WaitGroup
	reader.Go(func() {
		for buffer := make([]byte, 4096); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.told = append(s.told, message{time.Now(), string(buffer[:n])})
			s.mu.Unlock()
		}
	})
	tr.t.Cleanup(func() { _ = conn.Close(); reader.Wait() })
	tr.environ = append(tr.environ, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC="+strconv.FormatInt(watchdogTimeout.Microseconds(), 10))
	return tr.inGroup(), s
}

// heard are the messages so far that contain a text, by their times.
func (s *systemd) heard(text string) (at []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.told {
		if strings.Contains(m.text, text) {
			at = append(at, m.at)
		}
	}
	return at
}

// lives waits for three more signs of life and checks that none of them came too late.
func (s *systemd) lives(t *testing.T, how string) {
	t.Helper()
	last, signs := time.Now(), []time.Time(nil)
	await(t, how+": three more signs of life", func() bool {
		signs = slices.DeleteFunc(s.heard("WATCHDOG=1"), last.After)
		return len(signs) >= 3
	})
	for _, at := range signs {
		if silent := at.Sub(last); silent > watchdogTimeout {
			t.Errorf("%s: no sign of life for %s", how, silent)
		}
		last = at
	}
}

func TestServiceManagerHearsHowTheWorkerFares(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "service", steady)
	b, systemd := tr.underSystemd()
	tr.underWay("job")
	await(t, "the status says that a slot is busy", func() bool { return len(systemd.heard("STATUS=1 of 2 slots busy")) > 0 })
	if n := len(systemd.heard("READY=1")); n != 1 {
		t.Errorf("%d times ready", n)
	}
	systemd.lives(t, "at work")
	if len(systemd.heard("STOPPING=1")) > 0 {
		t.Error("a worker that works says that it stops")
	}
	b.signal(t)
	b.ends(t, 0)
	// Drain budget, a lease and half a minute: 95 s.
	if n := len(systemd.heard("STOPPING=1\nEXTEND_TIMEOUT_USEC=95000000")); n != 1 {
		t.Errorf("%d times stopping", n)
	}
	tr.handedBack("job")
}

// A frozen worker falls silent; an outage of all of AWS is no reason to.
func TestWatchdogTellsAnOutageFromAFrozenWorker(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "watchdog", steady)
	b, systemd := tr.underSystemd()
	b.aws.Close()
	systemd.lives(t, "in an outage")
	b.send(t, syscall.SIGSTOP)
	time.Sleep(watchdogTimeout / 2) // for what is under way
	begin := time.Now()
	time.Sleep(watchdogTimeout)
	if signs := systemd.heard("WATCHDOG=1"); slices.ContainsFunc(signs, begin.Before) {
		t.Error("a frozen worker gives signs of life")
	}
	b.send(t, syscall.SIGCONT)
	begin = time.Now()
	await(t, "it lives again", func() bool { return slices.ContainsFunc(systemd.heard("WATCHDOG=1"), begin.Before) })
}

// An instance that goes away keeps its worker until the machine ends: to systemd it does not stop, and it lives.
func TestADrainThatWaitsForItsMachineDoesNotStop(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "stays", steady)
	b, systemd := tr.underSystemd()
	tr.underWay("job")
	b.drain(t)
	await(t, "the status says so", func() bool { return len(systemd.heard("STATUS=drained (operator: ")) > 0 })
	systemd.lives(t, "drained")
	if n := len(systemd.heard("STOPPING=1")); n > 0 {
		t.Errorf("%d times stopping", n)
	}
	b.stays(t)
	await(t, "it says that it stops once it is told to", func() bool { return len(systemd.heard("STOPPING=1")) > 0 }) // the datagram may outlive the worker
}
