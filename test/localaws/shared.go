package localaws

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
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
		if text, err := os.ReadFile(shared.server.LogFile()); err == nil && code != 0 {
			fmt.Fprintf(os.Stderr, "log of the local AWS:\n%s", text)
		}
	}
	if shared.dir != "" && code == 0 {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// SharedWith is [Shared] for the tests of a program. It builds the program's package first, and sets binary to the file.
func SharedWith(m *testing.M, program string, binary *string) int {
	dir, err := os.MkdirTemp("", "program-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left in the temporary folder does no harm
	*binary = filepath.Join(dir, filepath.Base(program))
	if out, err := exec.Command("go", "build", "-o", *binary, program).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build %s: %s\n%s", program, err, out)
		return 1
	}
	return Shared(m)
}

// Share has [StartT] return a server that a program has started, and will stop. It is called before StartT.
func Share(server *Server) {
	shared.once.Do(func() { shared.server = server })
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

// ConfigT is [Server.AWSConfig] for tests.
func (s *Server) ConfigT(t testing.TB) aws.Config {
	t.Helper()
	cfg, err := s.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// StartOwnT returns a server of a test's own, which ends with it.
func StartOwnT(t testing.TB, o Options) *Server {
	t.Helper()
	o.Dir = t.TempDir()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Call calls AWS in a test, which fails with the call: localaws.Call(t, queues.CreateQueue, &sqs.CreateQueueInput{…}).
func Call[In, Out, Option any](t testing.TB, operation func(context.Context, In, ...Option) (Out, error), in In) Out {
	t.Helper()
	out, err := operation(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// CreateStack creates a stack in a test and returns its outputs. Its template loses its indentation: AWS takes 51,200 bytes.
func CreateStack(t testing.TB, cfg aws.Config, in *cloudformation.CreateStackInput) map[string]string {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(*in.TemplateBody)); err != nil {
		t.Fatal(err)
	}
	in.TemplateBody = aws.String(compact.String())
	client, find := cloudformation.NewFromConfig(cfg), &cloudformation.DescribeStacksInput{StackName: in.StackName}
	Call(t, client.CreateStack, in)
	found, err := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay = 50 * time.Millisecond
	}).WaitForOutput(t.Context(), find, startTime)
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{}
	for _, o := range found.Stacks[0].Outputs {
		outputs[*o.OutputKey] = *o.OutputValue
	}
	return outputs
}
