package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// networks are four environments of one account, one for each network mode; the last is put into the VPC of the first.
const networks = `  public: {account: "111122223333", region: us-east-1, availabilityZones: [us-east-1a, us-east-1b], disposable: true, network: {mode: public}}
  nat: {account: "111122223333", region: us-east-1, availabilityZones: [us-east-1a, us-east-1b], disposable: true, network: {mode: private-nat}}
  endpoints: {account: "111122223333", region: us-east-1, availabilityZones: [us-east-1a, us-east-1b], disposable: true, network: {mode: private-endpoints}}
  existing:
    account: "111122223333"
    region: us-east-1
    disposable: true
    network: {mode: existing, vpc: VPC, subnets: {us-east-1a: FIRST, us-east-1b: SECOND}}
    defaults: {inbound: [{port: 9100, from: sg-0123456789abcdef0}]}
`

// TestNetworkModes deploys each mode and asks EC2 how a pool's instances reach the world, and who reaches them.
func TestNetworkModes(t *testing.T) {
	p := newProject(t)
	p.edit("environments:\n", "baseImage: {amiId: ami-0123456789abcdef0}\nenvironments:\n"+networks)
	p.edit("vpc: VPC", "vpc: vpc-0123456789abcdef0")
	p.edit("FIRST", "subnet-0123456789abcdef0")
	p.edit("SECOND", "subnet-0123456789abcdef1")
	bootstrapped := p.environment("public")
	bootstrapped.must("bootstrap", "aws://"+bootstrapped.Account+"/"+bootstrapped.Region)
	for _, c := range []struct {
		name      string
		want      network
		endpoints int // with interfaces
	}{
		{"public", network{way: "igw", publicAddresses: true}, 0},
		{"nat", network{way: "nat"}, 0},
		{"endpoints", network{}, 7},
		{"existing", network{way: "igw", publicAddresses: true, inbound: "tcp 9100-9100 from sg-0123456789abcdef0"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			if c.name == "existing" {
				first := p.environment("public").subnets("docs")
				p.edit("vpc-0123456789abcdef0", *first[0].VpcId)
				for i, s := range first {
					p.edit(fmt.Sprintf("subnet-0123456789abcdef%d", i), *s.SubnetId)
				}
			}
			e := p.environment(c.name)
			e.deploy("--exclusively", "*-shared", "*-docs")
			got := e.network()
			want := c.want
			want.zones, want.free = "us-east-1a us-east-1b", "dynamodb s3"
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(network{})); diff != "" {
				t.Errorf("network of the instances (-want +got):\n%s", diff)
			}
			if c.endpoints != e.interfaces() {
				t.Errorf("%d interface endpoints, want %d", e.interfaces(), c.endpoints)
			}
		})
	}
}

// network is what EC2 says of the subnets in which a pool's instances start.
type network struct {
	zones           string
	way             string // what their default routes lead to: igw, nat of their own zone, or ""
	publicAddresses bool
	free            string // services behind gateway endpoints that all of their route tables have
	inbound         string // rules of the instances' security group
}

func (p place) network() network {
	p.t.Helper()
	var n network
	ways, free := map[string]bool{}, map[string]int{}
	subnets := p.subnets("docs")
	for _, s := range subnets {
		n.zones = strings.TrimSpace(n.zones + " " + *s.AvailabilityZone)
		n.publicAddresses = n.publicAddresses || *s.MapPublicIpOnLaunch
		table := p.table(*s.SubnetId)
		ways[p.way(table, *s.AvailabilityZone)] = true
		for _, e := range p.endpoints(*s.VpcId) {
			if e.VpcEndpointType == ec2types.VpcEndpointTypeGateway && slices.Contains(e.RouteTableIds, *table.RouteTableId) {
				free[service(e)]++
			}
		}
	}
	n.way = strings.Join(slices.Sorted(maps.Keys(ways)), " and ")
	maps.DeleteFunc(free, func(_ string, tables int) bool { return tables < len(subnets) })
	n.free = strings.Join(slices.Sorted(maps.Keys(free)), " ")
	n.inbound = p.inbound()
	return n
}

// subnets are those of a content type's group, by zone.
func (p place) subnets(contentType string) []ec2types.Subnet {
	p.t.Helper()
	ids := strings.Split(*p.group(contentType).VPCZoneIdentifier, ",")
	out, err := ec2.NewFromConfig(p.aws()).DescribeSubnets(p.t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: ids})
	if err != nil || len(out.Subnets) != len(ids) {
		p.t.Fatalf("subnets %s: %v", ids, err)
	}
	slices.SortFunc(out.Subnets, func(a, b ec2types.Subnet) int { return strings.Compare(*a.AvailabilityZone, *b.AvailabilityZone) })
	return out.Subnets
}

