// Package network defines where a tier's instances stand and how they reach AWS.
package network

import (
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/tierspec"
)

// maxZones is how many of an account's availability zones are used where none are named: a NAT gateway
// and a set of interface endpoints are billed for each.
const maxZones = 3

// Props configure a [Network].
type Props struct {
	tierspec.Network
	// AvailabilityZones are used by all modes but existing. Default: the first three of the account, by
	// a lookup that needs the stack's account and Region.
	AvailabilityZones []string
}

// Network is a VPC with a subnet for instances in each of at least two availability zones. The values
// may be CDK tokens.
type Network struct {
	constructs.Construct
	VPC     string
	Subnets []string
	// Created is nil in mode existing.
	Created awsec2.Vpc
}

// New defines the network. It panics where fewer than two zones are left: a group in one zone goes down
// with it.
func New(scope constructs.Construct, id string, props Props) *Network {
	this := &Network{Construct: constructs.NewConstruct(scope, &id)}
	if props.Mode == tierspec.Existing {
		this.reuse(props)
		return this
	}
	zones := this.zones(props.AvailabilityZones)
	switch props.Mode {
	case tierspec.Public:
		this.create(zones, awsec2.SubnetType_PUBLIC, 0)
	case tierspec.PrivateNAT:
		this.create(zones, awsec2.SubnetType_PRIVATE_WITH_EGRESS, len(zones))
	case tierspec.PrivateEndpoints:
		this.create(zones, awsec2.SubnetType_PRIVATE_ISOLATED, 0)
		this.addEndpoints()
	default:
		this.fail("Mode", "%q is none of public, private-nat, private-endpoints, existing", props.Mode)
	}
	return this
}

// reuse takes the subnets of a VPC that is already there, in a stable order.
func (n *Network) reuse(props Props) {
	n.VPC = props.VPC
	for _, subnet := range props.SubnetIDs {
		n.Subnets = append(n.Subnets, subnet)
	}
	slices.Sort(n.Subnets)
	if len(n.Subnets) < 2 {
		n.fail("SubnetIDs", "%d given; at least two, each in a zone of its own, are needed", len(n.Subnets))
	}
}

func (n *Network) zones(named []string) []string {
	if len(named) == 0 {
		for _, z := range *awscdk.Stack_Of(n.Construct).AvailabilityZones() {
			named = append(named, *z)
		}
		named = named[:min(len(named), maxZones)]
	}
	if len(named) < 2 {
		n.fail("AvailabilityZones", "%d given or found; at least two are needed", len(named))
	}
	return named
}

// create defines the VPC, its free gateway endpoints and the subnets of kind for instances.
func (n *Network) create(zones []string, kind awsec2.SubnetType, natGateways int) {
	subnets := []*awsec2.SubnetConfiguration{{Name: new("Instances"), SubnetType: kind, CidrMask: new(20.0)}}
	if natGateways > 0 {
		subnets = append(subnets, &awsec2.SubnetConfiguration{Name: new("NAT"), SubnetType: awsec2.SubnetType_PUBLIC, CidrMask: new(28.0)})
	}
	n.Created = awsec2.NewVpc(n.Construct, new("VPC"), &awsec2.VpcProps{
		AvailabilityZones:   pointers(zones),
		SubnetConfiguration: &subnets,
		NatGateways:         new(float64(natGateways)),
		// Nothing uses the default security group; emptying it would need a Lambda function.
		RestrictDefaultSecurityGroup: new(false),
		GatewayEndpoints: &map[string]*awsec2.GatewayVpcEndpointOptions{
			"S3":       {Service: awsec2.GatewayVpcEndpointAwsService_S3()},
			"DynamoDB": {Service: awsec2.GatewayVpcEndpointAwsService_DYNAMODB()},
		},
	})
	n.VPC = *n.Created.VpcId()
	for _, id := range *n.Created.SelectSubnets(&awsec2.SubnetSelection{SubnetType: kind}).SubnetIds {
		n.Subnets = append(n.Subnets, *id)
	}
}

// addEndpoints lets instances without a way to the internet reach the services that the worker, Session
// Manager and the log agent call. They share a security group that takes HTTPS from the VPC only.
func (n *Network) addEndpoints() {
	group := awsec2.NewSecurityGroup(n.Construct, new("Endpoints"), &awsec2.SecurityGroupProps{
		Vpc:              n.Created,
		Description:      new("HTTPS from the instances to AWS services"),
		AllowAllOutbound: new(false),
	})
	group.AddIngressRule(awsec2.Peer_Ipv4(n.Created.VpcCidrBlock()), awsec2.Port_Tcp(new(443.0)), new("HTTPS from the VPC"), nil)
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
		n.Created.AddInterfaceEndpoint(&e.id, &awsec2.InterfaceVpcEndpointOptions{
			Service:        e.service,
			SecurityGroups: &[]awsec2.ISecurityGroup{group},
			Open:           new(false),
		})
	}
}

func (n *Network) fail(field, format string, args ...any) {
	panic(fmt.Sprintf("%s: %s: %s", *n.Node().Path(), field, fmt.Sprintf(format, args...)))
}

func pointers(values []string) *[]*string {
	list := make([]*string, len(values))
	for i := range values {
		list[i] = &values[i]
	}
	return &list
}
