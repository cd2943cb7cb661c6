package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/doctor"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

type doctorCommand struct {
	Document string `type:"path" default:"/etc/chef/first-boot.json" help:"First-boot document with the settings, used where the environment has no WORKER_CONTENT_TYPE."`
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
	return append([]doctor.Result{first}, doctor.Examine(ctx, doctor.Checks(cfg, settings, supervisor.SystemClock{}, supervisor.Random()), doctor.Patience{})...)
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
