// Package local makes the base image of local machines: a folder with Debian 12, what the list of [image.Contents] asks
// for, and the real Chef client. It is test material: real instances start from an AMI.
package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/image"
)

const suite = "bookworm" // Debian 12

// gems are Chef's client, and what it needs on Debian for the resource user.
var gems = []string{"chef", "chef-bin", "ruby-shadow"}

// With these packages Chef's gems run and, until they are compiled, are built.
var (
	rubyPackages  = []string{"ruby", "libarchive13"}
	buildPackages = []string{"ruby-dev", "gcc", "g++", "make", "libffi-dev", "patch"}
)

//go:embed build.sh
var buildScript string

//go:embed all:root
var files embed.FS

// gemSums is the file with the sums of all gem files, for build.sh.
const gemSums = "gems.sha256"

// GemsVariable names a folder that holds the gem files of the image's list; without it they come from the registry that gem
// knows. Their digests are checked either way.
const GemsVariable = "CHEF_GEMS"

// buildTime bounds a build; it takes one to three minutes.
const buildTime = 15 * time.Minute

// Check says what is missing to build an image and boot machines from it.
func Check() error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("machines need Linux and root: run this as root, or use processes (make demo)")
	}
	for _, need := range []struct{ command, pkg string }{
		{"systemd-nspawn", "systemd-container"}, {"debootstrap", "debootstrap"}, {"ip", "iproute2"}, {"unshare", "util-linux"},
	} {
		if _, err := exec.LookPath(need.command); err != nil {
			return fmt.Errorf("machines need %s: apt-get install systemd-container debootstrap iproute2 util-linux, or use processes (make demo)", need.command)
		}
	}
	return nil
}

// Build returns the folder of the image: <dir>/.build/image/<digest of what it is made of>. It is made if it is not
// there, by one process at a time; what others have left half-built is removed. It must not be written to.
func Build(ctx context.Context, dir string, out io.Writer) (string, error) {
	if err := Check(); err != nil {
		return "", err
	}
	parent, err := filepath.Abs(filepath.Join(dir, ".build", "image"))
	if err != nil {
		return "", err
	}
	digest, err := digest()
	if err != nil {
		return "", err
	}
	done := filepath.Join(parent, digest)
	return done, put(ctx, done, out, buildScript)
}

// put makes a folder with a script, which gets its name, unless it is there.
func put(ctx context.Context, done string, out io.Writer, script string) error {
	parent := filepath.Dir(done)
	if isDir(done) {
		return nil
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("local base image: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(parent, "lock"))
	if err != nil {
		return fmt.Errorf("local base image: %w", err)
	}
	defer unlock()
	if isDir(done) {
		return nil // somebody else's, while this one waited
	}
	if err := create(ctx, done, out, script); err != nil {
		return fmt.Errorf("local base image: %w", err)
	}
	return nil
}

// create makes the folder beside its place and then puts it there.
func create(ctx context.Context, done string, out io.Writer, script string) error {
	parent := filepath.Dir(done)
	if err := removeDrafts(parent); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(parent, draftPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	inputs := filepath.Join(draft, "inputs")
	if err := os.CopyFS(inputs, files); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(inputs, gemSums), []byte(image.GemSums()), 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, buildTime, fmt.Errorf("not done within %s", buildTime))
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-c", script, "build", filepath.Join(draft, "image"))
	cmd.Env = append(os.Environ(), environ(inputs)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if out != nil {
		fmt.Fprintln(out, "making the local base image; this takes one to three minutes, once")
	}
	if err := isolated(cmd); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%w; the build ended with:\n%s", err, lastLines(said.String(), 20))
	}
	return os.Rename(filepath.Join(draft, "image"), done)
}

// environ tells build.sh what to install.
func environ(inputs string) []string {
	var packages []string
	for _, c := range image.Contents().Contents {
		packages = append(packages, c.Debian...)
	}
	return []string{
		"suite=" + suite,
		"packages=" + strings.Join(append(packages, rubyPackages...), " "),
		"build=" + strings.Join(buildPackages, " "),
		"gems=" + strings.Join(gems, " "),
		"gem_list=" + filepath.Join(inputs, gemSums),
		"files=" + filepath.Join(inputs, "root"),
	}
}

// isolated runs a command in a mount and a process namespace of its own, so that nothing that it mounts or starts outlives
// it; it is killed with the thread that started it.
func isolated(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNS, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ended <- cmd.Run()
	}()
	return <-ended
}

const draftPrefix = ".draft-"

// removeDrafts removes what builds have left that were killed; it is called by the only build there is.
func removeDrafts(parent string) error {
	left, err := filepath.Glob(filepath.Join(parent, draftPrefix+"*"))
	for _, draft := range left {
		err = errors.Join(err, os.RemoveAll(draft))
	}
	return err
}

// lock waits until this process has the lock of a file, which ends with it.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// digest is of everything that an image is made of.
func digest() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.GOARCH, environ(""), buildScript, image.GemSums())
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		fmt.Fprintf(sum, "%q %d\n%s", path, len(content), content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-n):], "\n  ")
}
