package localtier

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/worker-tier/worker-tier/test/outputs"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Tier is what is deployed, as an operator sees it.
type Tier struct {
	Jobs      *dynamodb.Client
	Queues    *sqs.Client
	Groups    *autoscaling.Client
	Table     string
	Artifacts outputs.Bucket
}

// Find finds an environment's table and bucket at the SSM parameters that the shared stack writes.
func Find(ctx context.Context, cfg aws.Config, name, environment string) (*Tier, error) {
	t := &Tier{
		Jobs: dynamodb.NewFromConfig(cfg), Queues: sqs.NewFromConfig(cfg), Groups: autoscaling.NewFromConfig(cfg),
		Artifacts: outputs.Bucket{Client: s3.NewFromConfig(cfg, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })},
	}
	for parameter, into := range map[string]*string{
		contract.TableParameter(name, environment):           &t.Table,
		contract.ArtifactsBucketParameter(name, environment): &t.Artifacts.Name,
	} {
		var err error
		if *into, err = Parameter(ctx, cfg, parameter); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Parameter is the value of an SSM parameter of the deployed tier.
func Parameter(ctx context.Context, cfg aws.Config, name string) (string, error) {
	p, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return "", fmt.Errorf("SSM parameter %s of the deployed tier: %w", name, err)
	}
	return *p.Parameter.Value, nil
}

// Record is a job's item, as far as an operator looks at it.
type Record struct {
	State, Owner, LastError   string
	Epoch, Seq, Done, Total   int64
	Drains, Crashes, Failures int64
	Cursor                    string
}

// IsDone says whether the job is done.
func IsDone(r Record) bool { return r.State == "DONE" }

// AwaitJob waits until a job is as wanted, and returns it then. A job that ends otherwise is an error. The time limit is for when
// something is broken.
func (t *Tier) AwaitJob(ctx context.Context, contentType, id, what string, limit time.Duration, wanted func(Record) bool) (Record, error) {
	var r Record
	err := Await(ctx, fmt.Sprintf("job %s of %s to be %s", id, contentType, what), limit, func(ctx context.Context) (bool, error) {
		var err error
		if r, err = t.Job(ctx, contentType, id); err != nil || wanted(r) {
			return err == nil, err
		}
		if r.State == "DONE" || r.State == "DEAD" || r.State == "CANCELLED" {
			return false, fmt.Errorf("it is %s after %d of %d: %s", r.State, r.Done, r.Total, r.LastError)
		}
		return false, nil
	})
	return r, err
}

// Job reads a job's item; State is "" if there is none.
func (t *Tier) Job(ctx context.Context, contentType, id string) (Record, error) {
	key := map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: contentType + "#" + id}}
	got, err := t.Jobs.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Table, Key: key, ConsistentRead: new(true)})
	if err != nil {
		return Record{}, err
	}
	text := func(name string) string {
		switch v := got.Item[name].(type) {
		case *types.AttributeValueMemberS:
			return v.Value
		case *types.AttributeValueMemberN:
			return v.Value
		}
		return ""
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(text(name), 10, 64) // absent: 0
		return n
	}
	return Record{
		State: text(contract.AttrState), Owner: text(contract.AttrOwner), LastError: text(contract.AttrLastError),
		Epoch: number(contract.AttrEpoch), Seq: number(contract.AttrSeq), Done: number(contract.AttrDone), Total: number(contract.AttrTotal),
		Drains: number(contract.AttrDrains), Crashes: number(contract.AttrCrashes), Failures: number(contract.AttrFailures),
		Cursor: text(contract.AttrCursor),
	}, nil
}
