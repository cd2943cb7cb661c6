package stacks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// An export that another stack imports cannot be removed, nor can its stack: a pool could not go.
func TestStacksShareNothingThroughCloudFormation(t *testing.T) {
	for stack, text := range asConfigured(t, testConfig, "prod") {
		for _, forbidden := range []string{"Fn::ImportValue", "Fn::GetStackOutput", `"Export"`} {
			if strings.Contains(text, forbidden) {
				t.Errorf("%s uses %s", stack, forbidden)
			}
		}
	}
}

// A retained queue or table with a fixed name collides when its content type is added again. The log of the image
// pipeline, which goes with its stack, has the name below which Image Builder may write.
func TestNothingHasAPhysicalName(t *testing.T) {
	named := regexp.MustCompile(`"(QueueName|TableName|BucketName|TopicName|RoleName|InstanceProfileName|GroupName|LaunchTemplateName|AutoScalingGroupName|AlarmName|DashboardName|LogGroupName)": "`)
	for stack, text := range asConfigured(t, testConfig, "prod") {
		text = strings.Replace(text, `"LogGroupName": "/aws/imagebuilder/`+stack, "", 1)
		if found := named.FindString(text); found != "" {
			t.Errorf("%s: %s…", stack, found)
		}
	}
}

func TestStacksAreTaggedAndProtectedUnlessDisposable(t *testing.T) {
	for environment, protected := range map[string]bool{"prod": true, "lab": false} {
		text, err := os.ReadFile(filepath.Join(synthesize(t, load(t, testConfig, environment), standIn), "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct {
			Artifacts map[string]struct {
				Type         string
				Dependencies []string
				Properties   struct {
					TerminationProtection bool
					Tags                  map[string]string
				}
			}
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			t.Fatal(err)
		}
		stacks := 0
		for name, a := range manifest.Artifacts {
			if a.Type != "aws:cloudformation:stack" {
				continue
			}
			stacks++
			if a.Properties.TerminationProtection != protected {
				t.Errorf("%s: termination protection %v, want %v", name, !protected, protected)
			}
			if got := a.Properties.Tags["worker-tier:environment"]; got != "tier-"+environment {
				t.Errorf("%s: tagged with environment %q", name, got)
			}
			if shared := "tier-" + environment + "-shared"; name != shared && !strings.Contains(strings.Join(a.Dependencies, " "), shared) {
				t.Errorf("%s does not wait for %s, whose parameters it reads", name, shared)
			}
		}
		if got := manifest.Artifacts["tier-"+environment+"-mail"].Properties.Tags; got["team"] != "mail" || got["worker-tier:content-type"] != "mail" {
			t.Errorf("the stack of mail has the tags %v", got)
		}
		for _, stack := range []string{"shared", "mail", "backup"} {
			got := manifest.Artifacts["tier-"+environment+"-"+stack].Properties.Tags
			if want := map[string]string{"prod": "4711", "lab": "lab"}[environment]; got["owner"] != "platform" || got["cost-center"] != want {
				t.Errorf("the stack of %s has the tags %v, want owner platform and cost-center %s", stack, got, want)
			}
		}
		if stacks != 7 {
			t.Errorf("%s: %d stacks, want the shared one, that of the image pipeline and five content types", environment, stacks)
		}
	}
}

// What is named need not be looked up: synth then needs no credentials. What is not named is looked up
// by the CDK command line, which finds the question in the manifest.
func TestOnlyWhatIsNotNamedIsLookedUp(t *testing.T) {
	for _, c := range []struct {
		file, environment string
		want              []string
	}{
		{testConfig, "prod", nil},
		{testConfig, "lab", []string{"ssm"}},
		{"../worker-tier.yaml", "local", nil},
		{"../worker-tier.yaml", "dev", []string{"availability-zones", "ssm"}},
	} {
		dir := t.TempDir()
		app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir})
		New(app, load(t, c.file, c.environment), standIn)
		app.Synth(nil)
		var manifest struct{ Missing []struct{ Provider string } }
		text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range manifest.Missing {
			got = append(got, m.Provider)
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: looked up is %v, want %v", c.file, c.environment, got, c.want)
		}
	}
}
