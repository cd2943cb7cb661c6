package stacks

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// cdk runs the stock CDK command line against the local AWS and returns what it said.
func cdk(t *testing.T, server *localaws.Server, args ...string) (string, error) {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("..", "node_modules", ".bin", "cdk"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, "--no-color", "--no-notices")...)
	cmd.Dir = t.TempDir() // without a cdk.json
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, server.CDKEnviron()...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// keptAndNot is a tier with two environments on the local AWS, one of which keeps what it has.
const keptAndNot = `name: tier
worker: {file: worker, sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}
chef: {distribution: cinc, version: "18"}
environments:
  lab: {account: "000000000000", region: us-east-1, availabilityZones: [us-east-1a, us-east-1b], network: {mode: public}, baseImage: {amiId: ami-0123456789abcdef0}, disposable: true}
  kept: {account: "000000000000", region: us-east-1, availabilityZones: [us-east-1a, us-east-1b], network: {mode: public}, baseImage: {amiId: ami-0123456789abcdef0}}
contentTypes:
  mail: {processor: backup}
`

// A first deploy that fails half-way deploys again once its cause is gone: in an environment that does not keep what
// it has by itself, in one that does, whose stacks the CDK cannot replace, after tier unblock.
func TestFailedFirstDeployDeploysAgain(t *testing.T) {
	server := localaws.StartOwnT(t, localaws.Options{})
	cfg := server.ConfigT(t)
	file := filepath.Join(t.TempDir(), "tier.yaml")
	if err := errors.Join(os.WriteFile(file, []byte(keptAndNot), 0o600), os.WriteFile(filepath.Join(filepath.Dir(file), "worker"), nil, 0o700)); err != nil {
		t.Fatal(err)
	}
	parameters, formation := ssm.NewFromConfig(cfg), cloudformation.NewFromConfig(cfg)
	if said, err := cdk(t, server, "bootstrap", "aws://"+localaws.Account+"/"+localaws.Region); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, environment := range []string{"lab", "kept"} {
		assembly, stack := synthesize(t, load(t, file, environment), standIn), contract.StackName("tier", environment, "mail")
		deploy := func() (string, error) {
			return cdk(t, server, "deploy", "--app", assembly, "--require-approval", "never", stack)
		}
		obstacle := contract.QueueURLParameter("tier", environment, "mail") // somebody else's parameter
		localaws.Call(t, parameters.PutParameter, &ssm.PutParameterInput{Name: &obstacle, Value: aws.String("x"), Type: ssmtypes.ParameterTypeString})
		if said, err := deploy(); err == nil || !strings.Contains(said, "ROLLBACK_COMPLETE") {
			t.Fatalf("%s: the first deploy was to fail: %v\n%s", stack, err, said)
		}
		localaws.Call(t, parameters.DeleteParameter, &ssm.DeleteParameterInput{Name: &obstacle})
		if environment == "kept" {
			unblock := exec.CommandContext(t.Context(), "go", "run", "../cmd/tier", "unblock", "--environment", environment, "--config", file)
			unblock.Env = append(os.Environ(), server.Environ()...)
			if said, err := unblock.CombinedOutput(); err != nil || string(said) != "the next deploy replaces "+stack+"\n" {
				t.Fatalf("tier unblock: %v, %q", err, said)
			}
		}
		if said, err := deploy(); err != nil {
			t.Fatalf("%s does not deploy again: %v\n%s", stack, err, said)
		}
		found, err := formation.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack})
		if err != nil || found.Stacks[0].StackStatus != "CREATE_COMPLETE" || aws.ToBool(found.Stacks[0].EnableTerminationProtection) != (environment == "kept") {
			t.Errorf("%s: %v %+v", stack, err, found)
		}
	}
}

// The network of a deployed tier changes only if somebody says so: the deploy is refused before anything changes. Other
// changes go through, and keep what is known of the network.
func TestNetworkIsNotChangedUnderInstances(t *testing.T) {
	server := localaws.StartOwnT(t, localaws.Options{})
	cfg := server.ConfigT(t)
	if said, err := cdk(t, server, "bootstrap", "aws://"+localaws.Account+"/"+localaws.Region); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	dir, shared := t.TempDir(), contract.StackName("tier", "lab", "shared")
	if err := os.WriteFile(filepath.Join(dir, "worker"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	deploy := func(mode string, options ...string) (string, error) {
		t.Helper()
		file := filepath.Join(dir, "tier.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(keptAndNot, "mode: public", "mode: "+mode, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		assembly := synthesize(t, load(t, file, "lab"), standIn)
		return cdk(t, server, slices.Concat([]string{"deploy", "--app", assembly, "--require-approval", "never", shared}, options)...)
	}
	gateways := func() int {
		t.Helper()
		found := localaws.Call(t, ec2.NewFromConfig(cfg).DescribeNatGateways, &ec2.DescribeNatGatewaysInput{})
		return len(found.NatGateways)
	}
	if said, err := deploy("public"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if said, err := deploy("private-nat"); err == nil || !strings.Contains(said, "Retire the content types first") || gateways() != 0 {
		t.Errorf("another network was not refused: %v, %d NAT gateways\n%s", err, gateways(), said)
	}
	if said, err := deploy("private-nat", "--parameters", shared+":"+deployedNetwork+"=private-nat"); err != nil || gateways() != 2 {
		t.Errorf("somebody said so: %v, %d NAT gateways\n%s", err, gateways(), said)
	}
	if said, err := deploy("private-nat"); err != nil {
		t.Errorf("the same network: %v\n%s", err, said)
	}
	if said, err := deploy("public"); err == nil {
		t.Errorf("back again was not refused:\n%s", said)
	}
}
