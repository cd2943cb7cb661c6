package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// deployTime bounds what a deploy is waited for; it takes seconds, on a loaded machine minutes.
const deployTime = 15 * time.Minute

func (l *live) setDesired(ctx context.Context, p pool, n int) error {
	_, err := l.deployed.Groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &p.group, DesiredCapacity: new(int32(n))})
	return err
}

// amidScaleOut deploys a release while a group grows: the instances that it begins boot from the old launch template, after the deploy has
// changed the role.
func amidScaleOut(ctx context.Context, l *live) error {
	before, err := l.settled(ctx)
	if err != nil {
		return err
	}
	short := before.pools["short"]
	old, err := l.versions(ctx, short)
	if err != nil {
		return err
	}
	l.gate.set(func(boot localec2.Boot) error {
		if boot.Document.WorkerTier.Environment[contract.EnvContentType] != "short" {
			return nil
		}
		return localtier.Await(context.Background(), "the deploy to make the next launch template", deployTime, func(ctx context.Context) (bool, error) {
			now, err := l.versions(ctx, short)
			return now > old, err
		})
	}, nil)
	if err := l.setDesired(ctx, short, short.desired+2); err != nil {
		return err
	}
	if err := l.cdk.DeployDiffed(ctx, "--all"); err != nil {
		_, denied := l.gate.counts()
		return errors.Join(err, errors.New(strings.Join(denied, "; ")))
	}
	return nil
}

// versions is how many versions a pool's launch template has.
func (l *live) versions(ctx context.Context, p pool) (int, error) {
	found, err := ec2.NewFromConfig(l.AWS).DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &p.template})
	if err != nil {
		return 0, err
	}
	return len(found.LaunchTemplateVersions), nil
}

// noneDenied checks that instances came from the old launch template and that no role kept any from what it fetches.
func noneDenied(_ context.Context, l *live, before, _ look) (string, error) {
	_, denied := l.gate.counts()
	l.gate.set(nil, nil)
	if len(denied) > 0 {
		return "", errors.New(denied[0])
	}
	old := 0
	for _, i := range l.Launcher.All() {
		p := before.pools["short"]
		if i.Group == p.group && i.Version == p.version && p.instances[i.ID] == nil {
			old++
		}
	}
	if old < 2 {
		return "", fmt.Errorf("%d instances booted from the old launch template during the deploy, want 2", old)
	}
	return fmt.Sprintf("%d instances booted from the old launch template meanwhile, with what they need", old), nil
}

// amidFailures deploys a fix while instances of before go on failing their boot.
func amidFailures(ctx context.Context, l *live) error {
	before, err := l.settled(ctx)
	if err != nil {
		return err
	}
	short := before.pools["short"]
	var bundle string
	for _, i := range short.instances {
		bundle = i.Document.WorkerTier.Bundle.Key
	}
	l.gate.set(nil, func(boot localec2.Boot) bool { return boot.Document.WorkerTier.Bundle.Key == bundle })
	if err := l.setDesired(ctx, short, short.desired+1); err != nil {
		return err
	}
	if err := localtier.Await(ctx, "boots that fail", instanceTime, func(context.Context) (bool, error) {
		spoilt, _ := l.gate.counts()
		return spoilt >= 2, nil
	}); err != nil {
		return err
	}
	return l.cdk.DeployDiffed(ctx, "--all")
}

func fixed(_ context.Context, l *live, _, _ look) (string, error) {
	spoilt, _ := l.gate.counts()
	l.gate.set(nil, nil)
	return fmt.Sprintf("%d boots of before had failed", spoilt), nil
}

// refused deploys what no instance becomes a worker with, to one pool. It must fail, and be rolled back.
func refused(ctx context.Context, l *live) error {
	stack := contract.StackName(tierName, environment, "short")
	if err := l.cdk.DeployDiffed(ctx, "--exclusively", stack); err == nil {
		return errors.New("the deploy went through")
	}
	found, err := cloudformation.NewFromConfig(l.AWS).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return err
	}
	if state := string(found.Stacks[0].StackStatus); state != "UPDATE_ROLLBACK_COMPLETE" {
		return fmt.Errorf("the stack of short is %s: %s", state, aws.ToString(found.Stacks[0].StackStatusReason))
	}
	return nil
}

// backAsBefore checks that the roll back left the pool with the launch template of before, and puts the release of before into the
// configuration, which differs in nothing from what is deployed then.
func backAsBefore(ctx context.Context, l *live, before, after look) (string, error) {
	if b, a := before.pools["short"].version, after.pools["short"].version; a != b {
		return "", fmt.Errorf("after the roll back the group of short is at version %s of its launch template, want %s", a, b)
	}
	if err := l.project.use("broken", "second"); err != nil {
		return "", err
	}
	if differ, _, err := l.cdk.Diff(ctx); err != nil || len(differ) > 0 {
		return "", fmt.Errorf("with the release of before in the configuration, %v differ (%w)", differ, err)
	}
	return "the deploy failed, and was rolled back to the launch template of before", nil
}
