package network

import (
	"fmt"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/tierspec"
)

// addresses are those of the whole network. The blocks in it belong to a zone's letter, not to its place in a list:
// a change of the list moves no block between subnets, which EC2 refuses (InvalidSubnet.Conflict).
const addresses = "10.0.0.0/16"

// zoneName is a Region's name with a letter. Local Zones (us-west-2-lax-1a) and wavelength zones
// (us-east-1-wl1-bos-wlz-1) have a place between the two. The letters reach as far as the blocks.
var zoneName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*-?[0-9]+[a-o]$`)

// block is the number of a zone's blocks, from 0 to 14.
func block(zone string) int { return int(zone[len(zone)-1] - 'a') }

// instanceBlock is a zone's block for 4,091 instances. Those of all zones fill the network from its beginning.
func instanceBlock(zone string) string { return fmt.Sprintf("10.0.%d.0/20", 16*block(zone)) }

// natBlock is a zone's block for its NAT gateway. Those of all zones fill the network from its end.
func natBlock(zone string) string { return fmt.Sprintf("10.0.255.%d/28", 240-16*block(zone)) }

// vpc is a VPC in the making. Subnets are made one by one because the CDK's own VPC numbers them by position.
type vpc struct {
	constructs.Construct
	id       string
	cidr     *string
	gateway  string // to the internet, "" without one
	attached awsec2.CfnVPCGatewayAttachment
	tables   []any // the route tables of all subnets
}

type subnet struct {
	constructs.Construct
	id     *string
	table  *string
	routed awsec2.CfnSubnetRouteTableAssociation
}

// create defines the VPC, its free gateway endpoints and a subnet for instances in each zone.
func (n *Network) create(props Props, zones []string) {
	mode := props.Mode
	v := newVPC(n.Construct, mode != tierspec.PrivateEndpoints)
	n.VPC = v.id
	var subnets []any
	for _, zone := range zones {
		instances := v.addSubnet("Instances-"+zone, zone, instanceBlock(zone), mode == tierspec.Public)
		switch mode {
		case tierspec.Public:
			v.routeToGateway(instances)
		case tierspec.PrivateNAT:
			nat := v.addNAT(zone)
			instances.route(&awsec2.CfnRouteProps{NatGatewayId: nat})
		}
		subnets = append(subnets, instances.id)
		n.Subnets = append(n.Subnets, *instances.id)
	}
	if mode != tierspec.PrivateEndpoints {
		v.addGatewayEndpoints(nil, nil)
		return
	}
	v.addGatewayEndpoints(ownAccount(v.Construct, unsigned(v.Construct, props.PublicObjects)), ownAccount(v.Construct))
	v.addInterfaceEndpoints(n.Construct, subnets)
}

func newVPC(scope constructs.Construct, internet bool) *vpc {
	v := &vpc{Construct: constructs.NewConstruct(scope, new("VPC"))}
	awscdk.Validations_Of(v.Construct).Acknowledge(&awscdk.Acknowledgment{
		Id: new("CloudFormation-Validate::W3010"), Reason: new("a subnet's addresses belong to its zone, so that the zone is named"),
	})
	resource := awsec2.NewCfnVPC(v.Construct, new("Resource"), &awsec2.CfnVPCProps{
		CidrBlock: new(addresses), EnableDnsHostnames: new(true), EnableDnsSupport: new(true), InstanceTenancy: new("default"), Tags: named(v.Construct),
	})
	v.id, v.cidr = *resource.Ref(), resource.AttrCidrBlock()
	if internet {
		gateway := awsec2.NewCfnInternetGateway(v.Construct, new("IGW"), &awsec2.CfnInternetGatewayProps{Tags: named(v.Construct)})
		v.gateway = *gateway.Ref()
		v.attached = awsec2.NewCfnVPCGatewayAttachment(v.Construct, new("VPCGW"), &awsec2.CfnVPCGatewayAttachmentProps{VpcId: &v.id, InternetGatewayId: &v.gateway})
	}
	return v
}

// addSubnet defines a subnet with a route table of its own.
func (v *vpc) addSubnet(id, zone, block string, public bool) subnet {
	scope := constructs.NewConstruct(v.Construct, &id)
	s := subnet{Construct: scope}
	s.id = awsec2.NewCfnSubnet(scope, new("Subnet"), &awsec2.CfnSubnetProps{
		VpcId: &v.id, AvailabilityZone: &zone, CidrBlock: &block, MapPublicIpOnLaunch: &public, Tags: named(scope),
	}).Ref()
	s.table = awsec2.NewCfnRouteTable(scope, new("RouteTable"), &awsec2.CfnRouteTableProps{VpcId: &v.id, Tags: named(scope)}).Ref()
	s.routed = awsec2.NewCfnSubnetRouteTableAssociation(scope, new("RouteTableAssociation"), &awsec2.CfnSubnetRouteTableAssociationProps{
		RouteTableId: s.table, SubnetId: s.id,
	})
	v.tables = append(v.tables, s.table)
	return s
}

// route leads all addresses outside the network to the target that props name.
func (s subnet) route(props *awsec2.CfnRouteProps) awsec2.CfnRoute {
	props.RouteTableId, props.DestinationCidrBlock = s.table, new("0.0.0.0/0")
	return awsec2.NewCfnRoute(s.Construct, new("DefaultRoute"), props)
}

func (v *vpc) routeToGateway(s subnet) awsec2.CfnRoute {
	route := s.route(&awsec2.CfnRouteProps{GatewayId: &v.gateway})
	route.AddDependency(v.attached)
	return route
}

// addNAT defines a NAT gateway in a subnet of its own, so that the loss of another zone does not cut this one off.
func (v *vpc) addNAT(zone string) *string {
	s := v.addSubnet("NAT-"+zone, zone, natBlock(zone), true)
	route := v.routeToGateway(s)
	address := awsec2.NewCfnEIP(s.Construct, new("EIP"), &awsec2.CfnEIPProps{Domain: new("vpc"), Tags: named(s.Construct)})
	gateway := awsec2.NewCfnNatGateway(s.Construct, new("NATGateway"), &awsec2.CfnNatGatewayProps{
		SubnetId: s.id, AllocationId: address.AttrAllocationId(), Tags: named(s.Construct),
	})
	gateway.AddDependency(route)
	gateway.AddDependency(s.routed)
	return gateway.Ref()
}

// addGatewayEndpoints defines the free ways to S3 and DynamoDB, from every subnet. A nil policy lets everything pass.
func (v *vpc) addGatewayEndpoints(toS3, toDynamoDB any) {
	for _, e := range []struct {
		id      string
		service awsec2.GatewayVpcEndpointAwsService
		policy  any
	}{
		{"S3", awsec2.GatewayVpcEndpointAwsService_S3(), toS3},
		{"DynamoDB", awsec2.GatewayVpcEndpointAwsService_DYNAMODB(), toDynamoDB},
	} {
		scope := constructs.NewConstruct(v.Construct, &e.id)
		awsec2.NewCfnVPCEndpoint(scope, new("Resource"), &awsec2.CfnVPCEndpointProps{
			VpcId: &v.id, VpcEndpointType: new("Gateway"), ServiceName: e.service.Name(), RouteTableIds: &v.tables, PolicyDocument: e.policy, Tags: named(scope),
		})
	}
}

// ownAccount is the policy of an endpoint that is the only way out: with credentials of another account, which somebody
// brought along, nobody gets anything out. What the account's own roles may do, theirs say.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalaccount
func ownAccount(scope constructs.Construct, more ...any) any {
	return map[string]any{"Version": "2012-10-17", "Statement": append([]any{map[string]any{
		"Sid": "OwnAccount", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:PrincipalAccount": *awscdk.Stack_Of(scope).Account()}},
	}}, more...)}
}

// unsigned is the statement that lets instances read without credentials: dnf reads Amazon Linux 2023's packages so, and
// curl the objects.
// https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html
func unsigned(scope constructs.Construct, objects []string) any {
	stack := awscdk.Stack_Of(scope)
	resources := []string{}
	for _, object := range append([]string{"al2023-repos-" + *stack.Region() + "-de612dc2/*"}, objects...) {
		resources = append(resources, *stack.FormatArn(&awscdk.ArnComponents{
			Service: new("s3"), Region: new(""), Account: new(""), Resource: &object, ArnFormat: awscdk.ArnFormat_NO_RESOURCE_NAME,
		}))
	}
	return map[string]any{"Sid": "Unsigned", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resources}
}

// addInterfaceEndpoints lets instances without a way to the internet reach the services that the worker, Session
// Manager and the log agent call. They share a security group that takes HTTPS from the VPC only.
func (v *vpc) addInterfaceEndpoints(scope constructs.Construct, subnets []any) {
	place := constructs.NewConstruct(scope, new("Endpoints"))
	group := awsec2.NewCfnSecurityGroup(place, new("Resource"), &awsec2.CfnSecurityGroupProps{
		VpcId:            &v.id,
		GroupDescription: new("HTTPS from the instances to AWS services"),
		SecurityGroupIngress: &[]any{&awsec2.CfnSecurityGroup_IngressProperty{
			IpProtocol: new("tcp"), FromPort: new(443.0), ToPort: new(443.0), CidrIp: v.cidr, Description: new("HTTPS from the VPC"),
		}},
		// Without any rule EC2 would allow all that goes out. This one allows an address that nothing has.
		SecurityGroupEgress: &[]any{&awsec2.CfnSecurityGroup_EgressProperty{
			IpProtocol: new("icmp"), FromPort: new(252.0), ToPort: new(86.0), CidrIp: new("255.255.255.255/32"), Description: new("Nothing goes out"),
		}},
		Tags: named(place),
	})
	for _, e := range []struct {
		id      string
		service awsec2.InterfaceVpcEndpointAwsService
	}{
		{"SQS", awsec2.InterfaceVpcEndpointAwsService_SQS()},
		{"AutoScaling", awsec2.InterfaceVpcEndpointAwsService_AUTOSCALING()},
		{"CloudWatch", awsec2.InterfaceVpcEndpointAwsService_CLOUDWATCH_MONITORING()},
		{"Logs", awsec2.InterfaceVpcEndpointAwsService_CLOUDWATCH_LOGS()},
		{"SSM", awsec2.InterfaceVpcEndpointAwsService_SSM()},
		{"SSMMessages", awsec2.InterfaceVpcEndpointAwsService_SSM_MESSAGES()},
		{"SecretsManager", awsec2.InterfaceVpcEndpointAwsService_SECRETS_MANAGER()},
	} {
		scope := constructs.NewConstruct(v.Construct, &e.id)
		awsec2.NewCfnVPCEndpoint(scope, new("Resource"), &awsec2.CfnVPCEndpointProps{
			VpcId: &v.id, VpcEndpointType: new("Interface"), ServiceName: e.service.Name(), PrivateDnsEnabled: new(true),
			SubnetIds: &subnets, SecurityGroupIds: &[]any{group.AttrGroupId()}, PolicyDocument: ownAccount(scope), Tags: named(scope),
		})
	}
}

// named shows the construct's path as the resource's name.
func named(scope constructs.Construct) *[]*awscdk.CfnTag {
	return &[]*awscdk.CfnTag{{Key: new("Name"), Value: scope.Node().Path()}}
}
