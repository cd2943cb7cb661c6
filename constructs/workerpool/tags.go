package workerpool

import (
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// tagKey is what CloudFormation and the services take as the key of a tag.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
var tagKey = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}$`)

// instanceTagKey is what EC2 takes on an instance whose metadata holds its tags.
var instanceTagKey = regexp.MustCompile(`^[A-Za-z0-9+=.,_:@-]{1,128}$`)

// reservedTagKeys are the keys of that form that would be ambiguous as the last part of a metadata path.
var reservedTagKeys = []string{".", "..", "_index"}

// OnInstances reports whether an instance of a pool can have a tag of that key. EC2 refuses to launch an instance with any
// other, such as "cost center" or "acme/owner", because the metadata of pools' instances holds their tags. Such a tag goes
// on the group and on the volumes only.
//
// CloudFormation copies the tags of a stack to the instances of its groups, whatever the group says. So a pool's stack must
// not have such a tag of its own either.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func OnInstances(key string) bool {
	return instanceTagKey.MatchString(key) && !slices.Contains(reservedTagKeys, key)
}

// tags are those of the group and of its volumes, in order of their keys.
func (n names) tags() [][2]string {
	all := maps.Clone(n.ContentType.Tags)
	if all == nil {
		all = map[string]string{}
	}
	all["Name"] = contract.MetricEnvironment(n.Tier, n.Environment) + "-" + n.ContentType.Name
	all[TagEnvironment] = contract.MetricEnvironment(n.Tier, n.Environment)
	all[TagContentType] = n.ContentType.Name
	var sorted [][2]string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, [2]string{key, all[key]})
	}
	return sorted
}

func (n names) volumeTags() *[]*awscdk.CfnTag {
	var tags []*awscdk.CfnTag
	for _, t := range n.tags() {
		tags = append(tags, &awscdk.CfnTag{Key: &t[0], Value: &t[1]})
	}
	return &tags
}

func (n names) groupTags() *[]*awsautoscaling.CfnAutoScalingGroup_TagPropertyProperty {
	var tags []*awsautoscaling.CfnAutoScalingGroup_TagPropertyProperty
	for _, t := range n.tags() {
		tags = append(tags, &awsautoscaling.CfnAutoScalingGroup_TagPropertyProperty{Key: &t[0], Value: &t[1], PropagateAtLaunch: OnInstances(t[0])})
	}
	if n.Place != "" {
		tags = append(tags, &awsautoscaling.CfnAutoScalingGroup_TagPropertyProperty{Key: new(tagPlace), Value: &n.Place, PropagateAtLaunch: false})
	}
	return &tags
}
