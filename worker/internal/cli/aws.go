package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// target names the content type that an operator's command is about.
type target struct {
	Tier        string `env:"WORKER_TIER" default:"worker-tier" help:"Name of the tier (env WORKER_TIER)."`
	Environment string `short:"e" env:"WORKER_ENVIRONMENT" required:"" help:"Environment of the tier, for example prod (env WORKER_ENVIRONMENT)."`
	Type        string `short:"t" env:"WORKER_CONTENT_TYPE" required:"" help:"Content type, for example mail (env WORKER_CONTENT_TYPE)."`
}

// typeHandles is a content type's table, queue and objects.
type typeHandles struct {
	contentType string
	cfg         aws.Config
	objects     *blob.S3
	store       *store.Dynamo
	queue       *queue.SQS
	queueURL    string
	table       string
}

// open finds table, queue and bucket at the SSM parameters that the stacks write.
func (t target) open(ctx context.Context) (*typeHandles, error) {
	cfg, err := awsaccess.Config(ctx)
	if err != nil {
		return nil, err
	}
	names := []string{
		contract.TableParameter(t.Tier, t.Environment),
		contract.QueueURLParameter(t.Tier, t.Environment, t.Type),
		contract.ArtifactsBucketParameter(t.Tier, t.Environment),
	}
	out, err := ssm.NewFromConfig(cfg).GetParameters(ctx, &ssm.GetParametersInput{Names: names})
	if err != nil {
		return nil, fmt.Errorf("read SSM parameters %v: %w", names, err)
	}
	values := map[string]string{}
	for _, p := range out.Parameters {
		values[aws.ToString(p.Name)] = aws.ToString(p.Value)
	}
	switch {
	case values[names[0]] == "":
		return nil, fmt.Errorf("tier %s has no environment %s in this account and Region (%s): no SSM parameter %s; deploy it first", t.Tier, t.Environment, cfg.Region, names[0])
	case values[names[1]] == "":
		return nil, fmt.Errorf("environment %s has no content type %s: no SSM parameter %s; deploy its stack first", t.Environment, t.Type, names[1])
	}
	return &typeHandles{
		contentType: t.Type,
		cfg:         cfg,
		objects:     blob.NewS3(s3.NewFromConfig(cfg), values[names[2]]),
		store:       store.NewDynamo(dynamodb.NewFromConfig(cfg), values[names[0]]),
		queue:       queue.NewSQS(sqs.NewFromConfig(cfg), values[names[1]], ""),
		queueURL:    values[names[1]],
		table:       values[names[0]],
	}, nil
}
