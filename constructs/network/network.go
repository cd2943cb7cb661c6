// Package network defines where a tier's instances stand and how they reach AWS.
package network

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/tierspec"
)

// maxZones is how many of an account's availability zones are used where none are named: a NAT gateway
// and a set of interface endpoints are billed for each.
const maxZones = 3

// Props configure a [Network].
type Props struct {
	tierspec.Network
	// AvailabilityZones are used by all modes but existing. Each is a Region's name with a letter from a to o, such as
	// us-east-1a. Default: the first three of the account, by a lookup that needs the stack's account and Region.
	AvailabilityZones []string
	// PublicObjects are objects in S3, each as BUCKET/KEY, that instances read without credentials where endpoints are the only
	// way out. Default: none but the packages of Amazon Linux.
	PublicObjects []string
}

// Network is a VPC with a subnet for instances in each of at least two availability zones. The values
// may be CDK tokens.
type Network struct {
	constructs.Construct
	VPC     string
	Subnets []string // in the order of their zones' names
	// Place is a digest of what VPC and Subnets stand for. It is never a token: where another stack reads those from
	// parameters, it shows in its template that they have changed.
	Place string
}

// New defines the network. It panics where fewer than two zones are left: a group in one zone goes down
// with it.
func New(scope constructs.Construct, id string, props Props) *Network {
	this := &Network{Construct: constructs.NewConstruct(scope, &id)}
	if props.Mode == tierspec.Existing {
		this.reuse(props)
		this.Place = digest(append([]string{this.VPC}, this.Subnets...))
		return this
	}
	zones := this.zones(props.AvailabilityZones)
	this.Place = digest(append([]string{string(props.Mode)}, zones...))
	switch props.Mode {
	case tierspec.Public, tierspec.PrivateNAT, tierspec.PrivateEndpoints:
		this.create(props, zones)
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

// zones are the named ones or the account's, sorted. An account's list also holds the Local Zones and
// wavelength zones that it has opted into: they have few services and no NAT gateways, and are left out.
func (n *Network) zones(named []string) []string {
	zones := slices.Sorted(slices.Values(named))
	if len(named) == 0 {
		for _, z := range *awscdk.Stack_Of(n.Construct).AvailabilityZones() {
			if zoneName.MatchString(*z) {
				zones = append(zones, *z)
			}
		}
		slices.Sort(zones)
		zones = zones[:min(len(zones), maxZones)]
	}
	if len(zones) < 2 {
		n.fail("AvailabilityZones", "%d given or found; at least two are needed (name them, or give the stack an account and a Region)", len(zones))
	}
	for i, zone := range zones {
		if !zoneName.MatchString(zone) {
			n.fail("AvailabilityZones", "%q is no Region with a letter from a to o, such as us-east-1a", zone)
		}
		if i > 0 && block(zones[i-1]) == block(zone) {
			n.fail("AvailabilityZones", "%s and %s have the same letter, and so the same addresses", zones[i-1], zone)
		}
	}
	return zones
}

func digest(of []string) string {
	return fmt.Sprintf("%.6x", sha256.Sum256([]byte(strings.Join(of, " "))))
}

func (n *Network) fail(field, format string, args ...any) {
	panic(fmt.Sprintf("%s: %s: %s", *n.Node().Path(), field, fmt.Sprintf(format, args...)))
}
