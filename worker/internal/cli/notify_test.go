package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNotifyReady(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = systemd.Close() }()
	t.Setenv("NOTIFY_SOCKET", socket)
	if err := notifyReady(); err != nil {
		t.Fatal(err)
	}
	if err := systemd.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 64)
	n, err := systemd.Read(message)
	if err != nil || string(message[:n]) != "READY=1" {
		t.Errorf("systemd was told %q, %v", message[:n], err)
	}
	if value, left := os.LookupEnv("NOTIFY_SOCKET"); left {
		t.Errorf("slots would inherit NOTIFY_SOCKET=%s", value)
	}
	if err := notifyReady(); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", socket+"-gone")
	if err := notifyReady(); err == nil {
		t.Error("no error for a socket that is not there")
	}
}
