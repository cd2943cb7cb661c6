package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/worker-tier/worker-tier/test/bench/peers/peer"
	"github.com/worker-tier/worker-tier/test/bench/work"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// side is one of those compared.
type side struct {
	name    string // begins the names of its figures; "": the worker
	prepare func(context.Context, *round) error
	environ func(*round) []string
	sender  func(context.Context, *round) (sender, error)
	backlog func(context.Context, *round, []submission) error // sends many
	// impatient: after a signal it waits for its long poll to end, up to 20 s, and a second signal ends it at once.
	impatient bool
	// rigid: it does not extend visibility timeouts.
	rigid bool
}

func (s side) label() string {
	if s.name == "" {
		return "worker"
	}
	return s.name
}

var (
	theWorker = side{prepare: prepareWorker, environ: workerEnviron, sender: toQueue, backlog: batchToQueue}
	gocloud   = side{name: "gocloud", environ: peerEnviron, sender: toQueue, backlog: batchToQueue, prepare: func(ctx context.Context, r *round) error {
		return r.createTable(ctx, r.table(), "pk")
	}}
	machinery = side{name: "machinery", environ: peerEnviron, sender: byMachinery, backlog: oneByOne, impatient: true, rigid: true, prepare: func(ctx context.Context, r *round) error {
		if err := r.createTable(ctx, r.table(), "TaskUUID"); err != nil {
			return err
		}
		return r.createTable(ctx, r.table()+"-groups", "GroupUUID")
	}}
	sides = []side{theWorker, gocloud, machinery}
)

// contentType of the worker's jobs.
const contentType = "bench"

func prepareWorker(ctx context.Context, r *round) error {
	if err := localaws.NewJobTable(ctx, dynamodb.NewFromConfig(r.aws), r.table()); err != nil {
		return err
	}
	_, err := s3.NewFromConfig(r.aws).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(r.name)})
	return err
}

func workerEnviron(r *round) []string {
	settings := contract.Settings{
		Tier: r.name, Environment: "bench", ContentType: contentType, Processor: "bench", Processes: r.slots,
		QueueURL: r.queue, DeadLetterQueueURL: r.dead, Table: r.table(), ArtifactsBucket: r.name,
		Timing: contract.Timing{
			Lease: r.lease, Heartbeat: r.heartbeat, Sweep: r.sweep, Checkpoint: r.checkpoint,
			DrainBudget: r.defaults.Job.DrainBudget, Stall: r.defaults.Job.Stall,
		},
		Retry: r.defaults.Retry,
	}
	var environ []string
	for name, value := range settings.Environ() {
		environ = append(environ, name+"="+value)
	}
	return environ
}

func peerEnviron(r *round) []string {
	return peer.Settings{QueueURL: r.queue, Table: r.table(), Slots: r.slots, Lease: r.lease, Heartbeat: r.heartbeat, Checkpoint: r.checkpoint}.Environ()
}

// createTable creates a table with one string as its key and waits until it can be used.
func (r *round) createTable(ctx context.Context, name, key string) error {
	client := dynamodb.NewFromConfig(r.aws)
	if _, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: &key, KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &key, AttributeType: types.ScalarAttributeTypeS}},
	}); err != nil {
		return err
	}
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond })
	return waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, time.Minute)
}

// commandOf is a side's program in a round; its traffic goes through the meter at url.
func (r *round) commandOf(url string, args ...string) *exec.Cmd {
	program := filepath.Join(r.programs, r.side.label())
	cmd := exec.Command(program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), work.EnvJournal + "=" + r.journal}, r.environ(r)...)
	for _, v := range r.server.Environ() {
		if !strings.HasPrefix(v, "AWS_ENDPOINT_URL=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+url)
	return cmd
}

// sender sends jobs one by one until it is closed.
type sender struct {
	send  func(submission) error
	close func() error
}

// toQueue sends as producers of the worker do.
func toQueue(ctx context.Context, r *round) (sender, error) {
	client := sqs.NewFromConfig(r.aws)
	send := func(s submission) error {
		s.Payload.Sent = time.Now().UnixNano()
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.queue, MessageBody: aws.String(encode(s))})
		return err
	}
	return sender{send, func() error { return nil }}, nil
}

// batchToQueue does the same, ten to a request.
func batchToQueue(ctx context.Context, r *round, all []submission) error {
	client := sqs.NewFromConfig(r.aws)
	for batch := range slices.Chunk(all, 10) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &r.queue}
		for _, s := range batch {
			s.Payload.Sent = time.Now().UnixNano()
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(s.ID), MessageBody: aws.String(encode(s))})
		}
		if _, err := client.SendMessageBatch(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// byMachinery sends with machinery's own code, which says when the payload was sent.
func byMachinery(ctx context.Context, r *round) (sender, error) {
	cmd := r.commandOf(r.producer.URL, "send")
	var said bytes.Buffer
	cmd.Stderr = &said
	lines, err := cmd.StdinPipe()
	if err != nil {
		return sender{}, err
	}
	if err := cmd.Start(); err != nil {
		return sender{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // it may have ended
	send := func(s submission) error {
		_, err := io.WriteString(lines, encode(s)+"\n")
		return err
	}
	return sender{send, func() error {
		defer stop()
		if err := errors.Join(lines.Close(), cmd.Wait()); err != nil {
			return fmt.Errorf("machinery send: %w: %s", err, strings.TrimSpace(said.String()))
		}
		return nil
	}}, nil
}

// oneByOne sends many jobs with machinery, which has no batches.
func oneByOne(ctx context.Context, r *round, all []submission) error {
	to, err := byMachinery(ctx, r)
	if err != nil {
		return err
	}
	for _, s := range all {
		if err := to.send(s); err != nil {
			return errors.Join(err, to.close())
		}
	}
	return to.close()
}

func encode(s submission) string {
	text, _ := json.Marshal(s) // strings and numbers always marshal
	return string(text)
}
