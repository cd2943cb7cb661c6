package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// zonesAre checks that the groups stand in zones, given by their letters, and that no block of addresses has moved. EC2 refuses a subnet whose
// block overlaps with that of another, be it one that the same update removes. The local AWS does not, so it is checked here: a
// subnet of before and one of after that overlap are the same subnet.
func zonesAre(letters ...string) func(context.Context, *live, look, look) (string, error) {
	return func(_ context.Context, _ *live, before, after look) (string, error) {
		var want []string
		for _, letter := range letters {
			want = append(want, "us-east-1"+letter)
		}
		for name, p := range after.pools {
			if got := slices.Sorted(slices.Values(p.zones)); !slices.Equal(got, want) {
				return "", fmt.Errorf("the group of %s stands in %v, want %v", name, got, want)
			}
			for _, i := range p.instances {
				if !slices.Contains(want, i.Zone) {
					return "", fmt.Errorf("instance %s of %s stands in %s", i.ID, name, i.Zone)
				}
			}
		}
		stayed := 0
		for id, a := range after.subnets {
			for was, b := range before.subnets {
				switch {
				case id == was && a != b:
					return "", fmt.Errorf("subnet %s was %v and is %v", id, b, a)
				case id == was:
					stayed++
				case a.block.Overlaps(b.block):
					return "", fmt.Errorf("the subnet of %s, %s, overlaps with that of %s, %s: EC2 refuses that", a.zone, a.block, b.zone, b.block)
				}
			}
		}
		kept := 0
		for _, b := range before.subnets {
			if slices.Contains(want, b.zone) {
				kept++
			}
		}
		if stayed != kept {
			return "", fmt.Errorf("%d subnets stayed of %d whose zones stayed", stayed, kept)
		}
		return fmt.Sprintf("%d subnets stayed, no blocks overlap", stayed), nil
	}
}

// anotherNetwork deploys another network mode. CloudFormation refuses it before it changes anything, with the order of steps and the parameter
// by which a person says that the change is meant.
func anotherNetwork(ctx context.Context, l *live) error {
	err := l.cdk.DeployDiffed(ctx, "--all")
	if err == nil {
		return errors.New("it was not refused")
	}
	for _, words := range []string{"Retire the content types first", "DeployedNetwork"} {
		if !strings.Contains(err.Error(), words) {
			return fmt.Errorf("it was refused without %q: %w", words, err)
		}
	}
	return l.cdk.DeployDiffed(ctx, "--all", "--parameters", contract.StackName(tierName, environment, "shared")+":DeployedNetwork=private-nat")
}
