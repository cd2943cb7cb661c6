package cli

import (
	"fmt"
	"net"
	"os"
)

// notifyReady tells systemd that the worker has started, so that whoever starts the unit (Chef) waits
// for that and sees it fail. Elsewhere it does nothing.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
func notifyReady() error {
	const variable = "NOTIFY_SOCKET"
	socket := os.Getenv(variable)
	if socket == "" {
		return nil
	}
	_ = os.Unsetenv(variable) // not for the slots; it cannot fail for a valid name
	c, err := net.Dial("unixgram", socket)
	if err != nil {
		return fmt.Errorf("tell systemd that the worker has started: %w", err)
	}
	defer func() { _ = c.Close() }() // the datagram is sent or not by then
	if _, err := c.Write([]byte("READY=1")); err != nil {
		return fmt.Errorf("tell systemd that the worker has started: %w", err)
	}
	return nil
}
