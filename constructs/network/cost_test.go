package network

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/tierspec"
)

// Prices in US dollars an hour, us-east-1.
// https://aws.amazon.com/vpc/pricing/ and https://aws.amazon.com/privatelink/pricing/
const (
	hours         = 730 // a month
	publicAddress = 0.005
	natGateway    = 0.045
	endpoint      = 0.01 // of one service in one zone
)

// What the configuration file's schema says of a mode's costs is what the mode makes.
func TestCostsAreStatedWhereTheModeIsChosen(t *testing.T) {
	schema, err := os.ReadFile("../../worker-tier.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	perZone := func(mode tierspec.NetworkMode) float64 {
		_, template := synth(t, Props{Network: tierspec.Network{Mode: mode}, AvailabilityZones: zones})
		cost := float64(len(template.Of("AWS::EC2::NatGateway"))*hours) * (natGateway + publicAddress) / float64(len(zones))
		for _, e := range template.Of("AWS::EC2::VPCEndpoint") {
			if subnets, _ := e.At("SubnetIds").([]any); len(subnets) > 0 {
				cost += float64(len(subnets)*hours) * endpoint / float64(len(zones))
			}
		}
		return cost
	}
	for mode, want := range map[tierspec.NetworkMode]string{
		tierspec.Public:           fmt.Sprintf("%.2f for each instance", publicAddress*hours),
		tierspec.PrivateNAT:       fmt.Sprintf("%.2f for each zone", perZone(tierspec.PrivateNAT)),
		tierspec.PrivateEndpoints: fmt.Sprintf("%.2f for each zone", perZone(tierspec.PrivateEndpoints)),
	} {
		if !strings.Contains(string(schema), want) {
			t.Errorf("%s: the schema does not say %q", mode, want)
		}
	}
	if cost := perZone(tierspec.Public); cost != 0 {
		t.Errorf("public costs %.2f for each zone, but nothing is said of that", cost)
	}
}
