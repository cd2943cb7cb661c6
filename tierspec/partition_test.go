package tierspec

import "testing"

func TestPartitionOf(t *testing.T) {
	for region, want := range map[string]Partition{
		"us-east-1": {"aws", "amazonaws.com", true}, "cn-northwest-1": {"aws-cn", "amazonaws.com.cn", true},
		"us-gov-east-1": {"aws-us-gov", "amazonaws.com", true}, "us-iso-east-1": {"aws-iso", "c2s.ic.gov", false},
		"us-isob-east-1": {"aws-iso-b", "sc2s.sgov.gov", false}, "eusc-de-east-1": {"aws-eusc", "amazonaws.eu", false},
		"": {"aws", "amazonaws.com", true},
	} {
		if got := PartitionOf(region); got != want {
			t.Errorf("%q: %v, want %v", region, got, want)
		}
	}
}
