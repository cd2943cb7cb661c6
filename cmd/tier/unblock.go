package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

type unblockCommand struct{}

// Run lifts the termination protection of the environment's stacks whose first deploy failed. Nothing is left in
// them, and cdk deploy would replace them, but cannot destroy what is protected.
func (unblockCommand) Run(ctx context.Context, s *session) error {
	stacks, err := s.all(ctx)
	if err != nil {
		return err
	}
	environment := contract.MetricEnvironment(s.tier.Name, s.tier.Environment.Name)
	lifted := []string{}
	for _, stack := range stacks {
		if stack.StackStatus != cfntypes.StackStatusRollbackComplete || tag(&stack, contract.TagEnvironment) != environment || !aws.ToBool(stack.EnableTerminationProtection) {
			continue
		}
		name := aws.ToString(stack.StackName)
		if err := s.unprotect(ctx, name); err != nil {
			return err
		}
		lifted = append(lifted, name)
	}
	if len(lifted) == 0 {
		return s.result(lifted, "no stack of "+environment+" is left of a first deploy that failed and protected")
	}
	return s.result(lifted, "the next deploy replaces "+strings.Join(lifted, ", "))
}

// unprotect lifts the termination protection of a stack, by name or id.
func (a *account) unprotect(ctx context.Context, stack string) error {
	if _, err := a.stacks.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: &stack, EnableTerminationProtection: aws.Bool(false)}); err != nil {
		return fmt.Errorf("lift the termination protection of stack %s: %w", stack, err)
	}
	return nil
}
