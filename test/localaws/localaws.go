// Package localaws runs a local AWS endpoint (ministack, see server.py) for tests and the demo, from the
// project's own Python environment, on the loopback interface only.
package localaws

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

//go:embed server.py enforce.py network.py refresh.py silence.py
var program embed.FS

// Region and Account are where everything in the local AWS lives.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// startTime bounds the start of a server; it takes one to two seconds, on a loaded machine half a minute.
const startTime = 5 * time.Minute

// Options say how to start a server.
type Options struct {
	Port int    // on 127.0.0.1; 0: a free one
	Dir  string // the server's own folder, for its log and its temporary files; made if missing
	Keep bool   // true: the server outlives this process; false: it ends with it, however that ends
	// Persist lets [Server.Halt] save what the server holds, in Dir, for [Server.Resume]. Objects of S3 go to
	// disk as they come.
	Persist bool
	// EnforceIAM makes the server verify signatures and refuse what an identity's policies do not allow; the
	// server's own access key stands for the account's root, who may do all. What is enforced beyond ministack's
	// own rules stands in enforce.py.
	EnforceIAM bool
}

// Server is a running local AWS.
type Server struct {
	Port int
	PID  int
	o    Options
	dir  string
	done chan struct{} // closed once the process has ended
	feed io.Closer     // the server's standard input; nil with Options.Keep
}

// Start starts a server and returns once it answers. The errors are for people: a port in use, a
// missing Python environment and a server that does not come up each say what to do.
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("local AWS: %w", err)
	}
	s := &Server{Port: o.Port, o: o, dir: dir}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// start starts the process and returns once it answers.
func (s *Server) start(ctx context.Context) error {
	python, err := findPython()
	if err != nil {
		return err
	}
	socket, port, err := listen(s.Port)
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }()
	s.Port = port
	if err := s.launch(python, socket, s.o.Keep); err != nil {
		return err
	}
	if err := s.waitHealthy(ctx); err != nil {
		s.Stop()
		return err
	}
	return nil
}

// findPython looks for the project's Python environment, from the working directory upwards.
func findPython() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	outermost := "" // a module of its own may lie within the project
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			outermost = filepath.Join(root, ".venv", "bin", "python")
			if _, err := os.Stat(outermost); err == nil {
				return outermost, nil
			}
		}
		if root != filepath.Dir(root) {
			continue
		}
		if outermost == "" {
			return "", fmt.Errorf("no go.mod in %s or above it: run this inside the project", dir)
		}
		return "", fmt.Errorf("the local AWS needs the project's Python environment, and %s is not there: run make tools", outermost)
	}
}

// listen opens the server's socket here, so that a port in use shows at once and a free one stays ours.
func listen(port int) (*os.File, int, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, 0, fmt.Errorf("port %d of 127.0.0.1 is in use: stop what listens there (make demo-stop, if it is an earlier demo) or choose another with PORT=", port)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("local AWS: %w", err)
	}
	defer func() { _ = l.Close() }()
	tcp := l.(*net.TCPListener)
	file, err := tcp.File()
	return file, tcp.Addr().(*net.TCPAddr).Port, err
}

func (s *Server) launch(python string, socket *os.File, keep bool) error {
	code := filepath.Join(s.dir, "server")
	if err := errors.Join(os.RemoveAll(code), os.CopyFS(code, program)); err != nil {
		return fmt.Errorf("local AWS: %w", err)
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("local AWS: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(python, filepath.Join(code, "server.py"), "3")
	cmd.Env = s.processEnviron()
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !keep {
		cmd.Args = append(cmd.Args, "--with-parent")
		if s.feed, err = cmd.StdinPipe(); err != nil {
			return fmt.Errorf("local AWS: %w", err)
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("local AWS: %w", err)
	}
	s.PID, s.done = cmd.Process.Pid, make(chan struct{})
	go func() {
		defer close(s.done)
		_ = cmd.Wait() // how it ended stands in its log
	}()
	return nil
}

// processEnviron is the server's whole environment: nothing of the user's but the path.
func (s *Server) processEnviron() []string {
	environ := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + s.dir,
		"TMPDIR=" + s.dir,
		"PYTHONUNBUFFERED=1",
		"GATEWAY_PORT=" + strconv.Itoa(s.Port),
		"MINISTACK_REGION=" + Region,
		"LOG_LEVEL=WARNING",
		"AUTH=" + strconv.FormatBool(s.o.EnforceIAM), "AWS_ACCESS_KEY_ID=" + s.accessKey(), "AWS_SECRET_ACCESS_KEY=" + secretKey,
		"SFTP_ENABLED=0", "IOT_MTLS_ENABLED=0", // further listeners, on fixed ports
		"DOCKER_HOST=unix://" + filepath.Join(s.dir, "no-docker.sock"), // it removes containers labelled as its own
	}
	if s.o.Persist {
		environ = append(environ, "PERSIST_STATE=1", "STATE_DIR="+filepath.Join(s.dir, "state"), "S3_PERSIST=1", "S3_DATA_DIR="+filepath.Join(s.dir, "s3"))
	}
	return environ
}

func (s *Server) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint()+"/_ministack/health", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req) // the socket listens already: the answer comes when the server is up
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("the local AWS ended while it started: see %s", s.LogFile())
		case <-ctx.Done():
			return fmt.Errorf("the local AWS did not come up: %w; see %s", context.Cause(ctx), s.LogFile())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// LogFile is where the server writes what goes wrong.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "localaws.log") }

// Done is closed once the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the server and its process group and returns once it is gone.
func (s *Server) Stop() {
	if s.feed != nil {
		_ = s.feed.Close()
	}
	select {
	case <-s.done: // halted: its number may belong to others by now
	default:
		_ = syscall.Kill(-s.PID, syscall.SIGKILL) // nobody needs what it holds any more
		<-s.done
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "server")); err != nil {
		panic(err) // a folder of our own
	}
}
