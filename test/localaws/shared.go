package localaws

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

var shared struct {
	once   sync.Once
	server *Server
	dir    string
	err    error
}

// Shared runs a package's tests and stops the server that [StartT] started for them. Its result is
// the status to exit with:
//
//	func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }
func Shared(m *testing.M) int {
	code := m.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	if shared.dir != "" && code == 0 {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// StartT returns the test package's server, which the first call starts. Tests share it, and its
// state: each names its resources after itself. The package's TestMain calls [Shared].
func StartT(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "localaws-"); shared.err == nil {
			shared.server, shared.err = Start(context.Background(), Options{Dir: shared.dir})
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}
