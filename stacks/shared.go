package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/constructs/dashboard"
	"github.com/worker-tier/worker-tier/constructs/jobtable"
	"github.com/worker-tier/worker-tier/constructs/network"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Shared is the stack of what all content types of an environment use.
type Shared struct {
	Stack     awscdk.Stack
	Network   *network.Network
	Jobs      *jobtable.JobTable
	Artifacts awss3.IBucket
	Alarms    awssns.ITopic
}

// NewShared defines the shared stack. It holds nothing that depends on the content types.
func NewShared(app awscdk.App, tier *tierspec.Tier) *Shared {
	env := tier.Environment
	stack := newStack(app, tier, contract.StackName(tier.Name, env.Name, tierspec.SharedStack), "What all content types of "+prefix(tier)+" use: network, job table, artifacts, alarms", env.Tags)
	shared := &Shared{
		Stack:     stack,
		Network:   network.New(stack, "Network", network.Props{Network: env.Network, AvailabilityZones: env.AvailabilityZones, PublicObjects: packages(tier)}),
		Jobs:      jobtable.New(stack, "Jobs", jobtable.Props{Disposable: env.Disposable}),
		Artifacts: newArtifacts(stack, env.Disposable),
		Alarms:    newAlarms(stack, env),
	}
	guardNetwork(stack, env.Network)
	dashboard.NewTier(stack, "Dashboard", dashboard.TierProps{Region: env.Region, Tier: tier.Name, Environment: env.Name})

	path := parametersOf(tier)
	for _, p := range []struct{ id, kind, path, value, description string }{
		{"TableParameter", "String", path.table, *shared.Jobs.Table.TableName(), "name of the job table"},
		{"ArtifactsParameter", "String", path.artifacts, *shared.Artifacts.BucketName(), "name of the artifacts bucket"},
		{"AlarmsParameter", "String", path.alarmTopic, *shared.Alarms.TopicArn(), "ARN of the topic that alarms are sent to"},
		{"VPCParameter", "String", path.vpc, shared.Network.VPC, "the VPC of all instances"},
		{"SubnetsParameter", "StringList", path.subnets, strings.Join(shared.Network.Subnets, ","), "the subnets of all instances"},
	} {
		publish(stack, p.id, p.kind, p.path, p.value, p.description)
	}
	return shared
}

// packages are the objects in S3 that instances install without credentials.
func packages(tier *tierspec.Tier) []string {
	if tier.Chef.Package == nil {
		return nil
	}
	object, found := tierspec.S3Object(tier.Chef.Package.URL, tier.Environment.Region)
	if !found {
		return nil
	}
	return []string{object}
}

// newAlarms defines the topic of all alarms. It is encrypted where the configuration names a key, and not
// otherwise: an alarm carries no data, and CloudWatch may not use the key that AWS manages for SNS. A topic with a
// policy of its own has lost the one that let its account's alarms in, so that they are let in here; a key's own
// policy is its owner's.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func newAlarms(scope constructs.Construct, env tierspec.Environment) awssns.Topic {
	props := &awssns.TopicProps{EnforceSSL: new(true)}
	if env.AlarmKey != "" {
		props.MasterKey = awskms.Key_FromKeyArn(scope, new("AlarmKey"), &env.AlarmKey)
	}
	topic := awssns.NewTopic(scope, new("Alarms"), props)
	topic.AddToResourcePolicy(awsiam.PolicyStatement_FromJson(map[string]any{
		"Sid":       "Alarms",
		"Effect":    "Allow",
		"Principal": map[string]any{"Service": "cloudwatch.amazonaws.com"},
		"Action":    "sns:Publish",
		"Resource":  *topic.TopicArn(),
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": env.Account}},
	}))
	return topic
}

// newArtifacts defines the bucket in which each content type owns the keys that start with its name and
// a slash. Uploads that nobody finished are removed after a week, far longer than a job pauses, and what the
// runtime kept for a job that is too large for the table after a year: workers remove most of it before.
//
// Outside disposable environments it keeps what was overwritten or deleted for a month. What the runtime kept of a job is
// gone a day after its deletion: an operator who erases a tenant must not leave its data behind.
func newArtifacts(scope constructs.Construct, disposable bool) awss3.Bucket {
	removal := awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	all := &awss3.LifecycleRule{AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(new(7.0))}
	kept := &awss3.LifecycleRule{Prefix: new(contract.SpillFolder + "/"), Expiration: awscdk.Duration_Days(new(365.0))}
	if disposable {
		removal = awscdk.RemovalPolicy_DESTROY
	} else {
		all.NoncurrentVersionExpiration, all.ExpiredObjectDeleteMarker = awscdk.Duration_Days(new(30.0)), new(true)
		kept.NoncurrentVersionExpiration = awscdk.Duration_Days(new(1.0))
	}
	bucket := awss3.NewBucket(scope, new("Artifacts"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        new(true),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Versioned:         new(!disposable),
		RemovalPolicy:     removal,
		LifecycleRules:    &[]*awss3.LifecycleRule{all, kept},
	})
	writeOnce(bucket)
	return bucket
}

// writeOnce refuses to overwrite objects that are named by their content: what the runtime keeps of jobs, and packs and
// segments of snapshots. The parts of a multipart upload take no condition, its completion does.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
func writeOnce(bucket awss3.Bucket) {
	var named []*string
	for _, keys := range []string{contract.SpillFolder + "/*", "*/packs/*", "*/segments/*"} {
		named = append(named, bucket.ArnForObjects(&keys))
	}
	bucket.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: new("WriteOnce"), Effect: awsiam.Effect_DENY, Principals: &[]awsiam.IPrincipal{awsiam.NewStarPrincipal()},
		Actions: &[]*string{new("s3:PutObject")}, Resources: &named,
		Conditions: &map[string]any{
			"Null": map[string]any{"s3:if-none-match": "true"},
			"Bool": map[string]any{"s3:ObjectCreationOperation": "true"},
		},
	}))
}
