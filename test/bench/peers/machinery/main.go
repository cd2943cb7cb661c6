// Command machinery is the peer of make bench that is written with machinery v2: SQS as its broker, DynamoDB as its
// result backend, set up as its documentation says, with long polls.
//
//	machinery        works until SIGTERM
//	machinery send   sends a job for each line {"id", "payload"} of its standard input
//
// Less than the worker: no cursor (a job that moves begins anew), no heartbeat and no extension of the visibility timeout,
// which must therefore be longer than any job, no fencing, no processes of their own for jobs, and a stop waits for the jobs to end.
// More: it keeps results, groups and chords of tasks.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/RichardKnop/machinery/v2"
	backend "github.com/RichardKnop/machinery/v2/backends/dynamodb"
	broker "github.com/RichardKnop/machinery/v2/brokers/sqs"
	"github.com/RichardKnop/machinery/v2/config"
	lock "github.com/RichardKnop/machinery/v2/locks/eager"
	"github.com/RichardKnop/machinery/v2/tasks"
	"github.com/aws/aws-sdk-go/aws"              //nolint:staticcheck // deprecated, but machinery takes no other
	"github.com/aws/aws-sdk-go/aws/session"      //nolint:staticcheck // deprecated, but machinery takes no other
	"github.com/aws/aws-sdk-go/service/dynamodb" //nolint:staticcheck // deprecated, but machinery takes no other
	"github.com/aws/aws-sdk-go/service/sqs"      //nolint:staticcheck // deprecated, but machinery takes no other

	"github.com/worker-tier/worker-tier/test/bench/peers/peer"
	"github.com/worker-tier/worker-tier/test/bench/work"
)

const taskName = "job"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "machinery:", err)
		os.Exit(1)
	}
}

func run() error {
	settings, err := peer.FromEnviron()
	if err != nil {
		return err
	}
	server, err := newServer(settings)
	if err != nil {
		return err
	}
	if len(os.Args) == 2 && os.Args[1] == "send" {
		return send(server)
	}
	if err := server.NewWorker("bench", settings.Slots).Launch(); !errors.Is(err, machinery.ErrWorkerQuitGracefully) {
		return err
	}
	return nil
}

func newServer(s peer.Settings) (*machinery.Server, error) {
	// This release of the SDK takes the endpoint from no variable.
	aws, err := session.NewSession(aws.NewConfig().WithEndpoint(os.Getenv("AWS_ENDPOINT_URL")))
	if err != nil {
		return nil, err
	}
	visibility := int(s.Lease / time.Second)
	cnf := &config.Config{
		Broker: strings.TrimSuffix(s.QueueURL, "/"+path.Base(s.QueueURL)), DefaultQueue: path.Base(s.QueueURL),
		ResultsExpireIn: 3600,
		SQS:             &config.SQSConfig{Client: sqs.New(aws), WaitTimeSeconds: 20, VisibilityTimeout: &visibility},
		DynamoDB:        &config.DynamoDBConfig{Client: dynamodb.New(aws), TaskStatesTable: s.Table, GroupMetasTable: s.Table + "-groups"},
	}
	server := machinery.NewServer(cnf, broker.New(cnf), backend.New(cnf), lock.New())
	return server, server.RegisterTask(taskName, task)
}

// task is a job: its argument is the payload.
func task(ctx context.Context, payload string) error {
	var p work.Payload
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		return err
	}
	id := tasks.SignatureFromContext(ctx).UUID
	if err := work.Note(id, work.Begun, p); err != nil {
		return err
	}
	for range p.Steps {
		if err := p.Step(ctx); err != nil {
			return err
		}
	}
	return work.Note(id, work.Ended, p)
}

func send(server *machinery.Server) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var m struct {
			ID      string       `json:"id"`
			Payload work.Payload `json:"payload"`
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return err
		}
		m.Payload.Sent = time.Now().UnixNano()
		payload, err := json.Marshal(m.Payload)
		if err != nil {
			return err
		}
		signature := &tasks.Signature{UUID: m.ID, Name: taskName, Args: []tasks.Arg{{Type: "string", Value: string(payload)}}}
		if _, err := server.SendTask(signature); err != nil {
			return fmt.Errorf("send job %s: %w", m.ID, err)
		}
	}
	return lines.Err()
}
