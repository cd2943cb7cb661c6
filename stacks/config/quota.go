package config

import (
	"encoding/json"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
)

// quota is a limit of AWS that a configuration can reach. Beyond it a deploy fails after minutes, with other resources made.
type quota struct {
	most int
	of   string
	page string // below https://docs.aws.amazon.com/
}

// The quotas. Limits that no configuration reaches are left out: names have at most 31 characters each, roles have no
// managed policies, and everything else of a stack is there a fixed number of times.
var (
	queuePrincipals     = quota{50, "principals in the queue's policy", "AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"}
	queuePolicyBytes    = quota{8192, "bytes in the queue's policy", "AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"}
	roleCharacters      = quota{10240, "characters in the policies of the instances' role", "IAM/latest/UserGuide/reference_iam-quotas.html"}
	resourceTags        = quota{50, "tags of a resource", "AWSEC2/latest/UserGuide/Using_Tags.html"}
	groupRules          = quota{60, "inbound rules of a security group", "vpc/latest/userguide/amazon-vpc-limits.html"}
	groupTypes          = quota{40, "instance types of a group", "autoscaling/ec2/APIReference/API_LaunchTemplateOverrides.html"}
	groupSchedules      = quota{125, "scheduled changes of a group", "autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html"}
	parameterCharacters = quota{4096, "characters in the SSM parameter of the subnets", "general/latest/gr/ssm.html"}
	parameterName       = quota{1011, "characters in an SSM parameter's name", "systems-manager/latest/userguide/sysman-parameter-name-constraints.html"}
	parameterLevels     = quota{15, "levels in an SSM parameter's name", "systems-manager/latest/userguide/sysman-parameter-name-constraints.html"}
	addresses           = quota{5, "Elastic IP addresses of a Region", "AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html"}
)

// The parts of a quota that the tier itself needs.
const (
	tierPrincipals = 2    // statements for everybody: TLS only, and intake closed while a type is retired
	poolTags       = 4    // Name, environment and content type; the group's place
	imageTags      = 5    // environment, pipeline and version; two of Image Builder
	queueStatement = 1600 // bytes of the queue's policy without its producers, with the longest names
	roleStatements = 5100 // characters of the role without what the configuration lists, with the longest names
)

// within reports more than a quota allows. need is how much there is, the tier's own included.
func (c checker) within(q quota, at position, need int) {
	if need > q.most {
		c.fail(at, "makes %d %s (AWS allows %d: https://docs.aws.amazon.com/%s)", need, q.of, q.most, q.page)
	}
}

// checkPoolQuotas is for what a content type has in an environment.
func (c checker) checkPoolQuotas(m member[contentType], s settings, a access) {
	c.within(groupRules, s.Inbound.at, len(s.Inbound.items))
	c.within(groupTypes, s.InstanceTypes.at, len(s.InstanceTypes.items))
	c.within(groupSchedules, s.Schedule.at, len(s.Schedule.members))
	c.within(resourceTags, a.Tags.at, len(a.Tags.members)+poolTags)
	c.within(queuePrincipals, a.Producers.at, len(a.Producers.items)+tierPrincipals)
	c.within(queuePolicyBytes, a.Producers.at, queueStatement+characters(a.Producers.texts()))
	at, need := roleOf(m.value, a)
	c.within(roleCharacters, at, need)
}

// checkEnvironmentQuotas is for the stacks that all content types of an environment share.
func (c checker) checkEnvironmentQuotas(env environment, n network) {
	tags := joined(c.file.Tags, env.Tags)
	reserved := poolTags
	if env.ImageBuilder.set {
		reserved = imageTags
	}
	c.within(resourceTags, tags.at, len(tags.members)+reserved)
	subnets := 0
	for _, subnet := range n.Subnets.members {
		subnets += len(subnet.value.value) + 1
	}
	c.within(parameterCharacters, n.Subnets.at, subnets)
	if zones := env.AvailabilityZones; n.Mode.value == string(tierspec.PrivateNAT) && len(zones.items) > addresses.most {
		c.warn(zones.at, "makes %d %s, one for each NAT gateway (AWS allows %d until you ask for more: https://docs.aws.amazon.com/%s)",
			len(zones.items), addresses.of, addresses.most, addresses.page)
	}
}

func (c checker) checkParameterName(name given[string]) {
	if name.usable() {
		c.within(parameterName, name.at, len(name.value))
		c.within(parameterLevels, name.at, strings.Count(name.value, "/"))
	}
}

// roleOf is the size of a role's policy, and the place of the list that contributes most to it.
func roleOf(t contentType, a access) (position, int) {
	const (
		secretARN = len(`"arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:-??????",`)
		readARN   = len(`"arn:aws-us-gov:s3:::/*","/*",`) + 63 // a bucket's name
	)
	lists := []struct {
		at   position
		size int
	}{
		{a.PolicyStatements.at, 0},
		{a.Secrets.at, len(a.Secrets.items)*secretARN + characters(a.Secrets.texts())},
		{t.Reads.at, len(t.Reads.items)*readARN + 2*characters(t.Reads.texts())},
	}
	for _, p := range a.PolicyStatements.items {
		lists[0].size += len(`{"Effect":"Allow","Action":[],"Resource":[]},`) + characters(p.Actions.texts()) + characters(p.Resources.texts())
	}
	at, most, sum := position{}, 0, roleStatements
	for _, l := range lists {
		sum += l.size
		if l.size > most {
			at, most = l.at, l.size
		}
	}
	return at, sum
}

// characters is the length of texts as a JSON list, without what IAM does not count.
func characters(texts []string) int {
	sum := 0
	for _, text := range texts {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err) // a string
		}
		sum += len(quoted) + len(",")
	}
	return sum
}
