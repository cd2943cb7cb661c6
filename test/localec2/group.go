package localec2

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// group is what is deployed of one Auto Scaling group.
type group struct {
	name     string
	desired  int
	zones    []string
	template types.LaunchTemplateSpecification
}

// groups are all Auto Scaling groups, in the order AWS lists them.
func (l *Launcher) groups(ctx context.Context) ([]group, error) {
	var out []group
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(l.autoscaling, &autoscaling.DescribeAutoScalingGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the deployed groups: %w", err)
		}
		for _, g := range page.AutoScalingGroups {
			template := g.LaunchTemplate
			if g.MixedInstancesPolicy != nil {
				template = g.MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification
			}
			if template == nil {
				continue // a group with a launch configuration is not of the tier
			}
			out = append(out, group{*g.AutoScalingGroupName, int(*g.DesiredCapacity), g.AvailabilityZones, *template})
		}
	}
	return out, nil
}

// template is what the launcher needs of a launch template's version.
type template struct {
	boot         contract.FirstBoot
	userData     string
	image        string
	instanceType string
	role         string // name of the instance profile, which stands for its role
}

// templateOf reads the version of the launch template that is deployed with g.
func (l *Launcher) templateOf(ctx context.Context, g group) (template, error) {
	found, err := l.ec2.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: g.template.LaunchTemplateId, Versions: []string{*g.template.Version},
	})
	if err != nil {
		return template{}, fmt.Errorf("read the launch template of group %s: %w", g.name, err)
	}
	if len(found.LaunchTemplateVersions) != 1 {
		return template{}, fmt.Errorf("launch template %s of group %s has no version %s", *g.template.LaunchTemplateId, g.name, *g.template.Version)
	}
	data := found.LaunchTemplateVersions[0].LaunchTemplateData
	script, err := base64.StdEncoding.DecodeString(aws.ToString(data.UserData))
	if err != nil {
		return template{}, fmt.Errorf("user-data of group %s: %w", g.name, err)
	}
	out := template{image: aws.ToString(data.ImageId), instanceType: string(data.InstanceType), role: g.name, userData: string(script)}
	if data.IamInstanceProfile != nil && data.IamInstanceProfile.Name != nil {
		out.role = *data.IamInstanceProfile.Name
	}
	if out.boot, err = contract.FirstBootFrom(string(script)); err != nil {
		return template{}, fmt.Errorf("group %s: %w", g.name, err)
	}
	return out, nil
}

// The transitions at which a group may wait for a word about an instance.
const (
	launching   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"
)

// hook is a lifecycle hook of a group; without a name there is none.
type hook struct {
	name    string
	timeout time.Duration // without a word
	abandon bool          // what happens then
}

// hookAt is the hook that the group has at a transition.
func (l *Launcher) hookAt(ctx context.Context, groupName, transition string) (hook, error) {
	hooks, err := l.autoscaling.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &groupName})
	if err != nil {
		return hook{}, fmt.Errorf("read the lifecycle hooks of group %s: %w", groupName, err)
	}
	for _, h := range hooks.LifecycleHooks {
		if aws.ToString(h.LifecycleTransition) == transition {
			return hook{
				name: *h.LifecycleHookName, timeout: time.Duration(aws.ToInt32(h.HeartbeatTimeout)) * time.Second,
				abandon: aws.ToString(h.DefaultResult) == "ABANDON",
			}, nil
		}
	}
	return hook{}, nil
}
