package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/tierspec"
)

// account is an environment's account and Region.
type account struct {
	stacks     *cloudformation.Client
	queues     *sqs.Client
	table      *dynamodb.Client
	parameters *ssm.Client
	groups     *autoscaling.Client
	images     *imagebuilder.Client
	machines   *ec2.Client
	caller     string // ARN
}

// open checks that the credentials are of the environment's account: in another one nothing would be found,
// or something else of the same name.
func open(ctx context.Context, env tierspec.Environment) (*account, error) {
	cfg, err := awsaccess.Config(ctx, awsconfig.WithRegion(env.Region))
	if err != nil {
		return nil, err
	}
	me, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("ask whose credentials these are: %w", err)
	}
	if got := aws.ToString(me.Account); got != env.Account {
		return nil, fmt.Errorf("the credentials are for account %s, environment %s is in %s: choose another AWS_PROFILE", got, env.Name, env.Account)
	}
	return &account{
		cloudformation.NewFromConfig(cfg), sqs.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), ssm.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg), imagebuilder.NewFromConfig(cfg), ec2.NewFromConfig(cfg),
		aws.ToString(me.Arn),
	}, nil
}

// stack finds a stack by name or id; nil: there is none.
func (a *account) stack(ctx context.Context, name string) (*cfntypes.Stack, error) {
	out, err := a.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for stack %s: %w", name, err)
	}
	return &out.Stacks[0], nil
}

// all lists every stack of the account and Region.
func (a *account) all(ctx context.Context) ([]cfntypes.Stack, error) {
	var found []cfntypes.Stack
	pages := cloudformation.NewDescribeStacksPaginator(a.stacks, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the stacks: %w", err)
		}
		found = append(found, page.Stacks...)
	}
	return found, nil
}

// resources are the physical names in a stack by type, without what is no longer there.
func (a *account) resources(ctx context.Context, stack string) (map[string][]string, error) {
	found := map[string][]string{}
	pages := cloudformation.NewListStackResourcesPaginator(a.stacks, &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the resources of stack %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			if id := aws.ToString(r.PhysicalResourceId); id != "" && r.ResourceStatus != cfntypes.ResourceStatusDeleteComplete {
				found[aws.ToString(r.ResourceType)] = append(found[aws.ToString(r.ResourceType)], id)
			}
		}
	}
	return found, nil
}

// parameter is the value of an SSM parameter, "" if there is none.
func (a *account) parameter(ctx context.Context, name string) (string, error) {
	out, err := a.parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{name}})
	if err != nil {
		return "", fmt.Errorf("read SSM parameter %s: %w", name, err)
	}
	if len(out.Parameters) == 0 {
		return "", nil
	}
	return aws.ToString(out.Parameters[0].Value), nil
}

func tag(stack *cfntypes.Stack, key string) string {
	for _, t := range stack.Tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}
