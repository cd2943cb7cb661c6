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
	"github.com/google/go-cmp/cmp"

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
	cfg, err := server.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range server.Environ() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	d := &deployed{t: t, cfg: cfg, config: filepath.Join(t.TempDir(), "worker-tier.yaml")}
	_, err = ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/cdk-bootstrap/hnb659fds/version"), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
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
	template := strings.ReplaceAll(string(text), "/tier/lab/", "/tier/"+environment+"/")
	in := &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: &template, EnableTerminationProtection: aws.Bool(environment == "prod"),
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam},
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, cfntypes.Tag{Key: &key, Value: aws.String(tags[key])})
	}
	client := cloudformation.NewFromConfig(d.cfg)
	if _, err := client.CreateStack(d.t.Context(), in); err != nil {
		d.t.Fatal(err)
	}
	if err := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay = 50 * time.Millisecond
	}).Wait(d.t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute); err != nil {
		d.t.Fatal(err)
	}
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
	s := &session{in: strings.NewReader(answer), ask: answer != "", out: &stdout, err: &stderr, poll: 20 * time.Millisecond, settle: 100 * time.Millisecond}
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

// pool is what is deployed of a content type, nil: nothing.
func (d *deployed) pool(contentType string) *pool {
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
	if _, err := sqs.NewFromConfig(d.cfg).SendMessage(d.t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String(`{"payload":1}`)}); err != nil {
		d.t.Fatal(err)
	}
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
	if _, err := dynamodb.NewFromConfig(d.cfg).PutItem(d.t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deployed) endJob(table, id string) {
	if _, err := dynamodb.NewFromConfig(d.cfg).DeleteItem(d.t.Context(), &dynamodb.DeleteItemInput{
		TableName: &table, Key: map[string]ddbtypes.AttributeValue{contract.AttrKey: &ddbtypes.AttributeValueMemberS{Value: "mail#" + id}},
	}); err != nil {
		d.t.Error(err)
	}
}

// The whole life of a type in an environment that keeps everything: protected, retired once its last job has ended,
// its queues kept, added again with new ones.
func TestRetireAndAddAgain(t *testing.T) {
	d := deploy(t, "prod", "mail", "backup")
	p := d.pool("mail")
	if p.queue == "" || p.deadLetters == "" || len(p.roles) != 1 || len(p.groups) != 1 || p.table == "" {
		t.Fatalf("found %+v", p)
	}
	before, _ := d.statements(p.queue)

	if status, _, said := d.tier("", "retire", "mail", "--yes"); status != 1 || !strings.HasPrefix(said, "tier: stack tier-prod-mail is protected against termination; say --unprotect") {
		t.Errorf("exit status %d, %q", status, said)
	}
	if status, _, said := d.tier("no\n", "retire", "mail", "--unprotect"); status != 1 || !strings.HasSuffix(said, "not confirmed: nothing was changed\n") {
		t.Errorf("exit status %d, %q", status, said)
	}
	if status, _, said := d.tier("", "retire", "mail", "--unprotect"); status != 1 || !strings.HasSuffix(said, "nobody is there to confirm it: say --yes\n") {
		t.Errorf("exit status %d, %q", status, said)
	}
	if after, _ := d.statements(p.queue); cmp.Diff(before, after) != "" {
		t.Errorf("the queue's policy has changed to %v", after)
	}

	d.putJob(p.table, "a", contract.DueRunning)
	d.putJob(p.table, "dead", contract.DueDead+"0000000000001")
	status, _, said := d.tier("mail\n", "retire", "mail", "--unprotect", "--wait", "200ms")
	if status != 1 || !strings.Contains(said, "after 200ms there are still about 0 messages, 0 READY and 1 RUNNING jobs (and 1 DEAD ones, 0 dead letters)") {
		t.Errorf("exit status %d, %q", status, said)
	}
	after, except := d.statements(p.queue)
	if want := append(slices.Clone(before), retired); cmp.Diff(want, after) != "" || !strings.Contains(except, ":role/"+p.roles[0]) {
		t.Errorf("statements %v except for %s, want %v except for %s", after, except, want, p.roles[0])
	}
	if o := d.must("retire", "mail", "--undo"); o.Status != "open" || o.Left.Running != 1 {
		t.Errorf("undone: %+v", o)
	}
	if after, _ := d.statements(p.queue); cmp.Diff(before, after) != "" {
		t.Errorf("undone, the queue's policy is %v, was %v", after, before)
	}

	ended := make(chan struct{})
	go func() { defer close(ended); time.Sleep(300 * time.Millisecond); d.endJob(p.table, "a") }()
	o := d.must("retire", "mail", "--unprotect", "--yes")
	<-ended
	if o.Status != "retired" || o.Left.Dead != 1 || o.Left.unfinished() != 0 || !o.Configured || len(o.Retained) != 2 {
		t.Errorf("retired: %+v", o)
	}
	if d.pool("mail") != nil || d.pool("backup") == nil {
		t.Error("mail is still there, or backup is gone with it")
	}
	if _, err := (&account{queues: sqs.NewFromConfig(d.cfg)}).messages(t.Context(), p.queue); err != nil {
		t.Errorf("the queue was not kept: %v", err)
	}
	d.create("prod", "mail")
	again := d.pool("mail") // on AWS with other queues; the local AWS makes the same names of the same stack
	if again.queue == "" || len(again.groups) != 1 {
		t.Fatalf("added again, it has %+v", again)
	}
	if after, _ := d.statements(again.queue); cmp.Diff(before, after) != "" {
		t.Errorf("added again, the queue's policy is %v, was %v", after, before)
	}
}

