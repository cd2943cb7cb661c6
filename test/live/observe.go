package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// pool is what is seen of a content type's group.
type pool struct {
	group     string
	template  string // id of the launch template
	version   string // of it
	desired   int
	most      int // instances
	zones     []string
	subnets   []string
	instances map[string]*localec2.Instance // in service, by id
}

// pools are the pools by content type.
func (l *live) pools(ctx context.Context) (map[string]pool, error) {
	out := map[string]pool{}
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(l.deployed.Groups, &autoscaling.DescribeAutoScalingGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.AutoScalingGroups {
			n := slices.IndexFunc(g.Tags, func(t types.TagDescription) bool { return aws.ToString(t.Key) == contract.TagContentType })
			if n < 0 || g.LaunchTemplate == nil {
				return nil, fmt.Errorf("group %s has no content type or no launch template", aws.ToString(g.AutoScalingGroupName))
			}
			p := pool{
				group: *g.AutoScalingGroupName, template: *g.LaunchTemplate.LaunchTemplateId, version: *g.LaunchTemplate.Version, desired: int(*g.DesiredCapacity), most: int(*g.MaxSize),
				zones: g.AvailabilityZones, subnets: strings.Split(*g.VPCZoneIdentifier, ","), instances: map[string]*localec2.Instance{},
			}
			for _, i := range l.Launcher.Instances() {
				if i.Group == p.group && l.Launcher.InService(i) {
					p.instances[i.ID] = i
				}
			}
			out[aws.ToString(g.Tags[n].Value)] = p
		}
	}
	return out, nil
}

// instanceTime bounds how long a group may take to have its instances in service: processes are at once, on a loaded machine in minutes.
const instanceTime = 10 * time.Minute

// look is what is seen of the tier at one time.
type look struct {
	pools   map[string]pool
	subnets map[string]subnet // of the tier's network, by id
}

// subnet is what is seen of a subnet.
type subnet struct {
	zone  string
	block netip.Prefix
}

// settled waits until each group has its desired capacity in service, in its own zones, and nothing beside it.
func (l *live) settled(ctx context.Context) (look, error) {
	var pools map[string]pool
	err := localtier.AwaitEvery(ctx, 100*time.Millisecond, "each group to have its instances in service (see launcher.log)", instanceTime, func(ctx context.Context) (bool, error) {
		var err error
		if pools, err = l.pools(ctx); err != nil {
			return false, err
		}
		wanted, serving := 0, 0
		for _, p := range pools {
			if len(p.instances) != p.desired {
				return false, nil
			}
			for _, i := range p.instances {
				if !slices.Contains(p.zones, i.Zone) { // the group has not looked yet since it left the zone
					return false, nil
				}
			}
			wanted += p.desired
			serving += len(p.instances)
		}
		return serving == wanted && len(l.Launcher.Instances()) == wanted, nil
	})
	if err != nil {
		return look{}, err
	}
	subnets, err := l.subnets(ctx, pools)
	return look{pools, subnets}, err
}

// subnets are all subnets of the network in which the pools stand.
func (l *live) subnets(ctx context.Context, pools map[string]pool) (map[string]subnet, error) {
	client := ec2.NewFromConfig(l.AWS)
	own, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: pools[kinds[0].contentType].subnets})
	if err != nil || len(own.Subnets) == 0 {
		return nil, fmt.Errorf("subnets of the pools: %w", err)
	}
	found, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: new("vpc-id"), Values: []string{*own.Subnets[0].VpcId}}}})
	if err != nil {
		return nil, err
	}
	out := map[string]subnet{}
	for _, s := range found.Subnets {
		block, err := netip.ParsePrefix(aws.ToString(s.CidrBlock))
		if err != nil {
			return nil, err
		}
		out[*s.SubnetId] = subnet{*s.AvailabilityZone, block}
	}
	return out, nil
}

// rolled are the pools that were rolled between two looks: the launch template has another version, and no instance of before is left.
// An error tells of one that was rolled by half, or whose instances were replaced without need.
func rolled(before, after map[string]pool, moves bool) ([]string, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		b, known := before[name]
		if !known {
			continue
		}
		a := after[name]
		left := 0
		for id := range b.instances {
			if a.instances[id] != nil {
				left++
			}
		}
		for _, i := range a.instances {
			if i.Version != a.version {
				return nil, fmt.Errorf("instance %s of %s is of version %s of the launch template, and its group of version %s", i.ID, name, i.Version, a.version)
			}
		}
		switch {
		case a.version != b.version && left == 0:
			names = append(names, name)
		case a.version != b.version:
			return nil, fmt.Errorf("%d of %d instances of %s were left by the roll", left, len(b.instances), name)
		case left < len(b.instances) && !moves:
			return nil, fmt.Errorf("%d of %d instances of %s were replaced, though its launch template is the same", len(b.instances)-left, len(b.instances), name)
		}
	}
	return names, nil
}
