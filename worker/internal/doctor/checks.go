package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// mostSkew is how wrong the clock may be. AWS takes requests signed up to five minutes off, but the times at which
// jobs may run again are the worker's own, and an instance with time synchronisation is off by milliseconds.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const mostSkew = time.Minute

// Checks try all that a worker needs beside its settings. They leave out calls that would touch jobs and messages of others:
// receiving, deleting, sending and giving back messages, and publishing metrics.
func Checks(cfg aws.Config, settings contract.Settings, clock lease.Clock, random *rand.Rand) []Probe {
	tables := dynamodb.NewFromConfig(cfg)
	table := store.NewDynamo(tables, settings.Table)
	messages := queue.NewSQS(sqs.NewFromConfig(cfg), settings.QueueURL, settings.DeadLetterQueueURL)
	objects := blob.NewS3(s3.NewFromConfig(cfg), settings.ArtifactsBucket)
	control := sweep.ControlKey(settings.ContentType)
	return []Probe{
		{Name: "instance", Run: func(ctx context.Context) (string, error) { return inItsGroup(ctx, cfg, settings) }},
		{Name: "disk", Run: func(context.Context) (string, error) { return rootVolume(settings.RootVolume) }},
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
			j, err := SelfTest{
				Store: table, Clock: clock, Rand: random, ContentType: settings.ContentType, Worker: thisInstance(ctx, cfg),
				Timing: settings.Timing,
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
		return imds.OffEC2().ID
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
