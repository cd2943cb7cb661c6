package deploy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// One tier lives through what operators do with it. The steps build on each other.
func TestTierThroughItsLife(t *testing.T) {
	p := newProject(t)
	east, west := p.environment("east"), p.environment("west")
	for _, e := range []place{east, west} {
		e.must("bootstrap", "aws://"+e.Account+"/"+e.Region)
		e.deploy("--all")
	}
	twoEnvironments(t, east, west)
	for _, e := range []place{east, west} {
		e.dashboards()
	}

	t.Run("a change of one type", func(t *testing.T) {
		before := *east.group("mail").LaunchTemplate.Version
		east.scale("mail", 3)
		p.edit("processor: backup, capacity: {max: 10}", "processor: backup, capacity: {max: 11}")
		p.edit("docs: {processor: backup}", "docs: {processor: backup, capacity: {max: 12}}")
		p.edit("ami-0123456789abcdef0", "ami-0c2023a1b2c3d4e5f") // of the first environment
		east.deploy("--exclusively", "*-mail")
		if mail, docs := *east.group("mail").MaxSize, *east.group("docs").MaxSize; mail != 11 || docs != 20 {
			t.Errorf("groups of at most %d and %d instances, want 11 for mail and still 20 for docs", mail, docs)
		}
		if got := *east.group("mail").DesiredCapacity; got != 3 {
			t.Errorf("the update moved the group from 3 instances to %d", got)
		}
		if after := *east.group("mail").LaunchTemplate.Version; after == before {
			t.Errorf("the group still names version %s of its launch template: nothing would roll", after)
		}
		images := []string{east.image("mail"), east.image("docs"), west.image("mail")}
		if diff := cmp.Diff([]string{"ami-0c2023a1b2c3d4e5f", "ami-0123456789abcdef0", "ami-0123456789abcdef0"}, images); diff != "" {
			t.Errorf("images of mail, of docs, and of mail in the other environment (-want +got):\n%s", diff)
		}
	})
	t.Run("a failing update", func(t *testing.T) {
		p.edit("ami-0c2023a1b2c3d4e5f", "ami-00000000000000bad")
		p.edit("capacity: {max: 11}", "capacity: {max: 14}")
		said, err := east.cdk(deploying([]string{"--exclusively", "*-mail"})...)
		if err == nil || !strings.Contains(said, "ami-00000000000000bad") {
			t.Errorf("an image that does not exist was deployed: %v\n%s", err, said)
		}
		if state := east.stacks()["tier-east-mail"]; state != "UPDATE_ROLLBACK_COMPLETE" {
			t.Errorf("the stack is %s", state)
		}
		if got := east.image("mail"); got != "ami-0c2023a1b2c3d4e5f" {
			t.Errorf("after the roll back mail starts from %s", got)
		}
		if group := east.group("mail"); *group.MaxSize != 11 || *group.DesiredCapacity != 3 {
			t.Errorf("after the roll back mail has %d of at most %d instances, want 3 of 11", *group.DesiredCapacity, *group.MaxSize)
		}
	})
	t.Run("the repair, and a type that comes and goes", func(t *testing.T) {
		const thumbs = "  thumbs: {processor: backup, capacity: {max: 2}}\n"
		p.edit("ami-00000000000000bad", "ami-0123456789abcdef0")
		p.edit("contentTypes:\n  docs", "contentTypes:\n"+thumbs+"  docs")
		east.deploy("--exclusively", "*-mail", "*-thumbs")
		if got, most := east.image("mail"), *east.group("thumbs").MaxSize; got != "ami-0123456789abcdef0" || most != 2 {
			t.Errorf("mail starts from %s, thumbs has at most %d instances", got, most)
		}
		if got := len(east.queues("thumbs")); got != 2 {
			t.Errorf("thumbs has %d queues, want its own and one for dead letters", got)
		}
		east.must("destroy", "--force", "tier-east-thumbs")
		p.edit(thumbs, "")
		east.deploy("--all")
		if groups, queues := east.groupsOf("thumbs"), east.queues("thumbs"); len(groups)+len(queues) > 0 {
			t.Errorf("after its removal thumbs has %d groups and the queues %v", len(groups), queues)
		}
		want := map[string]string{"tier-east-shared": "CREATE_COMPLETE", "tier-east-docs": "UPDATE_COMPLETE", "tier-east-mail": "UPDATE_COMPLETE"}
		if diff := cmp.Diff(want, east.stacks()); diff != "" {
			t.Errorf("stacks (-want +got):\n%s", diff)
		}
		if got, most := west.image("mail"), *west.group("mail").MaxSize; got != "ami-0123456789abcdef0" || most != 60 {
			t.Errorf("in the other environment mail starts from %s with at most %d instances", got, most)
		}
	})
}

