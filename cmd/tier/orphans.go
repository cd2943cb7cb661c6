package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

type orphansCommand struct{}

// orphan is a stack that goes on billing although no configuration names it.
type orphan struct {
	Stack       string    `json:"stack"`
	Environment string    `json:"environment"` // as it is tagged: <tier>-<environment>
	ContentType string    `json:"contentType"` // "": it is that of an environment, or of its image pipeline
	Why         string    `json:"why"`
	Status      string    `json:"status"`
	Protected   bool      `json:"protected"` // against termination
	Created     time.Time `json:"created"`
}

// Run lists the stacks of the account and Region that are tagged as a worker tier's and that no environment of the file would
// deploy: by their tags, so under whatever name and for whatever environment they were made.
func (orphansCommand) Run(ctx context.Context, s *session) error {
	tiers, err := config.LoadAll(s.file)
	if err != nil {
		return err
	}
	stacks, err := s.all(ctx)
	if err != nil {
		return err
	}
	here := s.tier.Environment
	orphans := []orphan{}
	for _, stack := range stacks {
		environment, contentType := tag(&stack, contract.TagEnvironment), tag(&stack, contract.TagContentType)
		if environment == "" || stack.ParentId != nil {
			continue
		}
		if why := orphaned(s.file, tiers, here, aws.ToString(stack.StackName), environment, contentType); why != "" {
			orphans = append(orphans, orphan{
				aws.ToString(stack.StackName), environment, contentType, why, string(stack.StackStatus),
				aws.ToBool(stack.EnableTerminationProtection), aws.ToTime(stack.CreationTime).UTC(),
			})
		}
	}
	if len(orphans) == 0 {
		return s.result(orphans, "no orphans: "+s.file+" names every stack of a worker tier in account "+here.Account+", "+here.Region)
	}
	slices.SortFunc(orphans, func(a, b orphan) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Stack, b.Stack))
	})
	rows := [][]string{{"STACK", "CONTENT TYPE", "ENVIRONMENT", "STATUS", "CREATED", "WHY"}}
	for _, o := range orphans {
		rows = append(rows, []string{o.Stack, cmp.Or(o.ContentType, "-"), o.Environment, o.Status, o.Created.Format(time.DateOnly), o.Why})
	}
	return s.result(orphans, append(operator.Columns(rows),
		"tier retire TYPE takes a content type of an environment in the file out of service; delete other stacks by CloudFormation, once nothing of another file's is among them")...)
}

// orphaned says why no environment of the file in this account and Region would deploy a stack; "": one would.
func orphaned(file string, tiers []*tierspec.Tier, here tierspec.Environment, stack, environment, contentType string) string {
	i := slices.IndexFunc(tiers, func(t *tierspec.Tier) bool {
		return contract.MetricEnvironment(t.Name, t.Environment.Name) == environment && t.Environment.Account == here.Account && t.Environment.Region == here.Region
	})
	if i < 0 {
		return "no environment of this account and Region in " + file
	}
	switch tier := tiers[i]; {
	case contentType != "" && !named(tier, contentType):
		return "content type not in " + file
	case !slices.Contains(stacksOf(tier), stack):
		return "no stack of this name in " + file
	}
	return ""
}

// stacksOf are the names of the stacks that a tier deploys.
func stacksOf(tier *tierspec.Tier) []string {
	env := tier.Environment.Name
	names := []string{contract.StackName(tier.Name, env, tierspec.SharedStack)}
	if tier.Environment.ImageBuilder != nil {
		names = append(names, contract.StackName(tier.Name, env, tierspec.BaseImageStack))
	}
	for _, t := range tier.ContentTypes {
		names = append(names, contract.StackName(tier.Name, env, t.Name))
	}
	return names
}

// named reports whether the configuration has the content type.
func named(tier *tierspec.Tier, contentType string) bool {
	return slices.ContainsFunc(tier.ContentTypes, func(t tierspec.ContentType) bool { return t.Name == contentType })
}
