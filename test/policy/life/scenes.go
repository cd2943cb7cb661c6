package life

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

const (
	queueKind = "AWS::SQS::Queue"
	secret    = "docs-source"
	// drainTime is how long the program takes to stop.
	drainTime = 2 * time.Second
)

// playAll plays the worker's life, scene by scene.
func (l *life) playAll(ctx context.Context, say func(string, ...any)) error {
	for _, scene := range []struct {
		text string
		play func(context.Context) error
	}{
		{"a job whose bell got lost is rung again, a bad message is dead-lettered", l.rung},
		{"jobs write artifacts, read another content type's, and use what the configuration grants", l.worked},
		{"the bundle and the content type's files are there for the role", l.fetched},
		{"a busy instance is protected; its job is reaped and resumed when it dies", l.reaped},
		{"a message is returned", l.returned},
		{"a terminated instance drains, heartbeats its hook and completes it", l.drained},
		{"an instance that drains for a reason of its own asks its group for another", l.replaced},
		{"an instance whose worker died for good has itself replaced", l.gaveUp},
		{"metrics are published, once a minute", l.called("PutMetricData")},
	} {
		start := time.Now()
		if err := scene.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", scene.text, err)
		}
		say("%s (%s)", scene.text, time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

// rung submits a job to a type without instances and loses its bell; then an instance starts.
func (l *life) rung(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, l.tier.worker, "submit", "--type", "backup", "--id", "rung", "--payload", `{"source": {"directory": "`+l.tier.assembly+`"}}`)
	cmd.Env = append(localtier.WithoutAWS(os.Environ()), append(l.Server.Environ(), contract.EnvTier+"="+l.tier.config.Name, contract.EnvEnvironment+"="+environment)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("worker submit: %w: %s", err, out)
	}
	queue, err := l.resource(ctx, "backup", queueKind, "PoolQueue")
	if err != nil {
		return err
	}
	if _, err := l.deployed.Queues.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &queue}); err != nil {
		return err
	}
	if err := l.makeDue(ctx, "backup#rung"); err != nil {
		return err
	}
	if err := l.send(ctx, "backup", "this is no envelope"); err != nil {
		return err
	}
	if err := l.setDesired(ctx, "backup", 1); err != nil {
		return err
	}
	if err := l.awaitDone(ctx, "backup", "rung"); err != nil {
		return err
	}
	dead, err := l.resource(ctx, "backup", queueKind, "PoolDeadLetterQueue")
	if err != nil {
		return err
	}
	return await(ctx, "the bad message in the dead-letter queue", func(ctx context.Context) (bool, error) {
		got, err := l.deployed.Queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &dead})
		return err == nil && len(got.Messages) == 1, err
	})
}

// worked runs a job that uses all that the configuration grants, and a backup of what it wrote.
func (l *life) worked(ctx context.Context) error {
	if _, err := secretsmanager.NewFromConfig(l.AWS).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new(secret), SecretString: new("a password")}); err != nil {
		return err
	}
	if err := l.setDesired(ctx, "docs", 1); err != nil {
		return err
	}
	if err := l.submit(ctx, "docs", "granted", ""); err != nil {
		return err
	}
	if err := l.awaitDone(ctx, "docs", "granted"); err != nil {
		return err
	}
	for _, id := range []string{"first", "second"} { // the second finds its packs there
		if err := l.send(ctx, "backup", `{"id": "`+id+`", "payload": {"source": {"s3": {"bucket": "`+l.deployed.Artifacts.Name+`", "prefix": "docs/"}}}}`); err != nil {
			return err
		}
		if err := l.awaitDone(ctx, "backup", id); err != nil {
			return err
		}
	}
	return nil
}

