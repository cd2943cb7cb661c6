package localaws

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestMain(m *testing.M) { os.Exit(Shared(m)) }

func TestAnswersAsTheLocalAccountAndNothingElse(t *testing.T) {
	s := StartT(t)
	cfg := s.ConfigT(t)
	got := Call(t, sts.NewFromConfig(cfg).GetCallerIdentity, nil)
	if *got.Account != Account {
		t.Errorf("account %s, want %s", *got.Account, Account)
	}
	outside := externalAddress(t)
	if conn, err := net.DialTimeout("tcp", net.JoinHostPort(outside, portOf(s)), time.Second); err == nil {
		_ = conn.Close()
		t.Errorf("the server answers on %s, not on loopback alone", outside)
	}
}

// externalAddress is an address of this machine that is not on loopback.
func externalAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "127.0.0.2" // a machine without a network: at least not on all of loopback
}

func portOf(s *Server) string {
	_, port, _ := strings.Cut(strings.TrimPrefix(s.Endpoint(), "http://"), ":")
	return port
}

func TestPortInUseIsOneSentence(t *testing.T) {
	s := StartT(t)
	_, err := Start(t.Context(), Options{Port: s.Port, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), portOf(s)) || !strings.Contains(err.Error(), "PORT=") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v: want one sentence with the port and what to do", err)
	}
}

func TestMissingPythonIsOneSentence(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("go.mod", []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "make tools") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v: want one sentence that says to run make tools", err)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	s, err := Start(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := syscall.Kill(-s.PID, 0); err != syscall.ESRCH {
		t.Errorf("process group %d after Stop: %v, want none", s.PID, err)
	}
	if _, err := Start(t.Context(), Options{Port: s.Port, Dir: t.TempDir()}); err != nil {
		t.Errorf("the port is not free after Stop: %v", err)
	}
}

// TestEndsWithItsParent kills a process that started a server, as a test run that is killed would be.
func TestEndsWithItsParent(t *testing.T) {
	if dir := os.Getenv("LOCALAWS_TEST_PARENT"); dir != "" {
		s, err := Start(context.Background(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/port", []byte(portOf(s)), 0o600); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		t.Fatal("the server ended before its parent")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "LOCALAWS_TEST_PARENT="+dir, "HOME=/nonexistent")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var port []byte
	eventually(t, "the parent to start its server", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the parent ended: %v", err)
		default:
		}
		port, _ = os.ReadFile(dir + "/port")
		return len(port) > 0
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the parent that was killed ended well")
	}
	eventually(t, "the server to end", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+string(port))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// A server that did not answer for a while says so in its log, for whoever looks why a test has failed.
func TestSilenceIsReported(t *testing.T) {
	s := StartOwnT(t, Options{})
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // more than silence.py's SILENCE
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the report", func() bool {
		text, err := os.ReadFile(s.LogFile())
		return err == nil && strings.Contains(string(text), "silent for ")
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(startTime); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", startTime, what)
		}
	}
}
