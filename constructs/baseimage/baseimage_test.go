package baseimage

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

func TestMain(m *testing.M) { synthtest.Main(m) }

func props() Props {
	chef := tierspec.Chef{Distribution: "cinc", Version: "18", Package: &tierspec.ChefPackage{URL: "https://downloads.example/cinc.rpm", SHA256: strings.Repeat("0", 64)}}
	return Props{
		Name: "tier-prod-base-image", Definition: image.Define(tierspec.ARM64, chef), ImageBuilder: tierspec.ImageBuilder{Architecture: tierspec.ARM64},
		VPC: "vpc-1", Subnet: "subnet-1", Tags: map[string]string{"owner": "platform"},
	}
}

func synth(t *testing.T, p Props) synthtest.Template {
	t.Helper()
	return synthtest.Synth(t, func(stack awscdk.Stack) { New(stack, "Image", p) })
}

// Nobody gets in where images are built, and nothing of it stays.
func TestBuildInstancesAreClosed(t *testing.T) {
	template := synth(t, props())
	infrastructure, group := template.One(t, "AWS::ImageBuilder::InfrastructureConfiguration"), template.One(t, "AWS::EC2::SecurityGroup")
	for what, c := range map[string]struct{ got, want any }{
		"metadata":           {infrastructure.At("InstanceMetadataOptions"), map[string]any{"HttpTokens": "required", "HttpPutResponseHopLimit": 1.0}},
		"key pair":           {infrastructure.At("KeyPair"), nil},
		"ended on failure":   {infrastructure.At("TerminateInstanceOnFailure"), true},
		"group":              {infrastructure.At("SecurityGroupIds", 0), map[string]any{"Fn::GetAtt": []any{group.ID, "GroupId"}}},
		"inbound":            {group.At("SecurityGroupIngress"), nil},
		"subnet":             {infrastructure.At("SubnetId"), "subnet-1"},
		"volume":             {template.One(t, "AWS::ImageBuilder::ImageRecipe").At("BlockDeviceMappings", 0, "Ebs", "Encrypted"), true},
		"SSM agent":          {template.One(t, "AWS::ImageBuilder::ImageRecipe").At("AdditionalInstanceConfiguration", "SystemsManagerAgent", "UninstallAfterBuild"), false},
		"launch permissions": {template.One(t, "AWS::ImageBuilder::DistributionConfiguration").At("Distributions", 0, "AmiDistributionConfiguration", "LaunchPermissionConfiguration"), nil},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// An image is known by its pipeline and its version, and called by its date.
func TestImagesAreNamed(t *testing.T) {
	p := props()
	template := synth(t, p)
	want := map[string]any{"Name": "tier-prod-base-image-{{ imagebuilder:buildDate }}", "AmiTags": map[string]any{
		"owner": "platform", TagPipeline: p.Name, TagVersion: p.Definition.Version,
	}}
	if diff := cmp.Diff(want, template.One(t, "AWS::ImageBuilder::DistributionConfiguration").At("Distributions", 0, "AmiDistributionConfiguration")); diff != "" {
		t.Errorf("AMI (-want +got):\n%s", diff)
	}
	pipeline := template.One(t, "AWS::ImageBuilder::ImagePipeline")
	if diff := cmp.Diff(map[string]any{"owner": "platform", TagPipeline: p.Name}, pipeline.At("ImageTags")); diff != "" {
		t.Errorf("tags of images (-want +got):\n%s", diff)
	}
	if pipeline.At("ImageTestsConfiguration", "ImageTestsEnabled") != true {
		t.Error("images are not tested")
	}
	if len(p.Tags) != 1 {
		t.Errorf("the props were changed: %v", p.Tags)
	}
}

// Without being asked, a pipeline neither builds nor deletes.
func TestNothingHappensByItself(t *testing.T) {
	template := synth(t, props())
	if got := template.One(t, "AWS::ImageBuilder::ImagePipeline").At("Schedule"); got != nil {
		t.Errorf("schedule %v", got)
	}
	if got := len(template.Of("AWS::ImageBuilder::LifecyclePolicy")); got != 0 {
		t.Errorf("%d lifecycle policies", got)
	}
	if got := len(template.Of("AWS::IAM::Role")); got != 1 {
		t.Errorf("%d roles, want that of the instances alone", got)
	}
}

func TestScheduleAndLifecycle(t *testing.T) {
	p := props()
	p.Schedule, p.Keep = "weekly", 7
	template := synth(t, p)
	want := map[string]any{"ScheduleExpression": "cron(0 3 ? * mon *)", "PipelineExecutionStartCondition": "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"}
	if diff := cmp.Diff(want, template.One(t, "AWS::ImageBuilder::ImagePipeline").At("Schedule")); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
	policy := template.One(t, "AWS::ImageBuilder::LifecyclePolicy")
	for what, c := range map[string]struct{ got, want any }{
		"whose":         {policy.At("ResourceSelection"), map[string]any{"TagMap": map[string]any{TagPipeline: p.Name}}},
		"what":          {policy.At("PolicyDetails", 0, "Action"), map[string]any{"Type": "DELETE", "IncludeResources": map[string]any{"Amis": true, "Snapshots": true}}},
		"how many stay": {policy.At("PolicyDetails", 0, "Filter"), map[string]any{"Type": "COUNT", "Value": 7.0}},
		"which stay":    {policy.At("PolicyDetails", 0, "ExclusionRules", "Amis", "LastLaunched"), map[string]any{"Unit": "DAYS", "Value": 90.0}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// What Image Builder refuses to change is replaced by something of another version: no property of these two may change while
// the version does not.
func TestWhatIsReplacedHasAnotherVersion(t *testing.T) {
	first, other := props(), props()
	other.Tags, other.VPC, other.Subnet, other.Schedule, other.Keep = map[string]string{"owner": "somebody"}, "vpc-2", "subnet-2", "monthly", 3
	one, two := synth(t, first), synth(t, other)
	for _, kind := range []string{"AWS::ImageBuilder::Component", "AWS::ImageBuilder::ImageRecipe"} {
		if diff := cmp.Diff(one.One(t, kind), two.One(t, kind)); diff != "" {
			t.Errorf("%s differs, and its version does not:\n%s", kind, diff)
		}
	}
}

func TestPropsThatMakeNoPipelineAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Props){
		`test/Image: Name is "Tier", want 3 to 128 lower case letters`:  func(p *Props) { p.Name = "Tier" },
		"test/Image: Definition is empty":                               func(p *Props) { p.Definition = image.Definition{} },
		`test/Image: Architecture is "mips", want arm64 or x86_64`:      func(p *Props) { p.Architecture = "mips" },
		`test/Image: Schedule is "daily", want weekly, monthly or none`: func(p *Props) { p.Schedule = "daily" },
		"test/Image: Keep is less than 0":                               func(p *Props) { p.Keep = -1 },
		"test/Image: VPC is empty":                                      func(p *Props) { p.VPC = "" },
		"test/Image: Subnet is empty":                                   func(p *Props) { p.Subnet = "" },
	} {
		p := props()
		change(&p)
		got := func() (text string) {
			defer func() { text, _ = recover().(string) }()
			synth(t, p)
			return ""
		}()
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q…", got, want)
		}
	}
}
