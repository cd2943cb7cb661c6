package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/doctor"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// mostSkew is how wrong the clock may be. AWS takes requests signed up to five minutes off, but the times at which
// jobs may run again are the worker's own, and an instance with time synchronisation is off by milliseconds.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const mostSkew = time.Minute

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
			v.Detail = explain(r.Err)
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
	return append([]doctor.Result{first}, doctor.Examine(ctx, checks(cfg, settings), doctor.Patience{})...)
}

func (c *doctorCommand) print(e *env, views []checkView) error {
	if c.JSON {
		return printJSON(e.out, views)
	}
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tRESULT\tTOOK\tDETAIL")
	for _, v := range views {
		result := "ok"
		if !v.OK {
			result = "FAILED"
		}
		took := time.Duration(v.Seconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", v.Check, result, took, v.Detail)
	}
	return table.Flush()
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
	cfg, err = regionConfig(ctx)
	return settings, cfg, err
}

// checks are all that a worker needs beside its settings. What cannot be tried without touching jobs and messages of
// others is left out: to receive, delete, send and give back messages, to publish metrics.
func checks(cfg aws.Config, settings contract.Settings) []doctor.Check {
	clock, random := supervisor.SystemClock{}, supervisor.Random()
	tables := dynamodb.NewFromConfig(cfg)
	table := store.NewDynamo(tables, settings.Table)
	messages := queue.NewSQS(sqs.NewFromConfig(cfg), settings.QueueURL, settings.DeadLetterQueueURL)
	objects := blob.NewS3(s3.NewFromConfig(cfg), settings.ArtifactsBucket)
	control := sweep.ControlKey(settings.ContentType)
	return []doctor.Check{
		{Name: "instance", Run: func(ctx context.Context) (string, error) { return inItsGroup(ctx, cfg, settings) }},
		{Name: "clock", Run: func(ctx context.Context) (string, error) { return rightTime(ctx, tables, settings.Table, control) }},
		{Name: "table", Run: func(ctx context.Context) (string, error) {
			_, err := table.Get(ctx, control)
			return settings.Table + " can be read", err
		}},
		{Name: "index", Run: func(ctx context.Context) (string, error) {
			_, err := table.CountDue(ctx, job.DuePartition(settings.ContentType, 0), job.DueRunning, job.DueRunning)
			return "jobs that need attention can be found", err
		}},
		{Name: "self-test", Run: func(ctx context.Context) (string, error) {
			j, err := doctor.SelfTest{
				Store: table, Clock: clock, Rand: random, ContentType: settings.ContentType, Worker: thisInstance(ctx, cfg), Timing: settings.Timing,
			}.Run(ctx)
			return fmt.Sprintf("job %s was claimed, renewed and handed back", j.ID), err
		}},
		{Name: "queue", Run: func(ctx context.Context) (string, error) {
			n, err := messages.Visible(ctx)
			return fmt.Sprintf("%d messages wait", n), err
		}},
		{Name: "bucket", Run: func(ctx context.Context) (string, error) {
			key := contract.SpillPrefix(settings.ContentType, fmt.Sprintf("selftest.%016x", random.Uint64())) + "object"
			return "an object was written, read and deleted", keepsObjects(ctx, objects, key)
		}},
	}
}

// thisInstance is the id by which a worker here claims jobs: the host's name where this is no EC2 instance.
func thisInstance(ctx context.Context, cfg aws.Config) string {
	instance, err := imds.New(cfg).Discover(ctx)
	if err != nil {
		return hostname()
	}
	return instance.ID
}

// inItsGroup looks who this instance is. Where a hook is named there must be a group to tell.
func inItsGroup(ctx context.Context, cfg aws.Config, settings contract.Settings) (string, error) {
	instance, err := imds.New(cfg).Discover(ctx)
	switch hooked := settings.LaunchHook != "" || settings.TerminationHook != ""; {
	case err != nil && !hooked:
		return "not on an EC2 instance", nil
	case err != nil:
		return "", fmt.Errorf("this is no EC2 instance, or its metadata does not answer: %w", err)
	case instance.Group == "" && hooked:
		return "", fmt.Errorf("instance %s is in no Auto Scaling group: are tags in its metadata allowed (InstanceMetadataTags of the launch template)?", instance.ID)
	case instance.Group == "":
		return instance.ID + ", in no Auto Scaling group", nil
	}
	return instance.ID + " of group " + instance.Group, nil
}

// rightTime compares this machine's clock with that of the table's endpoint.
func rightTime(ctx context.Context, tables *dynamodb.Client, table, key string) (string, error) {
	out, err := tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: key}}})
	if err != nil {
		return "", err
	}
	theirs, told := awsmiddleware.GetServerTime(out.ResultMetadata)
	ours, heard := awsmiddleware.GetResponseAt(out.ResultMetadata)
	if !told || !heard {
		return "the endpoint does not say what time it is", nil
	}
	skew := ours.Sub(theirs).Round(time.Second) // an answer's Date has whole seconds
	if skew.Abs() > mostSkew {
		return "", fmt.Errorf("this machine's clock is off by %s: is time synchronisation running (systemctl status chronyd, or systemd-timesyncd)?", skew)
	}
	return fmt.Sprintf("at most %s from that of AWS", skew.Abs()+time.Second), nil
}

// keepsObjects writes, reads and deletes an object as the worker does with what is too large for the table.
func keepsObjects(ctx context.Context, objects *blob.S3, key string) error {
	content := []byte("self-test")
	if err := objects.Put(ctx, key, content); err != nil {
		return err
	}
	got, err := objects.Get(ctx, key)
	if err == nil && !bytes.Equal(got, content) {
		err = fmt.Errorf("object %s: %q was written, and %q read", key, content, got)
	}
	return errors.Join(err, objects.Delete(ctx, key))
}

// examined is the failure of a worker that its instance must not count with: one sentence for each reason.
func examined(results []doctor.Result) error {
	var reasons []string
	failed := map[string][]string{} // checks by reason
	for _, r := range results {
		if r.Err == nil {
			continue
		}
		reason := explain(r.Err)
		if failed[reason] == nil {
			reasons = append(reasons, reason)
		}
		failed[reason] = append(failed[reason], r.Check)
	}
	if len(reasons) == 0 {
		return nil
	}
	for i, reason := range reasons {
		reasons[i] = strings.Join(failed[reason], ", ") + ": " + reason
	}
	return fmt.Errorf("the worker's check failed: %s", strings.Join(reasons, "; "))
}

// waited logs a failure that is waited out.
func waited(ctx context.Context, log *slog.Logger) func(doctor.Check, error) {
	return func(c doctor.Check, err error) {
		log.WarnContext(ctx, "check failed, trying again", "check", c.Name, "error", err.Error())
	}
}
