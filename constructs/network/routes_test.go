package network

import (
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

// ways are, by zone, what the default route of the subnet for instances leads to ("" without one), and the
// route table.
func ways(template synthtest.Template) (routes, tables map[string]string) {
	routes, tables = map[string]string{}, map[string]string{}
	zoneOf := map[any]string{} // subnet → zone
	for _, s := range template.Of("AWS::EC2::Subnet") {
		if zone, ok := s.At("AvailabilityZone").(string); ok && strings.Contains(s.ID, "Instances") {
			zoneOf[s.ID] = zone
		}
	}
	for _, a := range template.Of("AWS::EC2::SubnetRouteTableAssociation") {
		if zone, ok := zoneOf[a.At("SubnetId", "Ref")]; ok {
			tables[zone], _ = a.At("RouteTableId", "Ref").(string)
		}
	}
	for zone, table := range tables {
		routes[zone] = ""
		for _, r := range template.Of("AWS::EC2::Route") {
			if r.At("RouteTableId", "Ref") != table || r.At("DestinationCidrBlock") != "0.0.0.0/0" {
				continue
			}
			for _, target := range []string{"GatewayId", "NatGatewayId"} {
				if id, ok := r.At(target, "Ref").(string); ok {
					routes[zone] = id
				}
			}
		}
	}
	return routes, tables
}

// Instances go to the internet by the gateway, by the NAT gateway of their own zone (the loss of another
// zone must not cut them off), or not at all; to S3 and DynamoDB by the free endpoints, from every subnet.
func TestRoutes(t *testing.T) {
	for mode, by := range map[tierspec.NetworkMode]string{
		tierspec.Public: "AWS::EC2::InternetGateway", tierspec.PrivateNAT: "AWS::EC2::NatGateway", tierspec.PrivateEndpoints: "",
	} {
		t.Run(string(mode), func(t *testing.T) {
			_, template := synth(t, Props{Network: tierspec.Network{Mode: mode}, AvailabilityZones: zones})
			routes, tables := ways(template)
			if len(routes) != len(zones) {
				t.Fatalf("subnets in %d zones, want %d", len(routes), len(zones))
			}
			kinds, used := map[string]string{"": ""}, map[string]bool{}
			for _, kind := range []string{"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway"} {
				for _, r := range template.Of(kind) {
					kinds[r.ID] = kind
				}
			}
			for zone, target := range routes {
				if kind, known := kinds[target]; !known || kind != by {
					t.Errorf("%s: the default route leads to %q, want %q", zone, target, by)
				}
				used[target] = true
			}
			if mode == tierspec.PrivateNAT && len(used) != len(zones) {
				t.Errorf("%d NAT gateways are used, want one in each zone", len(used))
			}
			for _, e := range template.Of("AWS::EC2::VPCEndpoint") {
				if e.At("VpcEndpointType") != "Gateway" {
					continue
				}
				reached := map[any]bool{}
				list, _ := e.At("RouteTableIds").([]any)
				for _, entry := range list {
					reference, _ := entry.(map[string]any)
					reached[reference["Ref"]] = true
				}
				for zone, table := range tables {
					if !reached[table] {
						t.Errorf("%s does not serve zone %s", e.ID, zone)
					}
				}
			}
		})
	}
}
