package localtier

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// CDK is the stock CDK command line, against the local AWS or the user's own account.
type CDK struct {
	Root        string           // of the project
	Dir         string           // for cdk.log, where everything that the CDK says goes, and its output
	Server      *localaws.Server // nil: what the user's own environment names
	Config      string           // file
	Environment string           // of the config
	App         string           // the program that makes the stacks; "": what the project's cdk.json names
	Project     string           // folder with cdk.context.json; "": Root
}

// CDKProgram is where the project has the CDK command line.
func CDKProgram(root string) string { return filepath.Join(root, "node_modules", ".bin", "cdk") }

// CheckCDK says what to do where Node.js or the CDK command line is not installed; target is the make target that installs the
// latter, too.
func CheckCDK(root, target string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return fmt.Errorf("node is not on the PATH: install Node.js 20 or later, then run make %s again", target)
	}
	if _, err := os.Stat(CDKProgram(root)); err != nil {
		return fmt.Errorf("the CDK command line is not at %s: run make tools, or make %s, which does", CDKProgram(root), target)
	}
	return nil
}

// CheckProcesses says what to do where a make target cannot run instances as processes and deploy for them. doing says what
// it does with the processes.
func CheckProcesses(root, target, doing string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%s Linux processes and this is %s: run it in a Linux machine or container", doing, runtime.GOOS)
	}
	if _, err := exec.LookPath("python3"); err != nil {
		return fmt.Errorf("python3 is not on the PATH: install it, then run make %s again", target)
	}
	return CheckCDK(root, target)
}

// waitDelay is how long a command that was cut short may be kept by what it started, which holds its output.
const waitDelay = 10 * time.Second

// run runs a command of the CDK in a folder and returns what it said.
func (c CDK) run(ctx context.Context, dir string, args ...string) (string, error) {
	log, err := os.OpenFile(filepath.Join(c.Dir, "cdk.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { _ = log.Close() }()
	fmt.Fprintln(log, "$ cdk", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, CDKProgram(c.Root), args...)
	cmd.Dir = dir
	cmd.WaitDelay = waitDelay
	if c.Server != nil {
		cmd.Env = append(WithoutAWS(os.Environ()), c.Server.CDKEnviron()...)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	_, _ = log.Write(said.Bytes()) // it is in the error too
	if err != nil {
		return "", fmt.Errorf("cdk %s: %w; it ended with:\n%s", args[0], err, lastLines(said.String(), 15))
	}
	return said.String(), nil
}

// app runs a command that synthesises the app.
func (c CDK) app(ctx context.Context, args ...string) (string, error) {
	if c.App != "" {
		args = append(args, "--app", c.App)
	}
	return c.run(ctx, cmp.Or(c.Project, c.Root), append(args, "--context", "env="+c.Environment, "--context", "config="+c.Config,
		"--output", filepath.Join(c.Dir, "cdk.out"), "--no-color", "--no-notices")...)
}

// Bootstrap prepares the local account. It runs where there is no cdk.json: it needs no app.
func (c CDK) Bootstrap(ctx context.Context) error {
	_, err := c.run(ctx, c.Dir, "bootstrap", "aws://"+localaws.Account+"/"+localaws.Region, "--no-color", "--no-notices")
	return err
}

// Deploy deploys stacks, by name or with --all.
func (c CDK) Deploy(ctx context.Context, stacks ...string) error {
	_, err := c.app(ctx, append([]string{"deploy", "--require-approval", "never", "--concurrency", "4"}, stacks...)...)
	return err
}

// Destroy destroys stacks, by name or with --all.
func (c CDK) Destroy(ctx context.Context, stacks ...string) error {
	_, err := c.app(ctx, append([]string{"destroy", "--force"}, stacks...)...)
	return err
}

// Diff says which stacks differ from what is deployed, and which do not.
func (c CDK) Diff(ctx context.Context) (differ, same []string, err error) {
	parts, err := c.Differences(ctx)
	for _, p := range parts {
		if p.Text == "" {
			same = append(same, p.Stack)
		} else {
			differ = append(differ, p.Stack)
		}
	}
	return differ, same, err
}

// Difference is what cdk diff says about one stack.
type Difference struct {
	Stack string
	Text  string // "" if there is no difference
}

// resource begins the line of cdk diff about a resource.
var resource = regexp.MustCompile(`(?m)^\[[-+~]\] AWS::\w+::(\w+) `)

// Resources are the types of the resources that differ, without AWS:: and the service, each once.
func (d Difference) Resources() []string {
	types := map[string]bool{}
	for _, found := range resource.FindAllStringSubmatch(d.Text, -1) {
		types[found[1]] = true
	}
	return slices.Sorted(maps.Keys(types))
}

// Differences is what cdk diff says, stack by stack.
func (c CDK) Differences(ctx context.Context) ([]Difference, error) {
	said, err := c.app(ctx, "diff")
	return readDiff(said), err
}

// DeployDiffed deploys stacks, by name or with --all, as they were synthesised for the last diff.
func (c CDK) DeployDiffed(ctx context.Context, stacks ...string) error {
	c.App = filepath.Join(c.Dir, "cdk.out")
	return c.Deploy(ctx, stacks...)
}

// ResetContext forgets what earlier synths looked up.
func (c CDK) ResetContext(ctx context.Context) error {
	_, err := c.app(ctx, "context", "--clear")
	return err
}

// stackHeading begins what cdk diff says about a stack.
var stackHeading = regexp.MustCompile(`(?m)^Stack (\S+)`)

// readDiff reads what cdk diff says: a part for each stack, with its differences or that there are none.
func readDiff(said string) []Difference {
	headings := stackHeading.FindAllStringSubmatchIndex(said, -1)
	var parts []Difference
	for n, h := range headings {
		end := len(said)
		if n+1 < len(headings) {
			end = headings[n+1][0]
		}
		p := Difference{Stack: said[h[2]:h[3]]}
		if text := said[h[1]:end]; !strings.Contains(text, "There were no differences") {
			p.Text = text
		}
		parts = append(parts, p)
	}
	return parts
}

// WithoutAWS is an environment without the user's AWS settings.
func WithoutAWS(environ []string) []string {
	var out []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "AWS_") {
			out = append(out, v)
		}
	}
	return out
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-n):], "\n  ")
}
