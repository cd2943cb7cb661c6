package userdata

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Pool is all that the user-data of a content type is made of.
type Pool struct {
	Tier, Environment, Region string
	ContentType               tierspec.ContentType
	Chef                      tierspec.Chef
	Names                     Names
	// LaunchTemplate tells failed boots from those of other launch templates of the pool.
	LaunchTemplate string
}

// Names are what the deployment knows and the configuration does not. All may be CDK tokens.
type Names struct {
	QueueURL, DeadLetterQueueURL, Table, ArtifactsBucket, LogGroup string
	// Bundle, Files and Cookbooks are what the instance fetches. The last two may be nil.
	Bundle           contract.Object
	Files, Cookbooks *contract.Object
}

// Props are what the script of the pool is rendered from.
func (p Pool) Props() Props {
	environment := map[string]string{}
	maps.Copy(environment, p.ContentType.Variables)
	maps.Copy(environment, p.settings().Environ())
	environment["AWS_REGION"] = p.Region
	return Props{
		Role:      p.ContentType.Role,
		Chef:      p.Chef,
		Boot:      p.ContentType.Boot,
		RunList:   p.ContentType.RunList,
		Bundle:    p.Names.Bundle,
		Files:     p.Names.Files,
		Cookbooks: p.Names.Cookbooks,
		LogGroup:  p.Names.LogGroup,

		LaunchTemplate: p.LaunchTemplate,
		Environment:    environment,
		Hardening:      p.ContentType.Hardening,
	}
}

// settings are what the pool's workers are told.
func (p Pool) settings() contract.Settings {
	t, n := p.ContentType, p.Names
	return contract.Settings{
		Tier: p.Tier, Environment: p.Environment, ContentType: t.Name,
		Processor: t.Processor, Command: t.Command, Options: t.Options, Processes: t.ProcessesPerInstance, Memory: t.MemoryPerProcess,
		QueueURL: n.QueueURL, DeadLetterQueueURL: n.DeadLetterQueueURL, Table: n.Table, ArtifactsBucket: n.ArtifactsBucket,
		Timing:     t.Job,
		Retry:      t.Retry,
		LaunchHook: contract.LaunchHook, TerminationHook: contract.TerminationHook, DrainOnRebalance: t.DrainOnRebalance,
		WarmPool: t.WarmPool.Size > 0, ProtectBusy: t.ProtectBusy,
		Listen: t.Listen(), Graphite: t.Watch.Graphite, EMF: t.Watch.EMF, RootVolume: t.RootVolumeGiB,
	}
}

// Digest stands for all that replaces the pool's instances when it changes: the script, what the launch template holds beside
// it, and more, such as the image. Names count by the content of what they name alone.
func (p Pool) Digest(more ...string) string {
	t, known := p.ContentType, Names{Bundle: contract.Object{SHA256: p.Names.Bundle.SHA256}}
	if p.Names.Files != nil {
		known.Files = &contract.Object{SHA256: p.Names.Files.SHA256}
	}
	if p.Names.Cookbooks != nil {
		known.Cookbooks = &contract.Object{SHA256: p.Names.Cookbooks.SHA256}
	}
	p.Names = known
	all := []any{Render(p.Props()), t.InstanceTypes, t.SpotPercent, t.OnDemandBase, t.RootVolumeGiB, t.Tags, more}
	sum := sha256.Sum256([]byte(token.ReplaceAllString(fmt.Sprintf("%q", all), "")))
	return hex.EncodeToString(sum[:4])
}

// token is a value that the CDK knows later. Its text depends on what was defined before.
var token = regexp.MustCompile(`\$\{Token\[[^]]*\]\}`)

// The longest names that AWS allows, in bytes.
const (
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
	longestQueue = 80
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	longestBucket = 63
	// longestRegion is more than the longest name of a Region, for a stack that is not told its own.
	longestRegion = 20
	// longestID is what CloudFormation adds to a stack's name to make one of its resource: two hyphens, the logical id and 12 or 13
	// random characters. A test compares it with the templates.
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
	longestID = 64
)

// Longest is the size of the pool's script in bytes if every one of its Names, which do not count, is as long as it may become.
// [Limit] is the most that EC2 takes.
func (p Pool) Longest() int {
	if p.Region == "" || token.MatchString(p.Region) {
		p.Region = strings.Repeat("r", longestRegion)
	}
	url := "https://sqs." + p.Region + ".amazonaws.com.cn/111122223333/" + strings.Repeat("q", longestQueue)
	id := strings.Repeat("i", longestID)
	object := contract.Object{
		Bucket: strings.Repeat("b", longestBucket),
		Key:    contract.MetricEnvironment(p.Tier, p.Environment) + "/" + strings.Repeat("0", 64) + ".zip",
		SHA256: strings.Repeat("0", 64),
	}
	p.Names = Names{
		QueueURL: url, DeadLetterQueueURL: url, ArtifactsBucket: object.Bucket, Bundle: object,
		Table:    contract.StackName(p.Tier, p.Environment, "shared") + id,
		LogGroup: contract.StackName(p.Tier, p.Environment, p.ContentType.Name) + id,
	}
	p.LaunchTemplate = strings.Repeat("0", 8)
	if p.ContentType.Files != "" {
		p.Names.Files = &object
	}
	if p.ContentType.Cookbooks != "" {
		p.Names.Cookbooks = &object
	}
	return len(Render(p.Props()))
}
