package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// most is the maximum of work's group in tier.yaml.
const most = 3

// payload is what a job is to do; see program.
type payload struct {
	Seconds   int
	Partition string
	Denied    bool
}

// queue is the URL of work's queue.
func (s *sandbox) queue(ctx context.Context) (string, error) {
	return localtier.Parameter(ctx, s.aws, contract.QueueURLParameter(tierName, s.environment, contentType))
}

// submit sends a job.
func (s *sandbox) submit(ctx context.Context, id string, what payload) error {
	queue, err := s.queue(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"id": id, "payload": what})
	if err != nil {
		return err
	}
	_, err = s.deployed.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: new(string(text))})
	return err
}

// awaitJobs waits until each of some jobs is as wanted, and returns them then. A job that is DEAD is an error.
func (s *sandbox) awaitJobs(ctx context.Context, ids []string, what string, onAWS time.Duration, wanted func(localtier.Record) bool) ([]localtier.Record, error) {
	records := make([]localtier.Record, len(ids))
	err := s.await(ctx, fmt.Sprintf("jobs %v to be %s", ids, what), onAWS, func(ctx context.Context) (bool, error) {
		all := true
		for n, id := range ids {
			var err error
			if records[n], err = s.deployed.Job(ctx, contentType, id); err != nil {
				return false, err
			}
			if records[n].State == "DEAD" {
				return false, fmt.Errorf("job %s is DEAD: %s", id, records[n].LastError)
			}
			all = all && wanted(records[n])
		}
		return all, nil
	})
	return records, err
}

// play submits one job and waits for its end.
func (s *sandbox) play(ctx context.Context, id string, what payload) error {
	if err := s.submit(ctx, id, what); err != nil {
		return err
	}
	_, err := s.awaitJobs(ctx, []string{id}, "DONE", 5*time.Minute, localtier.IsDone)
	return err
}

func (s *sandbox) runJob(ctx context.Context) error {
	return s.play(ctx, "first", payload{Seconds: 1})
}

func (s *sandbox) askOwn(ctx context.Context) error {
	return s.play(ctx, "own", payload{Partition: contract.DuePartition(contentType, 0)})
}

func (s *sandbox) askOther(ctx context.Context) error {
	return s.play(ctx, "other", payload{Partition: contract.DuePartition(otherType, 0), Denied: true})
}

// backlog are jobs that keep each instance of the largest group busy.
var backlog = []string{"long-1", "long-2", "long-3"}

// long is how many seconds they take: longer than the group to grow.
func (s *sandbox) long() int {
	if s.local {
		return 20
	}
	return 900
}

// grow sends more jobs than there are instances, with the alarms at work again.
func (s *sandbox) grow(ctx context.Context) error {
	group, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	if err := s.alarmsRest(ctx, group, false); err != nil {
		return err
	}
	for _, id := range backlog {
		if err := s.submit(ctx, id, payload{Seconds: s.long()}); err != nil {
			return err
		}
	}
	// The metrics of a queue that was inactive can take 15 minutes.
	if err := s.awaitAlarm(ctx, most, 25*time.Minute); err != nil {
		return err
	}
	return s.awaitServing(ctx, most, 15*time.Minute)
}

// drain has one of the busy instances terminated by its group, and follows its job to the end.
func (s *sandbox) drain(ctx context.Context) error {
	if _, err := s.awaitJobs(ctx, backlog, "RUNNING", 5*time.Minute, func(r localtier.Record) bool { return r.State == "RUNNING" }); err != nil {
		return err
	}
	if err := s.setDesired(ctx, most-1); err != nil {
		return err
	}
	held := false
	if err := s.await(ctx, "a job to be handed back", 5*time.Minute, func(ctx context.Context) (bool, error) {
		states, err := s.states(ctx)
		held = held || states[types.LifecycleStateTerminatingWait]+states[types.LifecycleStateTerminatingProceed] > 0 // a group without a hook has neither
		if err != nil {
			return false, err
		}
		for _, id := range backlog {
			if r, err := s.deployed.Job(ctx, contentType, id); err != nil || r.Drains > 0 {
				return err == nil && (held || s.local), err
			}
		}
		return false, nil
	}); err != nil {
		return err
	}
	records, err := s.awaitJobs(ctx, backlog, "DONE", 45*time.Minute, localtier.IsDone)
	for n, r := range records {
		if r.Failures+r.Crashes > 0 {
			return fmt.Errorf("job %s has %d failures and %d crashes, want none", backlog[n], r.Failures, r.Crashes)
		}
	}
	return err
}

// shrink waits until the idle group is gone.
func (s *sandbox) shrink(ctx context.Context) error {
	if err := s.awaitAlarm(ctx, 0, 30*time.Minute); err != nil {
		return err
	}
	return s.awaitServing(ctx, 0, 10*time.Minute)
}

// retire takes the content type out of service, on AWS with a job that has the group grow from nothing.
func (s *sandbox) retire(ctx context.Context) error {
	args := []string{"retire", contentType, "--yes", "--wait", "40m", "--config", s.file(), "--environment", s.environment}
	environ := os.Environ()
	if s.local {
		args, environ = append(args, "--abandon"), append(localtier.WithoutAWS(environ), s.alone.Server.Environ()...)
	} else if err := s.submit(ctx, "last", payload{Seconds: 30}); err != nil {
		return err
	}
	program := filepath.Join(s.dir, "tier")
	if err := s.build(ctx, program, "./cmd/tier", runtime.GOOS, runtime.GOARCH); err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root, environ, &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	var refused error
	if !s.local {
		refused = s.awaitRefusal(ctx)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("tier retire: %w\n%s", err, said.String())
	}
	state, err := s.stackState(ctx, s.stack())
	if err != nil {
		return err
	}
	if state != "" {
		return fmt.Errorf("after its retirement the stack of %s is %s", contentType, state)
	}
	if s.local {
		return nil
	}
	last, err := s.deployed.Job(ctx, contentType, "last")
	if err == nil && last.State != "DONE" {
		err = fmt.Errorf("the last job is %s", last.State)
	}
	return errors.Join(refused, err)
}

// awaitRefusal waits until the queue takes nothing more, not even from whoever may do everything.
func (s *sandbox) awaitRefusal(ctx context.Context) error {
	queue, err := s.queue(ctx)
	if err != nil {
		return err
	}
	return s.await(ctx, "the queue to refuse a message", 3*time.Minute, func(ctx context.Context) (bool, error) {
		_, err := s.deployed.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String(`{"id": "last", "payload": {}}`)})
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			return api.ErrorCode() == "AccessDenied", nil
		}
		return false, err
	})
}