// fetched fetches what the script in user-data fetches, by its role.
func (l *life) fetched(ctx context.Context) error {
	for _, i := range l.Launcher.Instances() {
		store := s3.NewFromConfig(l.as(l.roleOf(i), i.AWS.URL))
		objects := []contract.Object{i.Document.WorkerTier.Bundle}
		if files := i.Document.WorkerTier.Files; files != nil {
			objects = append(objects, *files)
		}
		for _, o := range objects {
			got, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key})
			if err != nil {
				return fmt.Errorf("%s: s3://%s/%s: %w", i.ContentType, o.Bucket, o.Key, err)
			}
			_ = got.Body.Close()
		}
	}
	return nil
}

// reaped cuts the power of an instance in mid job.
func (l *life) reaped(ctx context.Context) error {
	if err := l.submit(ctx, "docs", "reaped", drainTime.String()); err != nil {
		return err
	}
	if err := l.underWay(ctx, "docs", "reaped"); err != nil {
		return err
	}
	i, err := l.instance(ctx, "docs")
	if err != nil {
		return err
	}
	if err := l.called("SetInstanceProtection")(ctx); err != nil {
		return err
	}
	i.Machine.PowerCut()
	return l.awaitDone(ctx, "docs", "reaped")
}

// drained takes an instance out of its group in mid job, whose program does not hurry.
func (l *life) drained(ctx context.Context) error {
	if err := l.submit(ctx, "docs", "drained", drainTime.String()); err != nil {
		return err
	}
	if err := l.underWay(ctx, "docs", "drained"); err != nil {
		return err
	}
	i, err := l.instance(ctx, "docs")
	if err != nil {
		return err
	}
	if err := l.setDesired(ctx, "docs", 0); err != nil {
		return err
	}
	if err := i.AwaitEnd(ctx, sceneTime); err != nil {
		return err
	}
	if err := l.awaitJob(ctx, "docs", "drained", "handed back", func(r localtier.Record) bool { return r.State == "READY" && r.Drains >= 1 }); err != nil {
		return err
	}
	if err := l.setDesired(ctx, "docs", 1); err != nil {
		return err
	}
	return l.awaitJob(ctx, "docs", "drained", "DONE", func(r localtier.Record) bool { return localtier.IsDone(r) && r.Drains >= 1 })
}

// replaced recommends an instance to go.
func (l *life) replaced(ctx context.Context) error {
	i, err := l.instance(ctx, "docs")
	if err != nil {
		return err
	}
	i.Metadata.RecommendRebalance(time.Now())
	return l.goesAndIsReplaced(ctx, i)
}

// gaveUp runs what the unit worker-failed.service runs.
func (l *life) gaveUp(ctx context.Context) error {
	i, err := l.instance(ctx, "docs")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(i.Dir, "bin", "worker"), "boot", "unhealthy")
	cmd.Env = append(localtier.WithoutAWS(os.Environ()), "AWS_ENDPOINT_URL="+i.AWS.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+i.Metadata.URL)
	for name, value := range i.Document.WorkerTier.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("worker boot unhealthy: %w: %s", err, out)
	}
	return l.goesAndIsReplaced(ctx, i)
}

// returned returns a message in the worker's place: between the answer to a long poll and a drain there is
// too little time to meet it on purpose.
func (l *life) returned(ctx context.Context) error {
	i, err := l.instance(ctx, "backup")
	if err != nil {
		return err
	}
	queue := i.Document.WorkerTier.Environment[contract.EnvQueueURL]
	queues := sqs.NewFromConfig(l.as(l.roleOf(i), l.standIn.URL))
	if err := l.setDesired(ctx, "backup", 0); err != nil {
		return err
	}
	<-i.Machine.Done() // its worker would take the message first
	if err := l.send(ctx, "backup", "this is no envelope either"); err != nil {
		return err
	}
	got, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 20})
	if err != nil || len(got.Messages) != 1 {
		return fmt.Errorf("received %d messages, want 1: %w", len(got.Messages), err)
	}
	_, err = queues.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &queue, ReceiptHandle: got.Messages[0].ReceiptHandle})
	return err
}
