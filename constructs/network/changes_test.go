package network

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

// placed is what must not change of a subnet that stays: EC2 replaces a subnet whose zone or block changes.
type placed struct{ zone, block string }

// subnetsOf are the subnets of a template by logical id.
func subnetsOf(template synthtest.Template) map[string]placed {
	all := map[string]placed{}
	for _, s := range template.Of("AWS::EC2::Subnet") {
		all[s.ID] = placed{fmt.Sprint(s.At("AvailabilityZone")), fmt.Sprint(s.At("CidrBlock"))}
	}
	return all
}

// conflict is why EC2 would refuse to get from one set of subnets to another, "" if it would not. CloudFormation
// makes new subnets before it removes old ones, so that for a while all of both exist.
func conflict(before, after map[string]placed) string {
	type lying struct {
		id string
		netip.Prefix
	}
	var all []lying
	for id, p := range after {
		if was, stays := before[id]; stays && was != p {
			return fmt.Sprintf("%s moves from %v to %v", id, was, p)
		}
		all = append(all, lying{id, netip.MustParsePrefix(p.block)})
	}
	for id, p := range before {
		if _, stays := after[id]; !stays {
			all = append(all, lying{id, netip.MustParsePrefix(p.block)})
		}
	}
	for i, a := range all {
		if network := netip.MustParsePrefix(addresses); !network.Contains(a.Addr()) || a.Bits() <= network.Bits() {
			return fmt.Sprintf("%s: %s is outside %s", a.id, a.Prefix, addresses)
		}
		if a.Masked() != a.Prefix {
			return fmt.Sprintf("%s: %s does not begin at its block", a.id, a.Prefix)
		}
		for _, b := range all[:i] {
			if a.Overlaps(b.Prefix) {
				return fmt.Sprintf("%s and %s: %s overlaps %s", a.id, b.id, a.Prefix, b.Prefix)
			}
		}
	}
	return ""
}

func inRegion(letters string) (zones []string) {
	for _, letter := range letters {
		zones = append(zones, "us-east-1"+string(letter))
	}
	return zones
}

// A change of the zones moves nothing that stays: EC2 answers InvalidSubnet.Conflict to that. No local AWS checks it.
func TestChangedZonesMoveNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, mode := range []tierspec.NetworkMode{tierspec.Public, tierspec.PrivateNAT, tierspec.PrivateEndpoints} {
		states := []string{"abc", "abcd", "bcd", "db", "bd", "bde", "fed", "ao", "abcdefghijklmno"} // added, removed, reordered, replaced
		for range 4 {
			letters := []byte("abcdefghijklmno")
			random.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
			states = append(states, string(letters[:2+random.IntN(6)]))
		}
		perZone := map[bool]int{true: 2, false: 1}[mode == tierspec.PrivateNAT]
		before := map[string]placed{}
		for i, letters := range states {
			_, template := synth(t, Props{Network: tierspec.Network{Mode: mode}, AvailabilityZones: inRegion(letters)})
			after := subnetsOf(template)
			if len(after) != perZone*len(letters) {
				t.Fatalf("%s: %d subnets in zones %s", mode, len(after), letters)
			}
			if found := conflict(before, after); found != "" {
				t.Errorf("%s: to zones %s (change %d): %s", mode, letters, i, found)
			}
			for id, p := range after {
				if !strings.Contains(id, strings.ReplaceAll(p.zone, "-", "")) {
					t.Errorf("%s: %s is in zone %s", mode, id, p.zone)
				}
			}
			before = after
		}
	}
}

// The mistake that the walk is there for: blocks by position.
func TestTheWalkFindsBlocksThatMove(t *testing.T) {
	before := map[string]placed{"One": {"a", "10.0.0.0/20"}, "Two": {"b", "10.0.16.0/20"}}
	for want, after := range map[string]map[string]placed{
		"One moves":      {"One": {"b", "10.0.0.0/20"}},
		"overlaps":       {"Three": {"c", "10.0.16.0/28"}},
		"does not begin": {"Three": {"c", "10.0.33.0/20"}},
		"is outside":     {"Three": {"c", "10.1.0.0/20"}},
		"":               {"Two": {"b", "10.0.16.0/20"}, "Three": {"c", "10.0.32.0/20"}},
	} {
		if got := conflict(before, after); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%v: %q, want %q", after, got, want)
		}
	}
}

// The order of the zones in the configuration means nothing.
func TestTheOrderOfZonesChangesNothing(t *testing.T) {
	for _, mode := range []tierspec.NetworkMode{tierspec.Public, tierspec.PrivateNAT, tierspec.PrivateEndpoints} {
		_, one := synth(t, Props{Network: tierspec.Network{Mode: mode}, AvailabilityZones: inRegion("abc")})
		_, other := synth(t, Props{Network: tierspec.Network{Mode: mode}, AvailabilityZones: inRegion("cab")})
		if diff := cmp.Diff(one, other); diff != "" {
			t.Errorf("%s (-abc +cab):\n%s", mode, diff)
		}
	}
}

// An account's zones are also the Local Zones and wavelength zones that it has opted into.
func TestLookedUpZonesAreThoseOfTheRegion(t *testing.T) {
	template := synthtest.Synth(t, func(stack awscdk.Stack) {
		stack.Node().SetContext(new("availability-zones:account=111122223333:region=us-east-1"), []string{
			"us-east-1-atl-1a", "us-east-1d", "us-east-1b", "us-east-1-wl1-bos-wlz-1", "us-east-1f", "us-east-1c",
		})
		New(stack, "Network", Props{Network: tierspec.Network{Mode: tierspec.Public}})
	})
	var zones []string
	for _, p := range subnetsOf(template) {
		zones = append(zones, p.zone)
	}
	slices.Sort(zones)
	if diff := cmp.Diff([]string{"us-east-1b", "us-east-1c", "us-east-1d"}, zones); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
