package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// deployed is a tier on the local AWS, whose stacks are the golden templates.
type deployed struct {
	t      *testing.T
	cfg    aws.Config
	config string // file
}

// deploy makes the local AWS hold an environment of the golden templates with its shared stack and types.
func deploy(t *testing.T, environment string, types ...string) *deployed {
	t.Helper()
	server := localaws.StartT(t)
	cfg := server.ConfigT(t)
	for _, v := range server.Environ() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	d := &deployed{t: t, cfg: cfg, config: filepath.Join(t.TempDir(), "worker-tier.yaml")}
	localaws.Call(t, ssm.NewFromConfig(cfg).PutParameter, &ssm.PutParameterInput{
		Name: aws.String("/cdk-bootstrap/hnb659fds/version"), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.config), "worker"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	d.configure(environment, types...)
	d.create(environment, "")
	t.Cleanup(func() { d.delete(contract.MetricEnvironment("tier", environment) + "-shared") })
	for _, name := range types {
		d.create(environment, name)
		t.Cleanup(func() { d.delete(contract.StackName("tier", environment, name)) })
	}
	return d
}

// emptyFile is the sha256 of an empty file.
const emptyFile = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// configure writes the configuration with these content types.
func (d *deployed) configure(environment string, types ...string) {
	d.t.Helper()
	text := "name: tier\nworker: {file: worker, sha256: " + emptyFile + "}\nchef: {distribution: cinc, version: \"18\"}\n" +
		"environments: {" + environment + ": {account: \"" + localaws.Account + "\", region: " + localaws.Region + ", network: {mode: public}, baseImage: {amiId: ami-0123456789abcdef0}, availabilityZones: [us-east-1a, us-east-1b]}}\n" +
		"contentTypes:\n"
	for _, name := range types {
		text += "  " + name + ": {processor: backup}\n"
	}
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// create deploys the shared stack, or that of a content type. The shared stack is always that of lab: the local AWS
// has no NAT.
func (d *deployed) create(environment, contentType string) {
	d.t.Helper()
	name, tags := contract.MetricEnvironment("tier", environment)+"-shared", map[string]string{contract.TagEnvironment: contract.MetricEnvironment("tier", environment)}
	if contentType != "" {
		name = contract.StackName("tier", environment, contentType)
		tags[contract.TagContentType] = contentType
	}
	golden := filepath.Join(environment, name)
	if contentType == "" {
		golden = filepath.Join("lab", "tier-lab-shared")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "stacks", "testdata", "golden", golden+".json"))
	if err != nil {
		d.t.Fatal(err)
	}
	var compact bytes.Buffer // CloudFormation takes 51,200 bytes that are not in a bucket
	if err := json.Compact(&compact, text); err != nil {
		d.t.Fatal(err)
	}
	template := strings.ReplaceAll(compact.String(), "/tier/lab/", "/tier/"+environment+"/")
	in := &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: &template, EnableTerminationProtection: aws.Bool(environment == "prod"),
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam},
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, cfntypes.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	localaws.CreateStack(d.t, d.cfg, in)
}

// delete removes what a test has left.
func (d *deployed) delete(name string) {
	ctx, client := context.WithoutCancel(d.t.Context()), cloudformation.NewFromConfig(d.cfg)
	_, _ = client.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: &name, EnableTerminationProtection: aws.Bool(false)})
	_, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name})
	err = errors.Join(err, cloudformation.NewStackDeleteCompleteWaiter(client, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
		o.MinDelay = 50 * time.Millisecond
	}).Wait(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute))
	if err != nil {
		d.t.Error(err)
	}
}

// tier runs a command line with somebody at the terminal who types answer ("": nobody is there).
func (d *deployed) tier(answer string, args ...string) (status int, out, progress string) {
	d.t.Helper()
	var stdout, stderr bytes.Buffer
	s := &session{asks: operator.Person{In: strings.NewReader(answer), Answers: answer != "", Out: &stderr}, out: operator.Printer{To: &stdout}, err: operator.Printer{To: &stderr}, poll: 20 * time.Millisecond, settle: 100 * time.Millisecond}
	status = run(d.t.Context(), s, append(args, "--config", d.config))
	return status, stdout.String(), stderr.String()
}

// must is tier for what must go well.
func (d *deployed) must(args ...string) outcome {
	d.t.Helper()
	status, out, progress := d.tier("", append(args, "--json")...)
	if status != 0 {
		d.t.Fatalf("tier %v: exit status %d\n%s", args, status, progress)
	}
	var o outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		d.t.Fatalf("tier %v: %v in %s", args, err, out)
	}
	return o
}

// deployment is what is deployed of a content type, nil: nothing.
func (d *deployed) deployment(contentType string) *deployment {
	d.t.Helper()
	tier, _, err := config.Load(d.config, "")
	if err != nil {
		d.t.Fatal(err)
	}
	account, err := open(d.t.Context(), tier.Environment)
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := (&session{account: account, tier: tier}).find(d.t.Context(), contentType)
	if err != nil && !strings.Contains(err.Error(), "there is no stack") {
		d.t.Fatal(err)
	}
	return p
}

// statements are the names of those in a queue's policy, and the exception of the one that closes it.
func (d *deployed) statements(queue string) (names []string, except string) {
	d.t.Helper()
	_, policy, err := (&account{queues: sqs.NewFromConfig(d.cfg)}).policy(d.t.Context(), queue)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, s := range policy.Statement {
		sid, _ := s["Sid"].(string)
		names = append(names, sid)
		if sid == retired {
			text, _ := json.Marshal(s["Condition"])
			except = string(text)
		}
	}
	return names, except
}

func (d *deployed) send(queue string) {
	d.t.Helper()
	localaws.Call(d.t, sqs.NewFromConfig(d.cfg).SendMessage, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String(`{"payload":1}`)})
}

// putJob writes an item as far as the due index goes.
func (d *deployed) putJob(table, id, sort string) {
	d.t.Helper()
	item := map[string]ddbtypes.AttributeValue{}
	for attr, value := range map[string]string{
		contract.AttrKey: "mail#" + id, contract.AttrDuePartition: contract.DuePartition("mail", 1), contract.AttrDueSort: sort,
	} {
		item[attr] = &ddbtypes.AttributeValueMemberS{Value: value}
	}
	localaws.Call(d.t, dynamodb.NewFromConfig(d.cfg).PutItem, &dynamodb.PutItemInput{TableName: &table, Item: item})
}

func (d *deployed) endJob(table, id string) {
	if _, err := dynamodb.NewFromConfig(d.cfg).DeleteItem(d.t.Context(), &dynamodb.DeleteItemInput{
		TableName: &table, Key: map[string]ddbtypes.AttributeValue{contract.AttrKey: &ddbtypes.AttributeValueMemberS{Value: "mail#" + id}},
	}); err != nil {
		d.t.Error(err)
	}
}
