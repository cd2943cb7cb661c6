package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

func TestMain(m *testing.M) { synthtest.Main(m) }

var zones = []string{"us-east-1a", "us-east-1b", "us-east-1c"}

func synth(t *testing.T, props Props) (*Network, synthtest.Template) {
	t.Helper()
	var network *Network
	template := synthtest.Synth(t, func(stack awscdk.Stack) { network = New(stack, "Network", props) })
	return network, template
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		mode               tierspec.NetworkMode
		nat, interfaces    int
		internet, publicIP bool
	}{
		{tierspec.Public, 0, 0, true, true},
		{tierspec.PrivateNAT, 3, 0, true, false},
		{tierspec.PrivateEndpoints, 0, 7, false, false},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			network, template := synth(t, Props{Network: tierspec.Network{Mode: c.mode}, AvailabilityZones: zones})
			if n := len(network.Subnets); n != len(zones) {
				t.Errorf("%d subnets for instances, want one per zone", n)
			}
			if n := len(template.Of("AWS::EC2::NatGateway")); n != c.nat {
				t.Errorf("%d NAT gateways, want %d", n, c.nat)
			}
			if n := len(template.Of("AWS::EC2::InternetGateway")); (n > 0) != c.internet {
				t.Errorf("%d internet gateways", n)
			}
			kinds := map[any]int{}
			for _, e := range template.Of("AWS::EC2::VPCEndpoint") {
				kinds[e.At("VpcEndpointType")]++
			}
			if kinds["Gateway"] != 2 || kinds["Interface"] != c.interfaces {
				t.Errorf("endpoints %v, want the 2 free gateways and %d interfaces", kinds, c.interfaces)
			}
			placed := map[any]bool{}
			for _, s := range template.Of("AWS::EC2::Subnet") {
				if strings.Contains(s.ID, "Instances") {
					placed[s.At("AvailabilityZone")] = s.At("MapPublicIpOnLaunch") == true
				}
			}
			for _, z := range zones {
				if public, ok := placed[z]; !ok || public != c.publicIP {
					t.Errorf("zone %s: subnet %v, public addresses %v", z, ok, public)
				}
			}
			if n := len(template.Of("AWS::Lambda::Function")); n > 0 {
				t.Errorf("%d Lambda functions", n)
			}
		})
	}
}

// Where endpoints are the only way out, no other account's credentials pass them. Packages of Amazon Linux and of
// Chef are read without any, and nothing else is.
func TestEndpointsAreNoWayOut(t *testing.T) {
	for mode, closed := range map[tierspec.NetworkMode]bool{tierspec.Public: false, tierspec.PrivateNAT: false, tierspec.PrivateEndpoints: true} {
		_, template := synth(t, Props{Network: tierspec.Network{Mode: mode}, AvailabilityZones: zones, PublicObjects: []string{"tools/chef.rpm"}})
		unsigned := []string{}
		for _, e := range template.Of("AWS::EC2::VPCEndpoint") {
			statements, _ := e.At("PolicyDocument", "Statement").([]any)
			if (len(statements) > 0) != closed {
				t.Errorf("%s: %s has %d statements", mode, e.ID, len(statements))
			}
			for _, s := range statements {
				s, _ := s.(map[string]any)
				condition := fmt.Sprint(s["Condition"])
				if s["Effect"] != "Allow" || strings.HasPrefix(condition, "map[StringEquals:map[aws:PrincipalAccount:") {
					continue
				}
				unsigned = append(unsigned, fmt.Sprint(s["Action"], " ", s["Resource"]))
			}
		}
		if closed != (len(unsigned) == 1) || closed && !strings.HasPrefix(unsigned[0], "s3:GetObject ") {
			t.Errorf("%s: without credentials of the account one may %q", mode, unsigned)
		}
		if closed && (strings.Count(unsigned[0], ":s3:::") != 2 || !strings.Contains(unsigned[0], ":s3:::al2023-repos-") || !strings.Contains(unsigned[0], ":s3:::tools/chef.rpm")) {
			t.Errorf("%s reads without credentials, want the packages of Amazon Linux and of Chef alone", unsigned[0])
		}
	}
}

// Nothing but HTTPS from inside the VPC may reach the interface endpoints.
func TestEndpointsTakeHTTPSFromTheVPCOnly(t *testing.T) {
	_, template := synth(t, Props{Network: tierspec.Network{Mode: tierspec.PrivateEndpoints}, AvailabilityZones: zones})
	rules, _ := template.One(t, "AWS::EC2::SecurityGroup").At("SecurityGroupIngress").([]any)
	if len(rules) != 1 {
		t.Fatalf("%d inbound rules, want 1", len(rules))
	}
	rule, _ := rules[0].(map[string]any)
	if cidr := fmt.Sprint(rule["CidrIp"]); rule["FromPort"] != 443.0 || rule["ToPort"] != 443.0 || !strings.Contains(cidr, "CidrBlock") {
		t.Errorf("inbound rule %v", rule)
	}
}

func TestExistingCreatesNothing(t *testing.T) {
	network, template := synth(t, Props{Network: tierspec.Network{
		Mode: tierspec.Existing, VPC: "vpc-1", SubnetIDs: map[string]string{"us-east-1b": "subnet-2", "us-east-1a": "subnet-1"},
	}})
	if len(template) > 0 || network.VPC != "vpc-1" || !slices.Equal(network.Subnets, []string{"subnet-1", "subnet-2"}) {
		t.Errorf("%d resources, %s, %s", len(template), network.VPC, network.Subnets)
	}
}

// Without names the zones come from the account: placeholders until the CDK command line has looked.
func TestZonesAreLookedUp(t *testing.T) {
	network, _ := synth(t, Props{Network: tierspec.Network{Mode: tierspec.Public}})
	if len(network.Subnets) != 3 {
		t.Errorf("%d subnets, want 3", len(network.Subnets))
	}
}

func TestZonesThatMakeNoNetworkAreRefused(t *testing.T) {
	for want, props := range map[string]Props{
		"test/Network: AvailabilityZones: 1 given or found": {Network: tierspec.Network{Mode: tierspec.Public}, AvailabilityZones: zones[:1]},
		"test/Network: SubnetIDs: 1 given":                  {Network: tierspec.Network{Mode: tierspec.Existing, VPC: "vpc-1", SubnetIDs: map[string]string{"a": "subnet-1"}}},
		`test/Network: Mode: "" is none of`:                 {AvailabilityZones: zones},
		`test/Network: AvailabilityZones: "us-west-2-lax-1a" is no Region`: {
			Network: tierspec.Network{Mode: tierspec.Public}, AvailabilityZones: []string{"us-west-2a", "us-west-2-lax-1a"},
		},
		"test/Network: AvailabilityZones: us-east-1a and us-west-2a have the same letter": {
			Network: tierspec.Network{Mode: tierspec.Public}, AvailabilityZones: []string{"us-west-2a", "us-east-1a"},
		},
	} {
		if got := refusal(t, props); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q…", got, want)
		}
	}
}

func refusal(t *testing.T, props Props) (text string) {
	t.Helper()
	defer func() { text, _ = recover().(string) }()
	synth(t, props)
	return ""
}
