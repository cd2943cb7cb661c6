package stacks

import (
	"fmt"
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

// VPC and subnets come by SSM parameter, whose values no diff shows. A new mode replaces the instances of every pool.
// New zones change the groups and replace none.
func TestAChangedNetworkShowsInEveryPool(t *testing.T) {
	pools := func(change func(*tierspec.Environment)) map[string][2]string {
		tier := *load(t, testConfig, "prod")
		change(&tier.Environment)
		all := templates(t, synthesize(t, &tier, standIn))
		got := map[string][2]string{}
		for _, c := range tier.ContentTypes {
			template := synthtest.Parse(t, []byte(all["tier-prod-"+c.Name]))
			got[c.Name] = [2]string{
				fmt.Sprint(template.One(t, "AWS::EC2::LaunchTemplate").Properties), fmt.Sprint(template.One(t, "AWS::AutoScaling::AutoScalingGroup").Properties),
			}
		}
		return got
	}
	before := pools(func(*tierspec.Environment) {})
	reordered := pools(func(e *tierspec.Environment) {
		e.AvailabilityZones = []string{"eu-west-1c", "eu-west-1a", "eu-west-1b"}
	})
	fewer := pools(func(e *tierspec.Environment) { e.AvailabilityZones = []string{"eu-west-1a", "eu-west-1b"} })
	public := pools(func(e *tierspec.Environment) { e.Network.Mode = tierspec.Public })
	if len(before) == 0 {
		t.Fatal("no pools")
	}
	for name, was := range before {
		if reordered[name] != was {
			t.Errorf("%s: the order of the zones changes it", name)
		}
		if now := fewer[name]; now[0] != was[0] || now[1] == was[1] {
			t.Errorf("%s: one zone less replaces instances: %t, and shows in the group: %t", name, now[0] != was[0], now[1] != was[1])
		}
		if public[name][0] == was[0] {
			t.Errorf("%s: another mode does not replace its instances", name)
		}
	}
}