func (p place) table(subnet string) ec2types.RouteTable {
	p.t.Helper()
	out, err := ec2.NewFromConfig(p.aws()).DescribeRouteTables(p.t.Context(), &ec2.DescribeRouteTablesInput{
		Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}},
	})
	if err != nil || len(out.RouteTables) != 1 {
		p.t.Fatalf("%d route tables of %s: %v", len(out.RouteTables), subnet, err)
	}
	return out.RouteTables[0]
}

// way is what a default route leads to. A NAT gateway must stand in the zone itself, whose loss is then the only one
// that cuts its instances off, with an address and a way to the internet of its own.
func (p place) way(table ec2types.RouteTable, zone string) string {
	p.t.Helper()
	for _, r := range table.Routes {
		switch {
		case aws.ToString(r.DestinationCidrBlock) != "0.0.0.0/0":
		case r.NatGatewayId != nil:
			client := ec2.NewFromConfig(p.aws())
			gateways, err := client.DescribeNatGateways(p.t.Context(), &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*r.NatGatewayId}})
			if err != nil || len(gateways.NatGateways) != 1 {
				p.t.Fatalf("NAT gateway %s: %v", *r.NatGatewayId, err)
			}
			subnet := *gateways.NatGateways[0].SubnetId
			subnets, err := client.DescribeSubnets(p.t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})
			if err != nil || len(subnets.Subnets) != 1 {
				p.t.Fatalf("subnet %s: %v", subnet, err)
			}
			if its := *subnets.Subnets[0].AvailabilityZone; its != zone {
				return "nat of " + its + " for " + zone
			}
			if onward := p.way(p.table(subnet), zone); onward != "igw" {
				return "nat that leads to " + onward
			}
			return "nat"
		case r.GatewayId != nil:
			kind, _, _ := strings.Cut(*r.GatewayId, "-")
			return kind
		}
	}
	return ""
}

func (p place) endpoints(vpc string) []ec2types.VpcEndpoint {
	p.t.Helper()
	out := localaws.Call(p.t, ec2.NewFromConfig(p.aws()).DescribeVpcEndpoints, &ec2.DescribeVpcEndpointsInput{})
	return slices.DeleteFunc(out.VpcEndpoints, func(e ec2types.VpcEndpoint) bool { return *e.VpcId != vpc })
}

func service(e ec2types.VpcEndpoint) string {
	return (*e.ServiceName)[strings.LastIndex(*e.ServiceName, ".")+1:]
}

// interfaces counts the interface endpoints, all of which must stand in the instances' own subnets.
func (p place) interfaces() int {
	p.t.Helper()
	subnets := p.subnets("docs")
	found := 0
	for _, e := range p.endpoints(*subnets[0].VpcId) {
		if e.VpcEndpointType != ec2types.VpcEndpointTypeInterface {
			continue
		}
		found++
		for _, s := range subnets {
			if !slices.Contains(e.SubnetIds, *s.SubnetId) {
				p.t.Errorf("%s has no endpoint in %s", service(e), *s.AvailabilityZone)
			}
		}
	}
	return found
}

// inbound are the rules of the security group that the group's launch template names, one a line.
func (p place) inbound() string {
	p.t.Helper()
	client, template := ec2.NewFromConfig(p.aws()), p.group("docs").LaunchTemplate
	versions, err := client.DescribeLaunchTemplateVersions(p.t.Context(), &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: template.LaunchTemplateId, Versions: []string{*template.Version},
	})
	if err != nil || len(versions.LaunchTemplateVersions) != 1 {
		p.t.Fatalf("launch template of docs: %v", err)
	}
	groups, err := client.DescribeSecurityGroups(p.t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: versions.LaunchTemplateVersions[0].LaunchTemplateData.SecurityGroupIds})
	if err != nil || len(groups.SecurityGroups) != 1 {
		p.t.Fatalf("security groups of docs: %v", err)
	}
	var rules []string
	for _, r := range groups.SecurityGroups[0].IpPermissions {
		from := make([]string, 0, 1)
		for _, pair := range r.UserIdGroupPairs {
			from = append(from, *pair.GroupId)
		}
		for _, cidr := range r.IpRanges {
			from = append(from, *cidr.CidrIp)
		}
		rules = append(rules, fmt.Sprintf("%s %d-%d from %s", *r.IpProtocol, *r.FromPort, *r.ToPort, strings.Join(from, " and ")))
	}
	return strings.Join(rules, "\n")
}
