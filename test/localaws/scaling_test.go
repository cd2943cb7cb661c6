package localaws

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

// deployGolden creates a stack from one of the golden templates, which the tests of package stacks keep up
// to date. The parameters it takes from SSM get stand-ins.
func deployGolden(t *testing.T, cfg aws.Config, path string) (group string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]struct{ Type, Default string }
		Outputs    map[string]any
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	for _, p := range template.Parameters {
		if !strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value") {
			continue
		}
		Call(t, ssm.NewFromConfig(cfg).PutParameter, &ssm.PutParameterInput{
			Name: &p.Default, Value: aws.String("30"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
		})
	}
	before := groups(t, cfg)
	deploy(t, cfg, "golden", string(text))
	for name := range groups(t, cfg) {
		if !before[name] {
			return name
		}
	}
	t.Fatal("the stack made no group")
	return ""
}

func groups(t *testing.T, cfg aws.Config) map[string]bool {
	t.Helper()
	out := Call(t, autoscaling.NewFromConfig(cfg).DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{})
	names := map[string]bool{}
	for _, g := range out.AutoScalingGroups {
		names[*g.AutoScalingGroupName] = true
	}
	return names
}

// Target tracking, a schedule, a warm pool and protection, as the template says and as the API describes them.
func TestScalingOptionsAreDeployed(t *testing.T) {
	cfg := StartT(t).ConfigT(t)
	api := autoscaling.NewFromConfig(cfg)
	group := deployGolden(t, cfg, "../../stacks/testdata/golden/lab/tier-lab-slides.json")

	policies := Call(t, api.DescribePolicies, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: &group})
	if n := len(policies.ScalingPolicies); n != 1 {
		t.Fatalf("%d policies, want target tracking alone", n)
	}
	tracking := policies.ScalingPolicies[0].TargetTrackingConfiguration
	metrics := tracking.CustomizedMetricSpecification.Metrics
	last := metrics[len(metrics)-1]
	if *tracking.TargetValue != 600 || *last.Expression != "FILL(visible, 0)*job/(n*2)" || !*last.ReturnData {
		t.Errorf("follows %s to %v, want seconds of backlog to 600", *last.Expression, *tracking.TargetValue)
	}

	scheduled := Call(t, api.DescribeScheduledActions, &autoscaling.DescribeScheduledActionsInput{AutoScalingGroupName: &group})
	bounds := map[string][2]int32{}
	for _, a := range scheduled.ScheduledUpdateGroupActions {
		bounds[*a.Recurrence+" "+aws.ToString(a.TimeZone)] = [2]int32{aws.ToInt32(a.MinSize), aws.ToInt32(a.MaxSize)}
	}
	want := map[string][2]int32{"0 7 * * MON-FRI Europe/Berlin": {4, 30}, "0 19 * * MON-FRI Europe/Berlin": {1, 10}}
	if diff := cmp.Diff(want, bounds); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}

	warm := Call(t, api.DescribeWarmPool, &autoscaling.DescribeWarmPoolInput{AutoScalingGroupName: &group})
	if c := warm.WarmPoolConfiguration; c == nil || *c.MinSize != 2 || *c.MaxGroupPreparedCapacity != 2 || c.PoolState != "Stopped" {
		t.Errorf("warm pool %+v, want two stopped instances", c)
	}
	protect(t, api, group)
}

// protect sets and takes off an instance's protection.
func protect(t *testing.T, api *autoscaling.Client, group string) {
	t.Helper()
	Call(t, api.SetDesiredCapacity, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: aws.Int32(1)})
	instance := func() (string, bool) {
		out, err := api.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
		if err != nil || len(out.AutoScalingGroups[0].Instances) == 0 {
			t.Fatalf("no instance in the group: %v", err)
		}
		i := out.AutoScalingGroups[0].Instances[0]
		return *i.InstanceId, *i.ProtectedFromScaleIn
	}
	id, _ := instance()
	for _, want := range []bool{true, false} {
		Call(t, api.SetInstanceProtection, &autoscaling.SetInstanceProtectionInput{
			AutoScalingGroupName: &group, InstanceIds: []string{id}, ProtectedFromScaleIn: &want,
		})
		if _, got := instance(); got != want {
			t.Errorf("protected %t, want %t", got, want)
		}
	}
	if _, err := api.SetInstanceProtection(t.Context(), &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: &group, InstanceIds: []string{"i-0000000000000000f"}, ProtectedFromScaleIn: aws.Bool(true),
	}); err == nil || !strings.Contains(err.Error(), "not in the group") {
		t.Errorf("protecting an instance of nobody: %v", err)
	}
}
