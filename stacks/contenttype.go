package stacks

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/constructs/workerpool"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// ContentType is the stack of one content type.
type ContentType struct {
	Stack awscdk.Stack
	Pool  *workerpool.WorkerPool
}

// NewContentType defines the stack of one content type; bundle is the one for its architecture. The stack depends on nothing but the configuration of this type and on the SSM
// parameters of the shared stack, so that a change of one type leaves the others' stacks as they are. No diff shows a
// parameter's value, so the network's mode and its place are in the template beside them.
func NewContentType(app awscdk.App, tier *tierspec.Tier, shared *Shared, t tierspec.ContentType, code bundle.Archive) *ContentType {
	tags, apart := splitTags(t.Tags, workerpool.OnInstances)
	tags[workerpool.TagContentType] = t.Name
	stack := newStack(app, tier, contract.StackName(tier.Name, tier.Environment.Name, t.Name), "The pool of workers for "+t.Name+" jobs", tags)
	tagResources(stack, apart)
	path := parametersOf(tier)
	pool := workerpool.New(stack, "Pool", workerpool.Props{
		Tier:        tier.Name,
		Environment: tier.Environment.Name,
		Region:      tier.Environment.Region,
		Account:     tier.Environment.Account,
		ContentType: t,
		Chef:        tier.Chef,
		Bundle:      code,
		Files:       packed(tier, t.Files),
		Cookbooks:   packed(tier, t.Cookbooks),
		Image:       ami(stack, tier.Environment.BaseImage),
		RootDevice:  tier.Environment.BaseImage.RootDevice,

		VPC:             read(stack, path.vpc),
		Subnets:         readList(stack, path.subnets),
		NetworkMode:     string(tier.Environment.Network.Mode),
		Place:           shared.Network.Place,
		Table:           read(stack, path.table),
		ArtifactsBucket: read(stack, path.artifacts),
		AlarmTopic:      read(stack, path.alarmTopic),
		Docs:            tier.Docs,
		Disposable:      tier.Environment.Disposable,
	})
	return &ContentType{Stack: stack, Pool: pool}
}

// packed is the archive of a folder of the configuration, nil if there is none. It panics where the folder, which
// was there when the configuration was read, cannot be packed.
func packed(tier *tierspec.Tier, folder string) *bundle.Archive {
	if folder == "" {
		return nil
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(tier.Dir, folder)
	}
	archive, err := bundle.Pack(folder, filepath.Join(tier.Dir, ".build", "archives"))
	if err != nil {
		panic(err.Error())
	}
	return &archive
}

// ami is the image of a tier. One that an SSM parameter names is looked up once and then kept in
// cdk.context.json until somebody resets it there: taken at deploy time it would change without showing in a diff. Until the CDK command
// line has looked, a placeholder stands for it that passes for an AMI.
func ami(stack awscdk.Stack, base tierspec.BaseImage) string {
	if base.AMI != "" {
		return base.AMI
	}
	found := awscdk.ContextProvider_GetValue(stack, &awscdk.GetContextValueOptions{
		Provider:   new("ssm"),
		Props:      &map[string]any{"parameterName": base.SSMParameter},
		DummyValue: "ami-00000000000000000",
		MustExist:  new(true),
	})
	id, _ := found.Value.(string)
	return id
}
