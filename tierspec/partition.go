package tierspec

import "strings"

// Partition is a part of AWS with accounts, ARNs and addresses of its own.
type Partition struct {
	Name      string // the second part of its ARNs, such as "aws-cn"
	Suffix    string // how the addresses of its services end, such as "amazonaws.com.cn"
	Supported bool   // false: nobody has compared the templates with that partition's documentation
}

// partitions are those but aws, by how the names of their Regions begin.
// https://github.com/aws/aws-sdk-go-v2/blob/main/internal/endpoints/awsrulesfn/partitions.json
var partitions = map[string]Partition{
	"cn-":      {"aws-cn", "amazonaws.com.cn", true},
	"us-gov-":  {"aws-us-gov", "amazonaws.com", true},
	"us-iso-":  {"aws-iso", "c2s.ic.gov", false},
	"us-isob-": {"aws-iso-b", "sc2s.sgov.gov", false},
	"eu-isoe-": {"aws-iso-e", "cloud.adc-e.uk", false},
	"us-isof-": {"aws-iso-f", "csp.hci.ic.gov", false},
	"eusc-":    {"aws-eusc", "amazonaws.eu", false},
}

// PartitionOf is the partition of a Region.
func PartitionOf(region string) Partition {
	for prefix, partition := range partitions {
		if strings.HasPrefix(region, prefix) {
			return partition
		}
	}
	return Partition{"aws", "amazonaws.com", true}
}

// EC2 is the service whose instances assume a role, as the role's trust policy names it. The name in China is its own. Other
// services that the tier trusts have one name everywhere.
// https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html
// https://github.com/hashicorp/terraform-provider-aws/pull/47141
func (p Partition) EC2() string { return "ec2." + p.Suffix }
