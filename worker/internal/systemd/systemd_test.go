package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// listen is a service manager's socket, named in the environment.
func listen(t *testing.T) *net.UnixConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv(socketVariable, socket)
	return c
}

func TestManagerIsToldAndTakenOutOfTheEnvironment(t *testing.T) {
	c := listen(t)
	t.Setenv(watchdogVariable, "3000000")
	t.Setenv(watchdogPIDVariable, strconv.Itoa(os.Getpid()))
	m, err := Connect()
	if err != nil || m.Watchdog() != 3*time.Second {
		t.Fatalf("watchdog %s, error %v", m.Watchdog(), err)
	}
	if err := m.Tell(Ready, Status("two\nlines"), Extend(1500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 200)
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(message)
	if got, want := string(message[:n]), "READY=1\nSTATUS=two lines\nEXTEND_TIMEOUT_USEC=1500000"; err != nil || got != want {
		t.Errorf("told %q, want %q; error %v", got, want, err)
	}
	for _, name := range []string{socketVariable, watchdogVariable, watchdogPIDVariable} {
		if value, left := os.LookupEnv(name); left {
			t.Errorf("slots would inherit %s=%s", name, value)
		}
	}
}

func TestWatchdogOfAnotherProcessIsNotOurs(t *testing.T) {
	listen(t)
	t.Setenv(watchdogVariable, "3000000")
	t.Setenv(watchdogPIDVariable, "1")
	if m, err := Connect(); err != nil || m.Watchdog() != 0 {
		t.Errorf("watchdog %s, error %v", m.Watchdog(), err)
	}
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	t.Setenv(socketVariable, "")
	m, err := Connect()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Tell(Ready); err != nil || m.Watchdog() != 0 {
		t.Errorf("watchdog %s, error %v", m.Watchdog(), err)
	}
}

func TestAManagerThatIsGoneIsAnError(t *testing.T) {
	t.Setenv(socketVariable, filepath.Join(t.TempDir(), "gone"))
	if _, err := Connect(); err == nil {
		t.Error("no error for a socket that is not there")
	}
	listen(t)
	t.Setenv(watchdogVariable, "soon")
	if _, err := Connect(); err == nil {
		t.Error("no error for a timeout that is no number")
	}
}

// A manager that reads nothing must not hold up the worker for ever.
func TestTellEnds(t *testing.T) {
	listen(t)
	m, err := Connect()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 10_000 { // more than a socket buffers
		if err = m.Tell(Alive); err != nil {
			break
		}
	}
	if err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("error %v after %s", err, time.Since(began))
	}
}
