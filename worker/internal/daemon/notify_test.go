package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/systemd"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// serviceManager is systemd's end of a service.
type serviceManager struct{ *net.UnixConn }

func underSystemd(t *testing.T, watchdog string) (serviceManager, notifier) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", watchdog)
	manager, err := systemd.Connect()
	if err != nil {
		t.Fatal(err)
	}
	return serviceManager{conn}, notifier{manager: manager, vitals: &vitals.Deadlines{}, log: slog.New(slog.DiscardHandler), random: backofftest.Longest()}
}

// during is what the manager is told from now on for d.
func (m serviceManager) during(t *testing.T, d time.Duration) (told []string) {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, 4096); ; {
		n, err := m.Read(buffer)
		if err != nil {
			return told
		}
		told = append(told, string(buffer[:n]))
	}
}

// lives waits for n signs of life, however long a loaded machine takes, and returns what else was said meanwhile.
func (m serviceManager) lives(t *testing.T, n int) (others []string) {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, 4096); n > 0; {
		length, err := m.Read(buffer)
		if err != nil {
			t.Fatalf("%d signs of life are missing: %v", n, err)
		}
		if text := string(buffer[:length]); text == systemd.Alive {
			n--
		} else {
			others = append(others, text)
		}
	}
	return others
}

func TestWatchdogHearsNothingOfAWorkerWhoseLoopHangs(t *testing.T) {
	m, s := underSystemd(t, "200000") // half of it: 0.1 s
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.run(ctx, func() string { return "1 of 2 slots busy" }); close(ended) }()
	s.vitals.Within("receive", time.Hour)
	begin := time.Now()
	others := m.lives(t, 10)
	if took := time.Since(begin); took < 800*time.Millisecond || len(others) != 1 || others[0] != "STATUS=1 of 2 slots busy" {
		t.Errorf("a worker that lives says ten times so in %s, with a timeout of 0.2 s, and %q", took, others)
	}
	s.vitals.Within("receive", -time.Second) // it should have been back a second ago
	m.during(t, 200*time.Millisecond)        // what was under way
	if told := m.during(t, time.Second); len(told) != 0 {
		t.Errorf("a worker whose loop hangs says %q", told)
	}
	s.vitals.Within("receive", time.Hour)
	m.lives(t, 5)
	cancel()
	<-ended
}

func TestNoWatchdogNoSignsOfLife(t *testing.T) {
	m, s := underSystemd(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	s.run(ctx, func() string { return "idle" })
	if told := m.during(t, 100*time.Millisecond); len(told) != 1 || told[0] != "STATUS=idle" {
		t.Errorf("told %q", told)
	}
}

func TestAStartThatWaitsIsNoStartThatHangs(t *testing.T) {
	m, s := underSystemd(t, "")
	tries := 0
	err := await(t.Context(), s, "job table", func(context.Context) error {
		if tries++; tries == 1 {
			return errors.New("no route")
		}
		return nil
	}, func(error) bool { return false })
	told := strings.Join(m.during(t, 100*time.Millisecond), "|")
	if want := "STATUS=waiting: job table does not answer: no route\nEXTEND_TIMEOUT_USEC=41000000"; err != nil || told != want {
		t.Errorf("told %q, want %q; error %v", told, want, err)
	}
}
