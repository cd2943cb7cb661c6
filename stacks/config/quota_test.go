package config

import (
	"fmt"
	"strings"
	"testing"
)

// numbered is n texts of a format with one number each, separated by commas.
func numbered(n int, format string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(all, ", ")
}

// What AWS takes is accepted; one more is refused with its place, the numbers and the page about it.
func TestQuotas(t *testing.T) {
	inside := func(key string) func(string) []edit { // a content type's
		return func(list string) []edit { return []edit{{docs, docs + ", " + key + ": ^" + list}} }
	}
	for name, test := range map[string]struct {
		edits   func(list string) []edit
		list    func(n int) string
		fits    int
		problem string // of one more
	}{
		"producers": {
			inside("producers"), func(n int) string { return "[" + numbered(n, `"arn:aws:iam::111122223333:role/producer-%d"`) + "]" }, 48,
			"contentTypes.docs.producers: makes 51 principals in the queue's policy (AWS allows 50: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html)",
		},
		"long producers": {
			inside("producers"), func(n int) string {
				return "[" + numbered(n, `"arn:aws:iam::111122223333:role/`+strings.Repeat("p", 195)+`/%02d"`) + "]"
			}, 28,
			"contentTypes.docs.producers: makes 8328 bytes in the queue's policy (AWS allows 8192: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html)",
		},
		"tags": {
			func(list string) []edit { return []edit{{docs, docs + ", ^tags: " + list}} }, func(n int) string { return "{" + numbered(n, "tag-%d: a") + "}" }, 46,
			"contentTypes.docs.tags: makes 51 tags of a resource (AWS allows 50: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html)",
		},
		"tags of an environment": {
			func(list string) []edit { return []edit{{env, env + ", ^tags: " + list}} }, func(n int) string { return "{" + numbered(n, "tag-%d: a") + "}" }, 46,
			"environments.dev.tags: makes 51 tags of a resource (AWS allows 50: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html)",
		},
		"tags of images": {
			func(list string) []edit {
				return []edit{{env, env + ", imageBuilder: {}, ^tags: " + list}, {`"18"`, `"18", ` + rpm}}
			}, func(n int) string { return "{" + numbered(n, "tag-%d: a") + "}" }, 45,
			"environments.dev.tags: makes 51 tags of a resource (AWS allows 50: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html)",
		},
		"inbound rules": {
			func(list string) []edit { return []edit{{docs, docs + ", ^inbound: " + list}} }, func(n int) string { return "[" + numbered(n, "{port: 9100, from: sg-%08d}") + "]" }, 60,
			"contentTypes.docs.inbound: makes 61 inbound rules of a security group (AWS allows 60: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html)",
		},
		"instance types": {
			inside("instanceTypes"), func(n int) string { return "[" + numbered(n, "m7g.large%d") + "]" }, 40,
			"contentTypes.docs.instanceTypes: makes 41 instance types of a group (AWS allows 40: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateOverrides.html)",
		},
		"scheduled changes": {
			func(list string) []edit { return []edit{{docs, docs + ", ^schedule: " + list}} }, func(n int) string {
				text := numbered(n, `s%[1]d: {cron: "%[1]d 7 * * *", min: 1, max: 2}`)
				for i := 60; i < n; i++ {
					text = strings.Replace(text, fmt.Sprintf(`"%d 7 `, i), fmt.Sprintf(`"%d %d `, i%60, 8+i/60), 1)
				}
				return "{" + text + "}"
			}, 125,
			"contentTypes.docs.schedule: makes 126 scheduled changes of a group (AWS allows 125: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html)",
		},
		"secrets": {
			inside("secrets"), func(n int) string { return "[" + numbered(n, "secret-%03d") + "]" }, 59,
			"contentTypes.docs.secrets: makes 10320 characters in the policies of the instances' role (AWS allows 10240: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)",
		},
		"statements": {
			func(list string) []edit { return []edit{{docs, docs + ", ^policyStatements: " + list}} }, func(n int) string {
				return "[" + numbered(n, `{actions: ["s3:GetObject"], resources: ["arn:aws:s3:::bucket-%03d/*"]}`) + "]"
			}, 58,
			"contentTypes.docs.policyStatements: makes 10292 characters in the policies of the instances' role (AWS allows 10240: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)",
		},
		"statements of the defaults": {
			func(list string) []edit {
				own := `[{actions: ["s3:GetObject"], resources: ["arn:aws:s3:::bucket-000/*"]}]`
				return []edit{{top, "defaults: {^policyStatements: " + list + "}\n" + top}, {docs, docs + ", policyStatements: " + own}}
			}, func(n int) string {
				return "[" + numbered(n, `{actions: ["s3:GetObject"], resources: ["arn:aws:s3:::bucket-%03d/*"]}`) + "]"
			}, 57,
			"defaults.policyStatements: makes 10292 characters in the policies of the instances' role (AWS allows 10240: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)",
		},
		"subnets": {
			func(list string) []edit {
				return []edit{{env, "network: {mode: existing, vpc: vpc-12345678, ^subnets: " + list + "}"}}
			}, func(n int) string { return "{" + numbered(n, "us-east-1-lax-%[1]da: subnet-%017[1]d") + "}" }, 163,
			"environments.dev.network.subnets: makes 4100 characters in the SSM parameter of the subnets (AWS allows 4096: https://docs.aws.amazon.com/general/latest/gr/ssm.html)",
		},
		"levels of a parameter": {
			func(list string) []edit { return []edit{{env, env + ", baseImage: {ssmParameter: ^" + list + "}"}} },
			func(n int) string { return strings.Repeat("/a", n) }, 15,
			"environments.dev.baseImage.ssmParameter: makes 16 levels in an SSM parameter's name (AWS allows 15: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html)",
		},
		"length of a parameter": {
			func(list string) []edit { return []edit{{env, env + ", baseImage: {ssmParameter: ^" + list + "}"}} },
			func(n int) string { return "/" + strings.Repeat("a", n-1) }, 1011,
			"environments.dev.baseImage.ssmParameter: makes 1012 characters in an SSM parameter's name (AWS allows 1011: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html)",
		},
	} {
		testMistakes(t, map[string]mistake{
			name + " that fit": {edits: test.edits(test.list(test.fits))},
			"too many " + name: {test.edits(test.list(test.fits + 1)), []string{test.problem}},
		})
	}
}
