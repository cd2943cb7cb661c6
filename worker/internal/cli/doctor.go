package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/doctor"
	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/socket"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

type doctorCommand struct {
	Document string `type:"path" default:"/etc/chef/first-boot.json" help:"First-boot document with the settings, used where the environment has no WORKER_CONTENT_TYPE."`
	Socket   string `default:"/run/worker/watch.sock" help:"Socket at which the worker here may be watched."`
	JSON     bool   `help:"Print the results as JSON."`
}

// Help is shown by 'worker doctor --help'.
func (c *doctorCommand) Help() string {
	return "Run on the instance: tries what a worker needs, as the instance's boot does, and says what is wrong and what to do. The self-test claims, renews and hands back a job of its own, which nobody else sees (three write units). Exit status 0: all checks passed."
}

// checkView is a check's result as it is printed for machines.
type checkView struct {
	Check   string  `json:"check"`
	OK      bool    `json:"ok"`
	Detail  string  `json:"detail"` // what was found, or what is wrong and what to do
	Seconds float64 `json:"seconds"`
}

func (c *doctorCommand) Run(ctx context.Context, e *env) error {
	var views []checkView
	for _, r := range c.examine(ctx, e) {
		v := checkView{Check: r.Check, OK: r.Err == nil, Detail: r.Found, Seconds: r.Took.Seconds()}
		if !v.OK {
			v.Detail = awsaccess.Explain(r.Err)
		}
		views = append(views, v)
	}
	if err := c.print(e, views); err != nil {
		return err
	}
	if slices.ContainsFunc(views, func(v checkView) bool { return !v.OK }) {
		return errReported
	}
	return nil
}

// examine checks the settings and, if they can be used, all that they name.
func (c *doctorCommand) examine(ctx context.Context, e *env) []doctor.Result {
	document := c.Document
	if _, set := os.LookupEnv(contract.EnvContentType); set {
		document = ""
	}
	settings, cfg, err := e.placement(ctx, document)
	first := doctor.Result{Check: "settings", Found: fmt.Sprintf("content type %s, processor %s, %d processes", settings.ContentType, settings.Processor, settings.Processes), Err: err}
	if err != nil {
		return []doctor.Result{first}
	}
	checks := doctor.Checks(cfg, settings, supervisor.SystemClock{}, supervisor.Random())
	checks = append(checks, doctor.Probe{Name: "worker", Run: c.ask})
	return append([]doctor.Result{first}, doctor.Examine(ctx, checks, doctor.Patience{})...)
}

// ask asks the worker that runs here whether jobs can begin and get on. It alone can tell: its folders and its limits are
// those of its unit.
func (c *doctorCommand) ask(ctx context.Context) (string, error) {
	ready, err := socket.Report(ctx, c.Socket, socket.ReadyPath)
	switch {
	case errors.Is(err, socket.ErrNoWorker):
		return "none runs here", nil
	case err != nil:
		return "", err
	}
	var troubled []health.Check
	for _, check := range ready.Checks {
		if check.Name == health.Instance || check.Name == health.Failures {
			troubled = append(troubled, check)
		}
	}
	if failed := health.Of(troubled...).Failed(); failed != "" {
		return "", errors.New(failed)
	}
	return "the one that runs here can begin jobs", nil
}

func (c *doctorCommand) print(e *env, views []checkView) error {
	if c.JSON {
		return e.out.JSON(views)
	}
	rows := [][]string{{"CHECK", "RESULT", "TOOK", "DETAIL"}}
	for _, v := range views {
		result := "ok"
		if !v.OK {
			result = "FAILED"
		}
		took := time.Duration(v.Seconds * float64(time.Second)).Round(time.Millisecond)
		rows = append(rows, []string{v.Check, result, took.String(), v.Detail})
	}
	return e.out.Table(rows)
}

// placement is what the worker here is told: the settings of a first-boot document or, with "", of the environment.
func (e *env) placement(ctx context.Context, document string) (settings contract.Settings, cfg aws.Config, err error) {
	if document != "" {
		if err := takeEnvironment(document); err != nil {
			return settings, cfg, err
		}
	}
	if settings, err = e.settings(); err != nil {
		return settings, cfg, err
	}
	cfg, err = awsaccess.ConfigWithRegion(ctx)
	return settings, cfg, err
}