// twoEnvironments checks that each account holds its own environment, with its own values, and the hooks.
func twoEnvironments(t *testing.T, east, west place) {
	t.Helper()
	for _, c := range []struct {
		place
		most  int32
		zones int
	}{{east, 10, 2}, {west, 60, 3}} {
		want := map[string]string{}
		for _, stack := range []string{"shared", "docs", "mail"} {
			want["tier-"+c.Name+"-"+stack] = "CREATE_COMPLETE"
		}
		if diff := cmp.Diff(want, c.stacks()); diff != "" {
			t.Errorf("stacks in account %s (-want +got):\n%s", c.Account, diff)
		}
		group := c.group("mail")
		if *group.MaxSize != c.most || len(group.AvailabilityZones) != c.zones {
			t.Errorf("%s: mail has at most %d instances in %v", c.Name, *group.MaxSize, group.AvailabilityZones)
		}
		hooks := localaws.Call(t, autoscaling.NewFromConfig(c.aws()).DescribeLifecycleHooks, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: group.AutoScalingGroupName})
		results := map[string]string{}
		for _, h := range hooks.LifecycleHooks {
			results[aws.ToString(h.LifecycleHookName)] = aws.ToString(h.DefaultResult)
		}
		if diff := cmp.Diff(map[string]string{"boot": "ABANDON", "drain": "CONTINUE"}, results); diff != "" {
			t.Errorf("%s: hooks (-want +got):\n%s", c.Name, diff)
		}
	}
}

// dashboards checks that those of the pools show the states of alarms that exist, each of its own and of all of them.
func (p place) dashboards() {
	p.t.Helper()
	client := cloudwatch.NewFromConfig(p.aws())
	alarms := localaws.Call(p.t, client.DescribeAlarms, &cloudwatch.DescribeAlarmsInput{})
	var want, got []string
	for _, a := range alarms.MetricAlarms {
		if len(a.AlarmActions) > 0 { // the one without is read by the instance refresh alone
			want = append(want, *a.AlarmArn)
		}
	}
	for _, contentType := range []string{"docs", "mail"} {
		resources := localaws.Call(p.t, cloudformation.NewFromConfig(p.aws()).DescribeStackResources, &cloudformation.DescribeStackResourcesInput{
			StackName: aws.String("tier-" + p.Name + "-" + contentType),
		})
		i := slices.IndexFunc(resources.StackResources, func(r cftypes.StackResource) bool { return *r.ResourceType == "AWS::CloudWatch::Dashboard" })
		board := localaws.Call(p.t, client.GetDashboard, &cloudwatch.GetDashboardInput{DashboardName: resources.StackResources[i].PhysicalResourceId})
		var body struct {
			Widgets []struct{ Properties struct{ Alarms []string } }
		}
		if err := json.Unmarshal([]byte(*board.DashboardBody), &body); err != nil {
			p.t.Fatal(err)
		}
		for _, w := range body.Widgets {
			got = append(got, w.Properties.Alarms...)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 20 {
		p.t.Errorf("%s: %d alarms, want the 10 with actions of each content type, on a dashboard each (-want +got):\n%s", p.Name, len(want), diff)
	}
}
