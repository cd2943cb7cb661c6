package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/worker-tier/worker-tier/internal/dueindex"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// deployment is a deployed content type. A first deploy that failed may have left little of it.
type deployment struct {
	contentType string
	stack       *cfntypes.Stack
	queue       string // URL; "": there is none
	deadLetters string // URL
	roles       []string
	groups      []string
	table       string // of the whole environment
}

// find looks for the stack of a content type and what is in it.
func (s *session) find(ctx context.Context, contentType string) (*deployment, error) {
	tier, env := s.tier.Name, s.tier.Environment
	name := contract.StackName(tier, env.Name, contentType)
	stack, err := s.stack(ctx, name)
	if err != nil {
		return nil, err
	}
	if stack == nil {
		return nil, s.nothing(ctx, contentType, name)
	}
	if tag(stack, contract.TagEnvironment) != contract.MetricEnvironment(tier, env.Name) || tag(stack, contract.TagContentType) != contentType {
		return nil, fmt.Errorf("stack %s is no content type of %s: it lacks the tags that say so", name, contract.MetricEnvironment(tier, env.Name))
	}
	in, err := s.resources(ctx, name)
	if err != nil {
		return nil, err
	}
	d := &deployment{contentType: contentType, stack: stack, roles: in["AWS::IAM::Role"], groups: in["AWS::AutoScaling::AutoScalingGroup"]}
	published, err := s.parameter(ctx, contract.QueueURLParameter(tier, env.Name, contentType))
	if err != nil {
		return nil, err
	}
	for _, url := range in["AWS::SQS::Queue"] {
		if path.Base(url) == path.Base(published) { // the host has several names
			d.queue = url
		} else {
			d.deadLetters = url
		}
	}
	d.table, err = s.parameter(ctx, contract.TableParameter(tier, env.Name))
	return d, err
}

// nothing says that there is no such stack, and which there are.
func (s *session) nothing(ctx context.Context, contentType, name string) error {
	stacks, err := s.all(ctx)
	if err != nil {
		return err
	}
	var deployed []string
	for _, stack := range stacks {
		if t := tag(&stack, contract.TagContentType); t != "" && tag(&stack, contract.TagEnvironment) == contract.MetricEnvironment(s.tier.Name, s.tier.Environment.Name) {
			deployed = append(deployed, t)
		}
	}
	slices.Sort(deployed)
	switch {
	case named(s.tier, contentType):
		return fmt.Errorf("%s is in %s but not deployed: there is no stack %s, so that its entry can go", contentType, s.file, name)
	case len(deployed) == 0:
		return fmt.Errorf("there is no stack %s, nor any other content type in environment %s (%s)", name, s.tier.Environment.Name, s.tier.Environment.Region)
	}
	return fmt.Errorf("there is no stack %s; deployed in environment %s are %s", name, s.tier.Environment.Name, strings.Join(deployed, ", "))
}

// work is what a content type still has to do, and what it leaves.
type work struct {
	Messages    int `json:"messages"` // about
	Ready       int `json:"ready"`
	Running     int `json:"running"`
	Dead        int `json:"dead"`        // may be redriven, but not without workers
	DeadLetters int `json:"deadLetters"` // about
}

func (w work) unfinished() int { return w.Messages + w.Ready + w.Running }

func (w work) String() string {
	return fmt.Sprintf("about %d messages, %d READY and %d RUNNING jobs (and %d DEAD ones, %d dead letters)", w.Messages, w.Ready, w.Running, w.Dead, w.DeadLetters)
}

// work counts by the queues and the index of the job table; it reads no job.
func (s *session) work(ctx context.Context, d *deployment) (w work, err error) {
	for _, q := range []struct {
		url  string
		into *int
	}{{d.queue, &w.Messages}, {d.deadLetters, &w.DeadLetters}} {
		if q.url == "" {
			continue
		}
		if *q.into, err = s.messages(ctx, q.url); err != nil {
			return w, err
		}
	}
	if d.table == "" {
		return w, nil
	}
	for prefix, into := range map[string]*int{contract.DueReady: &w.Ready, contract.DueRunning: &w.Running, contract.DueDead: &w.Dead} {
		for shard := range contract.DueShards {
			query := dueindex.Query(d.table, contract.DuePartition(d.contentType, shard), prefix, prefix+"~") // ~ is after all that the prefix begins
			n, err := dueindex.Count(ctx, s.table, query, nil)
			if err != nil {
				return w, err
			}
			*into += n
		}
	}
	return w, nil
}
