// Package systemd tells the service manager that started this process how it fares.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// The variables in which systemd names its socket, and the watchdog's timeout for one process.
const (
	socketVariable      = "NOTIFY_SOCKET"
	watchdogVariable    = "WATCHDOG_USEC"
	watchdogPIDVariable = "WATCHDOG_PID"
)

// writeTimeout bounds one message: a manager that reads none must not hold up the worker.
const writeTimeout = time.Second

// Manager is the service manager. One that is not there is told nothing, without an error.
type Manager struct {
	conn     net.Conn // nil: nobody listens
	watchdog time.Duration
}

// Connect finds the service manager in the environment, and takes it out of there: what this process starts must
// not speak in its name.
func Connect() (*Manager, error) {
	socket, watchdog, pid := take(socketVariable), take(watchdogVariable), take(watchdogPIDVariable)
	if socket == "" {
		return &Manager{}, nil
	}
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return nil, fmt.Errorf("reach systemd: %w", err)
	}
	m := &Manager{conn: conn}
	if watchdog == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return m, nil
	}
	microseconds, err := strconv.ParseInt(watchdog, 10, 64)
	if err != nil || microseconds <= 0 {
		return nil, fmt.Errorf("%s: %q is no number of microseconds", watchdogVariable, watchdog)
	}
	m.watchdog = time.Duration(microseconds) * time.Microsecond
	return m, nil
}

func take(name string) string {
	value := os.Getenv(name)
	_ = os.Unsetenv(name) // it cannot fail for a valid name
	return value
}

// Watchdog is how soon after the last sign of life, [Alive], the manager kills this process; 0: never.
func (m *Manager) Watchdog() time.Duration { return m.watchdog }

// What a manager can be told.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// Status is what this process does, in one line for people.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// Extend asks for d from now on, where the present start or stop is to time out earlier.
func Extend(d time.Duration) string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()) }

// Tell sends one message. It may be called from several goroutines.
func (m *Manager) Tell(states ...string) error {
	if m.conn == nil {
		return nil
	}
	err := m.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = m.conn.Write([]byte(strings.Join(states, "\n")))
	}
	if err != nil {
		return fmt.Errorf("tell systemd %q: %w", states, err)
	}
	return nil
}
