package localec2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// What a machine finds in its network: its metadata service, where every instance does, and AWS.
const (
	metadataAddress = "169.254.169.254:80"
	awsAddress      = "127.0.0.1:4566"
)

// network is a network namespace with a loopback interface and two listeners, which pass connections on to servers of this
// machine's. There is nothing else in it.
type network struct {
	listeners []net.Listener
	served    sync.WaitGroup
}

// newNetwork makes a network namespace and stays in it: the calling goroutine must be locked to its thread. An endpoint that
// is "" has no listener.
func newNetwork(boot Boot) (*network, error) {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	for _, args := range []string{"link set lo up", "address add 169.254.169.254/32 dev lo"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	n := &network{}
	for address, target := range map[string]string{metadataAddress: boot.Metadata, awsAddress: boot.Endpoint} {
		if target == "" {
			continue
		}
		if err := n.relay(address, target); err != nil {
			n.close()
			return nil, err
		}
	}
	return n, nil
}

// relay listens in the namespace of the calling thread and dials in that of all others.
func (n *network) relay(address, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	n.listeners = append(n.listeners, l)
	n.served.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go pass(conn.(*net.TCPConn), u.Host)
			}
		}
	})
	return nil
}

// pass copies both ways until both sides have said all, or one is gone.
func pass(conn *net.TCPConn, target string) {
	defer func() { _ = conn.Close() }()
	server, err := net.Dial("tcp4", target)
	if err != nil {
		return
	}
	back := server.(*net.TCPConn)
	defer func() { _ = back.Close() }()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(back, conn)
		_ = back.CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(conn, back)
		_ = conn.CloseWrite()
	})
	both.Wait()
}

// close ends the listeners; the namespace ends with the machine's processes and the thread.
func (n *network) close() {
	for _, l := range n.listeners {
		_ = l.Close()
	}
	n.served.Wait()
}
