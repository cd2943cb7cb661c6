package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// tier is what is deployed, as an operator sees it.
type tier struct {
	jobs   *dynamodb.Client
	queues *sqs.Client
	store  *s3.Client
	groups *autoscaling.Client
	table  string
	bucket string // artifacts
}

// findTier finds the table and the bucket at the SSM parameters that the shared stack writes.
func (d *demo) findTier(ctx context.Context) (*tier, error) {
	t := &tier{
		jobs: dynamodb.NewFromConfig(d.aws), queues: sqs.NewFromConfig(d.aws), groups: autoscaling.NewFromConfig(d.aws),
		store: s3.NewFromConfig(d.aws, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true }),
	}
	parameters := ssm.NewFromConfig(d.aws)
	for name, into := range map[string]*string{
		contract.TableParameter(d.config.tier.Name, environment):           &t.table,
		contract.ArtifactsBucketParameter(d.config.tier.Name, environment): &t.bucket,
	} {
		p, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if err != nil {
			return nil, fmt.Errorf("SSM parameter %s of the deployed tier: %w", name, err)
		}
		*into = *p.Parameter.Value
	}
	return t, nil
}

// deployedStacks are the names of the tier's stacks.
func (d *demo) deployedStacks(ctx context.Context) ([]string, error) {
	found, err := cloudformation.NewFromConfig(d.aws).DescribeStacks(ctx, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range found.Stacks {
		if name := aws.ToString(s.StackName); strings.HasPrefix(name, contract.MetricEnvironment(d.config.tier.Name, environment)+"-") {
			names = append(names, name)
		}
	}
	return names, nil
}

// worker runs a command of the worker binary, as an operator does.
func (d *demo) worker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.hostWorker(), args...)
	cmd.Env = append(withoutAWS(os.Environ()), d.operatorEnviron()...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("worker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

func (d *demo) operatorEnviron() []string {
	return append(d.server.Environ(), contract.EnvTier+"="+d.config.tier.Name, contract.EnvEnvironment+"="+environment)
}

// submit submits a job with worker submit.
func (d *demo) submit(ctx context.Context, contentType, id string, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	_, err = d.worker(ctx, "submit", "--type", contentType, "--id", id, "--payload", string(text))
	return err
}

// record is a job's item, as far as the demo looks at it.
type record struct {
	State, Owner, LastError   string
	Epoch, Seq, Done, Total   int64
	Drains, Crashes, Failures int64
	Cursor                    string
}

// job reads a job's item; State is "" if there is none.
func (t *tier) job(ctx context.Context, contentType, id string) (record, error) {
	key := map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: contentType + "#" + id}}
	got, err := t.jobs.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.table, Key: key, ConsistentRead: new(true)})
	if err != nil {
		return record{}, err
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
	return record{
		State: text(contract.AttrState), Owner: text(contract.AttrOwner), LastError: text(contract.AttrLastError),
		Epoch: number(contract.AttrEpoch), Seq: number(contract.AttrSeq), Done: number(contract.AttrDone), Total: number(contract.AttrTotal),
		Drains: number(contract.AttrDrains), Crashes: number(contract.AttrCrashes), Failures: number(contract.AttrFailures),
		Cursor: text(contract.AttrCursor),
	}, nil
}

// jobTime bounds how long a job of the demo may take; they take seconds.
const jobTime = 2 * time.Minute

// awaitJob waits until a job is as wanted, and returns it then. A job that ends otherwise is an error.
func (d *demo) awaitJob(ctx context.Context, contentType, id, what string, wanted func(record) bool) (record, error) {
	var r record
	err := await(ctx, fmt.Sprintf("job %s of %s to be %s", id, contentType, what), jobTime, func(ctx context.Context) (bool, error) {
		var err error
		if r, err = d.tier.job(ctx, contentType, id); err != nil {
			return false, err
		}
		if wanted(r) {
			return true, nil
		}
		if r.State == "DONE" || r.State == "DEAD" || r.State == "CANCELLED" {
			return false, fmt.Errorf("it is %s after %d of %d: %s", r.State, r.Done, r.Total, r.LastError)
		}
		return false, nil
	})
	return r, err
}

func (d *demo) awaitDone(ctx context.Context, contentType, id string) (record, error) {
	return d.awaitJob(ctx, contentType, id, "DONE", func(r record) bool { return r.State == "DONE" })
}

// holder is the running instance that holds a job; nil: none does.
func (d *demo) holder(r record) *localec2.Instance {
	id, _, _ := strings.Cut(r.Owner, "/")
	for _, i := range d.launcher.Instances() {
		if i.ID == id {
			return i
		}
	}
	return nil
}

// instanceTime bounds how long a group may take to have its instances running.
const instanceTime = time.Minute

// running waits for n instances of a content type whose workers have started, oldest first.
func (d *demo) running(ctx context.Context, contentType string, n int) ([]*localec2.Instance, error) {
	var instances []*localec2.Instance
	what := fmt.Sprintf("%d running instances of %s (see launcher.log and each instance's %s)", n, contentType, localec2.LogFile)
	err := await(ctx, what, instanceTime, func(context.Context) (bool, error) {
		instances = nil
		for _, i := range d.launcher.Instances() {
			if i.ContentType != contentType {
				continue
			}
			log, err := os.ReadFile(filepath.Join(i.Dir, localec2.LogFile))
			if err != nil || !bytes.Contains(log, []byte(`"worker started"`)) {
				return false, nil
			}
			instances = append(instances, i)
		}
		return len(instances) == n, nil
	})
	return instances, err
}

// setDesired sets the desired capacity of a content type's group.
func (d *demo) setDesired(ctx context.Context, contentType string, n int32) error {
	for _, i := range d.launcher.All() {
		if i.ContentType == contentType {
			_, err := d.tier.groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &i.Group, DesiredCapacity: &n})
			return err
		}
	}
	return fmt.Errorf("no instance of %s was ever started", contentType)
}
