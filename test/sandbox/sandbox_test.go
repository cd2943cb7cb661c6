package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/stage"
	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// newSandbox is a run against the package's local AWS that has prepared nothing.
func newSandbox(t *testing.T) (*sandbox, *bytes.Buffer) {
	t.Helper()
	server := localaws.StartT(t)
	cfg := server.ConfigT(t)
	said := new(bytes.Buffer)
	return &sandbox{
		options: options{local: true, account: localaws.Account, environment: newEnvironment(), maxDollars: maxDollars},
		out:     said, aws: cfg, alone: &local{&stage.Stage{Server: server}},
	}, said
}

// artifacts and settings stand for the shared stack and a content type's; policy is a DeletionPolicy.
const artifacts = `{"Resources": {"Artifacts": {"Type": "AWS::S3::Bucket"}}}`

func settings(policy string) string {
	return `{"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "` + policy + `"}}}`
}

// stacked makes a stack with a tag and waits for it.
func stacked(t *testing.T, s *sandbox, name, tag, template string) {
	t.Helper()
	localaws.CreateStack(t, s.aws, &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: &template, Tags: []cfntypes.Tag{{Key: aws.String(contract.TagEnvironment), Value: &tag}},
	})
}

// What a run made is gone however it ends; what others have stays.
func TestEveryWayOutCleansUp(t *testing.T) {
	made := func(run func(context.CancelFunc) error) func(*testing.T, *sandbox, context.CancelFunc) step {
		return func(t *testing.T, s *sandbox, cancel context.CancelFunc) step {
			return step{vital: true, run: func(_ *sandbox, ctx context.Context) error {
				stacked(t, s, s.stackTag()+"-shared", s.stackTag(), artifacts)
				stacked(t, s, s.stackTag()+"-work", s.stackTag(), settings("Delete"))
				found, err := s.resources(ctx, s.stackTag()+"-shared")
				if err != nil {
					return err
				}
				if _, err := s3.NewFromConfig(s.aws).PutObject(ctx, &s3.PutObjectInput{
					Bucket: found[0].PhysicalResourceId, Key: aws.String("work/output"), Body: strings.NewReader("x"),
				}); err != nil {
					return err
				}
				return run(cancel)
			}}
		}
	}
	for name, c := range map[string]struct {
		first func(*testing.T, *sandbox, context.CancelFunc) step
		want  string // in the error
	}{
		"well":           {made(func(context.CancelFunc) error { return nil }), ""},
		"with a failure": {made(func(context.CancelFunc) error { return errors.New("no") }), "1 steps failed"},
		"in a panic":     {made(func(context.CancelFunc) error { panic("broken") }), "panic: broken"},
		"by a signal":    {made(func(cancel context.CancelFunc) error { cancel(); return context.Canceled }), "ended before all steps"},
	} {
		t.Run(name, func(t *testing.T) {
			s, said := newSandbox(t)
			stacked(t, s, "neighbour", tierName+"s-other", settings("Delete"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := s.run(ctx, []step{c.first(t, s, cancel)})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if !strings.Contains(said.String(), `clean_up="nothing is left"`) {
				t.Errorf("it said:\n%s", said)
			}
			all, err := s.allStacks(t.Context())
			if err != nil || len(all) != 1 || *all[0].StackName != "neighbour" {
				t.Errorf("left are %d stacks, want the neighbour alone (%v)", len(all), err)
			}
			if err := s.cleanUp(t.Context(), tierName+"s-*"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What is left of runs that were killed is found by the tag, whichever run it was.
func TestCleanRemovesWhatEarlierRunsLeft(t *testing.T) {
	s, said := newSandbox(t)
	for _, run := range []string{"r1", "r2"} {
		stacked(t, s, tierName+"-"+run+"-work", tierName+"-"+run, settings("Delete"))
	}
	if err := s.checkStacks(t.Context()); err == nil || !strings.Contains(err.Error(), "make test-aws-clean") {
		t.Errorf("a run beside what another left: %v", err)
	}
	if err := s.cleanOthers(t.Context()); err != nil || !strings.Contains(said.String(), "test-aws: nothing is left") {
		t.Errorf("clean: %v\n%s", err, said)
	}
	if all, err := s.allStacks(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("left are %d stacks (%v)", len(all), err)
	}
}

// once calls then when a text is written.
type once struct {
	text string
	then func()
}

func (o once) Write(said []byte) (int, error) {
	if strings.Contains(string(said), o.text) {
		o.then()
	}
	return len(said), nil
}

// A resource that outlives its stack is named: it is still billed.
func TestWhatIsRetainedIsNamed(t *testing.T) {
	s, _ := newSandbox(t)
	stacked(t, s, s.stackTag()+"-work", s.stackTag(), settings("Retain"))
	ctx, cancel := context.WithCancel(t.Context())
	s.out = once{"AWS::SQS::Queue", cancel} // the clean-up never ends by itself
	if err := s.cleanUp(ctx, s.stackTag()); err == nil || !strings.Contains(err.Error(), "AWS::SQS::Queue") || !strings.Contains(err.Error(), "still billed") {
		t.Errorf("error %v: want one that names the queue", err)
	}
}

func TestRefusals(t *testing.T) {
	s, _ := newSandbox(t)
	refuses := func(what, want string, check func(context.Context) error) {
		t.Helper()
		if err := check(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one sentence with %q", what, err, want)
		}
	}
	if err := s.checkAccount(t.Context()); err != nil {
		t.Fatalf("an empty account: %v", err)
	}
	s.account = ""
	refuses("nobody's consent", "say ACCOUNT="+localaws.Account, s.checkAccount)
	s.account = "111122223333"
	refuses("another account", "nothing was changed", s.checkAccount)
	s.account = localaws.Account
	stacked(t, s, "theirs", "tier-prod", settings("Delete"))
	refuses("an account with a tier", "worker tier tier-prod", s.checkAccount)
	if err := s.cleanUp(t.Context(), "tier-prod"); err != nil {
		t.Fatal(err)
	}
	localaws.Call(t, iam.NewFromConfig(s.aws).CreateAccountAlias, &iam.CreateAccountAliasInput{AccountAlias: aws.String("acme-prod")})
	refuses("a production account", "acme-prod", s.checkAccount)
	localaws.Call(t, iam.NewFromConfig(s.aws).DeleteAccountAlias, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("acme-prod")})
}

func TestOptionsSayWhatIsMissing(t *testing.T) {
	good := map[string]string{"CHEF_PACKAGE_URL": "https://example.com/cinc.rpm", "CHEF_PACKAGE_SHA256": strings.Repeat("0a", 32)}
	for name, c := range map[string]struct {
		environment map[string]string
		args        []string
		want        string
	}{
		"a package":              {good, nil, ""},
		"an image":               {map[string]string{"AMI": "ami-0123456789abcdef0"}, nil, ""},
		"no client":              {nil, nil, "CHEF_PACKAGE_URL and CHEF_PACKAGE_SHA256"},
		"a package without hash": {map[string]string{"CHEF_PACKAGE_URL": "https://example.com/cinc.rpm"}, nil, "give both"},
		"no image":               {map[string]string{"AMI": "al2023"}, nil, "id of an image"},
		"no amount":              {map[string]string{"MAX_DOLLARS": "five"}, nil, "MAX_DOLLARS"},
		"unknown argument":       {good, []string{"fast"}, "-local and clean"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readOptions(c.args, func(name string) string { return c.environment[name] })
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// What a run may cost is computed from what it deploys, and refused above the reader's limit.
func TestTheCostIsBounded(t *testing.T) {
	s, said := newSandbox(t)
	dir := t.TempDir()
	d := description{Tier: tierName, Environment: "r1", Account: localaws.Account, Region: "us-east-1", Zones: []string{"us-east-1a", "us-east-1b"}, InstanceType: instanceType, Up: ".."}
	for _, folder := range []string{"program", "../worker"} {
		if err := os.MkdirAll(filepath.Join(dir, "run", folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.tier, err = d.write(filepath.Join(dir, "run", "worker-tier.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := s.checkCost(); err != nil || !strings.Contains(said.String(), "at most") {
		t.Errorf("the run as it is: %v\n%s", err, said)
	}
	t.Log(said.String())
	before, _ := worstCase(s.tier, time.Hour)
	s.tier.ContentTypes[1].MaxCapacity += 10
	if after, _ := worstCase(s.tier, time.Hour); after < before+10*instanceHour {
		t.Errorf("ten more instances cost %.2f USD instead of %.2f", after, before)
	}
	s.maxDollars = 1
	if err := s.checkCost(); err == nil || !strings.Contains(err.Error(), "MAX_DOLLARS is 1.00") {
		t.Errorf("a run that may cost more than a dollar: %v", err)
	}
	s.tier.ContentTypes[0].InstanceTypes = []string{"p5.48xlarge"}
	if err := s.checkCost(); err == nil || !strings.Contains(err.Error(), "p5.48xlarge") {
		t.Errorf("a type of unknown price: %v", err)
	}
}
