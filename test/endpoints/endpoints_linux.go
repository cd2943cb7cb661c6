// Package endpoints runs second opinions on DynamoDB and SQS for the conformance tests of store and queue: Amazon's
// DynamoDB Local and ElasticMQ. `make test-endpoints` installs both and gives the tests a network of their own.
package endpoints

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// EnvJars names the folder that holds the servers' jars.
const EnvJars = "ENDPOINTS_JARS"

// startTime bounds the start of a server; it takes two to five seconds.
const startTime = 60 * time.Second

// server is a program in Java that is started once in a test process and ends with it.
type server struct {
	name      string
	arguments func(port string) []string

	once     sync.Once
	endpoint string
	err      error
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.UsageNotes.html
var dynamoDBLocal = server{name: "dynamodb-local", arguments: func(port string) []string {
	return []string{
		"-Djava.library.path=.", "software.amazon.dynamodb.services.local.main.ServerRunner",
		"-inMemory", "-sharedDb", "-disableTelemetry", "-port", port,
	}
}}

// https://github.com/softwaremill/elasticmq#installation-stand-alone
var elasticMQ = server{name: "elasticmq", arguments: func(port string) []string {
	return []string{
		"-Drest-sqs.bind-hostname=127.0.0.1", "-Drest-sqs.bind-port=" + port, "-Drest-stats.enabled=false",
		"-Dnode-address.host=127.0.0.1", "-Dnode-address.port=" + port, "org.elasticmq.server.Main",
	}
}}

// DynamoDBLocal is the configuration of the test process's DynamoDB Local, which the first call starts. All
// tests share it: each names its tables after itself.
func DynamoDBLocal(t testing.TB) aws.Config { return dynamoDBLocal.config(t) }

// ElasticMQ is the same for queues.
func ElasticMQ(t testing.TB) aws.Config { return elasticMQ.config(t) }

func (s *server) config(t testing.TB) aws.Config {
	t.Helper()
	s.once.Do(func() { s.endpoint, s.err = s.start() })
	if s.err != nil {
		t.Fatalf("%s: %v", s.name, s.err)
	}
	cfg, err := localaws.Config(t.Context(), s.endpoint, "AKIALOCAL") // DynamoDB Local wants letters and digits
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (s *server) start() (endpoint string, err error) {
	jars := os.Getenv(EnvJars)
	if jars == "" {
		return "", fmt.Errorf("%s is not set: start this test by make test-endpoints", EnvJars)
	}
	if err := alone(); err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(jars, s.name+".log"))
	if err != nil {
		return "", err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command("java", append([]string{"-Xmx512m", "-cp", "*"}, s.arguments(port)...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = jars, log, log
	ended, err := launch(cmd)
	if err != nil {
		return "", err
	}
	endpoint = "http://127.0.0.1:" + port
	if err := awaitAnswer(endpoint, ended); err != nil {
		return "", fmt.Errorf("%w; see %s", err, log.Name())
	}
	return endpoint, nil
}

// alone refuses to serve anybody but this machine.
func alone() error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			return fmt.Errorf("it would listen on %s, too: start this test by make test-endpoints, in a network namespace of its own", i.Name)
		}
	}
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }() // nobody else is in the namespace who could take it
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// launch starts a program that the kernel kills when this process ends, however that is. It does so with the
// thread that started it, which is therefore kept.
func launch(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in its log
		}
		close(done)
	}()
	return done, <-started
}

func awaitAnswer(endpoint string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), startTime, errors.New("did not come up in "+startTime.String()))
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close() // any answer will do
			return nil
		}
		select {
		case <-ended:
			return errors.New("ended while it started")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
