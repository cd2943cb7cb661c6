// Package deploy tests what an operator does with the stock CDK command line, against a local AWS: the
// deployed resources are looked at through the AWS API.
package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// app is the program that cdk.json runs, built once.
var app string

func TestMain(m *testing.M) { os.Exit(localaws.SharedWith(m, "../../stacks/app", &app)) }

// configuration is a tier of two content types in two environments: each an account and a Region of its own.
const configuration = `name: tier
chef: {distribution: cinc, version: "18"}
worker: {file: worker, sha256: %q}
defaults: {instanceTypes: [m7g.large]}
environments:
  east:
    account: "111122223333"
    region: us-east-1
    availabilityZones: [us-east-1a, us-east-1b]
    baseImage: {amiId: ami-0123456789abcdef0}
    disposable: true
  west:
    account: "444455556666"
    region: us-west-2
    availabilityZones: [us-west-2a, us-west-2b, us-west-2c]
    baseImage: {amiId: ami-0123456789abcdef0}
    network: {mode: public}
    contentTypes:
      mail: {capacity: {max: 60}}
contentTypes:
  docs: {processor: backup}
  mail: {processor: backup, capacity: {max: 10}}
`

// project is a folder with a configuration, and where it is deployed to.
type project struct {
	t      *testing.T
	dir    string
	server *localaws.Server
}

func newProject(t *testing.T) project {
	t.Helper()
	p := project{t: t, dir: t.TempDir(), server: localaws.StartT(t)}
	worker := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xb7\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 24) +
		"\x00\x00\x00\x00\x40\x00\x38\x00\x00\x00\x40\x00\x00\x00\x00\x00") // the head of a program for arm64
	sum := sha256.Sum256(worker)
	p.write("worker", string(worker))
	p.write("worker-tier.yaml", fmt.Sprintf(configuration, hex.EncodeToString(sum[:])))
	return p
}

func (p project) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// edit replaces a text of the configuration.
func (p project) edit(before, after string) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "worker-tier.yaml"))
	if err != nil || !strings.Contains(string(text), before) {
		p.t.Fatalf("no %q in the configuration: %v", before, err)
	}
	p.write("worker-tier.yaml", strings.Replace(string(text), before, after, 1))
}

// place is an environment as its account sees it.
type place struct {
	project
	tierspec.Environment
}

func (p project) environment(name string) place {
	p.t.Helper()
	tier, _, err := config.Load(filepath.Join(p.dir, "worker-tier.yaml"), name)
	if err != nil {
		p.t.Fatal(err)
	}
	return place{p, tier.Environment}
}

// commandTime bounds one command of the CDK; they take seconds, on a loaded machine minutes.
const commandTime = 20 * time.Minute

// cdk runs a command of the CDK with credentials of the environment's account; the local AWS takes an access key
// of twelve digits for an account.
func (p place) cdk(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), commandTime)
	defer cancel()
	args = append(args, "--no-color", "--no-notices")
	if args[0] != "bootstrap" { // which would synthesise the app for nothing
		args = append(args, "--app", app, "--context", "env="+p.Name, "--output", filepath.Join(p.dir, "cdk.out"))
	}
	program, err := filepath.Abs("../../node_modules/.bin/cdk")
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = p.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, p.server.CDKEnviron()...)
	cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID="+p.Account, "AWS_REGION="+p.Region, "AWS_DEFAULT_REGION="+p.Region,
		"CDK_DEFAULT_ACCOUNT="+p.Account, "CDK_DEFAULT_REGION="+p.Region,
		"CDK_VALIDATION=false") // which package app tests, and which is half of a synth
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	return said.String(), err
}

func (p place) must(args ...string) string {
	p.t.Helper()
	said, err := p.cdk(args...)
	if err != nil {
		p.t.Fatalf("cdk %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return said
}

func (p place) deploy(args ...string) { p.t.Helper(); p.must(deploying(args)...) }

func deploying(args []string) []string {
	return append([]string{"deploy", "--require-approval", "never", "--concurrency", "3"}, args...)
}

func (p place) aws() aws.Config {
	p.t.Helper()
	cfg := p.server.ConfigT(p.t)
	cfg.Region, cfg.Credentials = p.Region, credentials.NewStaticCredentialsProvider(p.Account, "local", "")
	return cfg
}

// stacks are the states of the tier's stacks, by name.
func (p place) stacks() map[string]string {
	p.t.Helper()
	found := localaws.Call(p.t, cloudformation.NewFromConfig(p.aws()).DescribeStacks, nil)
	states := map[string]string{}
	for _, s := range found.Stacks {
		if name := *s.StackName; strings.HasPrefix(name, "tier-") {
			states[name] = string(s.StackStatus)
		}
	}
	return states
}

// groupsOf are the Auto Scaling groups of a content type; found by the tags they are known by.
func (p place) groupsOf(contentType string) []types.AutoScalingGroup {
	p.t.Helper()
	out := localaws.Call(p.t, autoscaling.NewFromConfig(p.aws()).DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{})
	return slices.DeleteFunc(out.AutoScalingGroups, func(g types.AutoScalingGroup) bool {
		tags := map[string]string{}
		for _, tag := range g.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		return tags[contract.TagEnvironment] != "tier-"+p.Name || tags[contract.TagContentType] != contentType
	})
}

// group is the one group of a content type.
func (p place) group(contentType string) types.AutoScalingGroup {
	p.t.Helper()
	groups := p.groupsOf(contentType)
	if len(groups) != 1 {
		p.t.Fatalf("%s: %d groups of %s, want 1", p.Name, len(groups), contentType)
	}
	return groups[0]
}

// scale sets how many instances a content type's group is to have, as its alarms do.
func (p place) scale(contentType string, n int32) {
	p.t.Helper()
	localaws.Call(p.t, autoscaling.NewFromConfig(p.aws()).SetDesiredCapacity, &autoscaling.SetDesiredCapacityInput{
		AutoScalingGroupName: p.group(contentType).AutoScalingGroupName, DesiredCapacity: &n,
	})
}

// queues are the URLs of a content type's queues.
func (p place) queues(contentType string) []string {
	p.t.Helper()
	out := localaws.Call(p.t, sqs.NewFromConfig(p.aws()).ListQueues, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("tier-" + p.Name + "-" + contentType)})
	return out.QueueUrls
}

// image is what new instances of a content type start from.
func (p place) image(contentType string) string {
	p.t.Helper()
	template := p.group(contentType).LaunchTemplate
	out, err := ec2.NewFromConfig(p.aws()).DescribeLaunchTemplateVersions(p.t.Context(), &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: template.LaunchTemplateId, Versions: []string{*template.Version},
	})
	if err != nil || len(out.LaunchTemplateVersions) != 1 {
		p.t.Fatalf("launch template of %s: %v", contentType, err)
	}
	return aws.ToString(out.LaunchTemplateVersions[0].LaunchTemplateData.ImageId)
}
