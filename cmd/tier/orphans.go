package main

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

type orphansCommand struct{}

// orphan is a stack that goes on billing although no configuration names it.
type orphan struct {
	Stack       string    `json:"stack"`
	ContentType string    `json:"contentType"`
	Status      string    `json:"status"`
	Protected   bool      `json:"protected"` // against termination
	Created     time.Time `json:"created"`
}

// Run lists the stacks that are tagged as content types of the environment and are not in the file.
func (orphansCommand) Run(ctx context.Context, s *session) error {
	stacks, err := s.all(ctx)
	if err != nil {
		return err
	}
	environment := contract.MetricEnvironment(s.tier.Name, s.tier.Environment.Name)
	orphans := []orphan{}
	for _, stack := range stacks {
		name := tag(&stack, contract.TagContentType)
		if tag(&stack, contract.TagEnvironment) != environment || name == "" || named(s.tier, name) {
			continue
		}
		orphans = append(orphans, orphan{
			aws.ToString(stack.StackName), name, string(stack.StackStatus), aws.ToBool(stack.EnableTerminationProtection), aws.ToTime(stack.CreationTime).UTC(),
		})
	}
	if len(orphans) == 0 {
		return s.result(orphans, "no orphans: "+s.file+" names every content type that is deployed in "+environment)
	}
	rows := [][]string{{"STACK", "CONTENT TYPE", "STATUS", "CREATED"}}
	for _, o := range orphans {
		rows = append(rows, []string{o.Stack, o.ContentType, o.Status, o.Created.Format(time.DateOnly)})
	}
	return s.result(orphans, append(operator.Columns(rows), "tier retire TYPE takes one out of service")...)
}

// named reports whether the configuration has the content type.
func named(tier *tierspec.Tier, contentType string) bool {
	return slices.ContainsFunc(tier.ContentTypes, func(t tierspec.ContentType) bool { return t.Name == contentType })
}