// A disposable type goes without ado; what it has not finished stays in the table if it is abandoned.
func TestRetireDisposable(t *testing.T) {
	d := deploy(t, "lab", "mail")
	p := d.pool("mail")
	d.putJob(p.table, "ready", contract.DueReady+"0000000000001")
	d.send(p.queue)
	d.configure("lab", "backup") // the entry is gone already
	if status, _, said := d.tier("", "retire", "mail", "--yes", "--wait", "100ms"); status != 1 || !strings.Contains(said, "there are still about 1 messages, 1 READY") {
		t.Errorf("exit status %d, %q", status, said)
	}
	o := d.must("retire", "mail", "--yes", "--abandon")
	if o.Left.Messages != 1 || o.Left.Ready != 1 || len(o.Retained) != 0 || o.Configured {
		t.Errorf("retired: %+v", o)
	}
	d.create("lab", "mail") // it can be added again
}

func TestOrphans(t *testing.T) {
	d := deploy(t, "lab", "mail", "restore")
	if status, out, _ := d.tier("", "orphans"); status != 0 || !strings.HasPrefix(out, "no orphans: ") {
		t.Errorf("exit status %d, %q", status, out)
	}
	d.configure("lab", "restore")
	if status, out, _ := d.tier("", "orphans"); status != 0 || !strings.Contains(out, "tier-lab-mail  mail") || strings.Contains(out, "restore") || strings.Contains(out, "shared") {
		t.Errorf("exit status %d, %q", status, out)
	}
	status, out, _ := d.tier("", "orphans", "--json")
	var orphans []orphan
	if err := json.Unmarshal([]byte(out), &orphans); err != nil || status != 0 || len(orphans) != 1 || orphans[0].Stack != "tier-lab-mail" || orphans[0].Status != "CREATE_COMPLETE" {
		t.Errorf("exit status %d, %v, %s", status, err, out)
	}
}

func TestBadInputIsOneSentence(t *testing.T) {
	d := deploy(t, "lab", "mail")
	d.configure("lab", "mail", "export")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"retire", "mial"}, "there is no stack tier-lab-mial; deployed in environment lab are mail"},
		{[]string{"retire", "export"}, "export is in " + d.config + " but not deployed: there is no stack tier-lab-export, so that its entry can go"},
		{[]string{"retire", "shared"}, "stack tier-lab-shared is no content type of tier-lab: it lacks the tags that say so"},
		{[]string{"orphans", "-e", "prod"}, d.config + ":"},
	} {
		if status, out, said := d.tier("", c.args...); status != 1 || out != "" || !strings.HasPrefix(said, "tier: "+c.want) || strings.Count(said, "\n") != 1 {
			t.Errorf("tier %v: exit status %d\n got %q\nwant %q", c.args, status, said, c.want)
		}
	}
	text, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(text, []byte(localaws.Account), []byte("111122223333"))
	if err := os.WriteFile(d.config, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, said := d.tier("", "orphans"); status != 1 || said != "tier: the credentials are for account "+localaws.Account+", environment lab is in 111122223333: choose another AWS_PROFILE\n" {
		t.Errorf("exit status %d, %q", status, said)
	}
}
