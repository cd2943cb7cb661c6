package workerpool

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

// bare is a pool whose content type asks for nothing.
func bare(t *testing.T) Props {
	t.Helper()
	props := mail(t)
	c := &props.ContentType
	c.Files, c.Variables, c.Secrets, c.Reads, c.Policy, c.Producers, c.Tags = "", nil, nil, nil, nil, nil, nil
	props.Files = nil
	return props
}

// roleStatements are the role's statements as text, one each; arns are shortened to what follows the account.
func roleStatements(t *testing.T, template synthtest.Template) []string {
	t.Helper()
	var all []string
	statements, _ := template.One(t, "AWS::IAM::Role").At("Policies", 0, "PolicyDocument", "Statement").([]any)
	for _, s := range statements {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.NewReplacer(`{"Fn::Join":["",["arn:",{"Ref":"AWS::Partition"},":`, "", `"]]}`, "").Replace(string(text)))
	}
	return all
}

// textsIn are all texts in a value of a template, one after the other.
func textsIn(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		var all strings.Builder
		for _, item := range v {
			all.WriteString(textsIn(item))
		}
		return all.String()
	case object:
		var all strings.Builder
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all.WriteString(textsIn(v[key]))
		}
		return all.String()
	}
	return ""
}

// folder is a folder with one file.
func folder(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packed is the archive of a folder, if there is one.
func packed(t *testing.T, folder string) *bundle.Archive {
	t.Helper()
	if folder == "" {
		return nil
	}
	archive, err := bundle.Pack(folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &archive
}

// With a Chef server the instance may read the validator's key and no other secret, and the server has the cookbooks.
func TestChefServerNeedsOneSecretAndNoCookbooks(t *testing.T) {
	before := roleStatements(t, synth(t, bare(t)))
	props := bare(t)
	props.ContentType.Cookbooks = folder(t, "a cookbook")
	props.Cookbooks = packed(t, props.ContentType.Cookbooks)
	props.Chef.Server = &tierspec.ChefServer{URL: "https://chef.example.com", ValidatorSecret: "chef/validator"}
	after := roleStatements(t, synth(t, props))
	added := slices.DeleteFunc(after, func(s string) bool { return slices.Contains(before, s) })
	want := []string{`{"Action":"secretsmanager:GetSecretValue","Effect":"Allow","Resource":secretsmanager:us-east-1:111122223333:secret:chef/validator-??????,"Sid":"ChefValidator"}`}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("new statements (-want +granted):\n%s", diff)
	}
}

// Each thing that a content type may ask for changes the role by exactly what it asks, and reaches the
// instance where that is where it belongs.
func TestGrantsAreNoWiderThanAsked(t *testing.T) {
	before := roleStatements(t, synth(t, bare(t)))
	for name, c := range map[string]struct {
		ask     func(*tierspec.ContentType)
		granted []string // statements that are new
		lost    int      // statements that are another now
		user    []string // what stands in user-data
	}{
		"nothing": {func(*tierspec.ContentType) {}, nil, 0, nil},
		"environment": {
			func(c *tierspec.ContentType) { c.Variables = map[string]string{"LANG": "C.UTF-8"} },
			nil, 0, []string{`"LANG":"C.UTF-8"`},
		},
		"secrets in parameters": {
			func(c *tierspec.ContentType) { c.Secrets = []string{"ssm:/imap/token"} },
			[]string{`{"Action":"ssm:GetParameter","Effect":"Allow","Resource":ssm:us-east-1:111122223333:parameter/imap/token,"Sid":"SecretParameters"}`}, 0, nil,
		},
		"secrets": {
			func(c *tierspec.ContentType) { c.Secrets = []string{"imap-service"} },
			[]string{`{"Action":"secretsmanager:GetSecretValue","Effect":"Allow","Resource":secretsmanager:us-east-1:111122223333:secret:imap-service-??????,"Sid":"Secrets"}`}, 0, nil,
		},
		"reads": {
			func(c *tierspec.ContentType) { c.Reads = []string{"backup"} },
			[]string{
				`{"Action":"s3:GetObject","Effect":"Allow","Resource":s3:::artifacts/backup/*,"Sid":"ReadArtifacts"}`,
				`{"Action":"s3:ListBucket","Condition":{"StringLike":{"s3:prefix":["mail/*","backup/*"]}},"Effect":"Allow","Resource":s3:::artifacts,"Sid":"ListArtifacts"}`,
			}, 1, nil,
		},
		"policyStatements": {
			func(c *tierspec.ContentType) {
				c.Policy = []tierspec.PolicyStatement{{Actions: []string{"polly:SynthesizeSpeech"}, Resources: []string{"arn:aws:polly:us-east-1:111122223333:lexicon/a"}}}
			},
			[]string{`{"Action":"polly:SynthesizeSpeech","Effect":"Allow","Resource":"arn:aws:polly:us-east-1:111122223333:lexicon/a"}`}, 0, nil,
		},
		"producers":   {func(c *tierspec.ContentType) { c.Producers = []string{"arn:aws:iam::111122223333:role/frontend"} }, nil, 0, nil},
		"root volume": {func(c *tierspec.ContentType) { c.RootVolumeGiB = 500 }, nil, 0, nil},
		"run list": {
			func(c *tierspec.ContentType) { c.RunList = []string{"recipe[imap::tools]"} },
			nil, 0, []string{`"recipe[imap::tools]"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			props := bare(t)
			c.ask(&props.ContentType)
			template := synth(t, props)
			after := roleStatements(t, template)
			added := slices.DeleteFunc(slices.Clone(after), func(s string) bool { return slices.Contains(before, s) })
			slices.Sort(added)
			if diff := cmp.Diff(strings.Join(c.granted, "\n"), strings.Join(added, "\n")); diff != "" {
				t.Errorf("new statements (-asked +granted):\n%s", diff)
			}
			kept := slices.DeleteFunc(slices.Clone(before), func(s string) bool { return !slices.Contains(after, s) })
			if lost := len(before) - len(kept); lost != c.lost {
				t.Errorf("%d statements changed, want %d", lost, c.lost)
			}
			script := textsIn(template.One(t, "AWS::EC2::LaunchTemplate").At("LaunchTemplateData", "UserData"))
			for _, want := range c.user {
				if !strings.Contains(script, want) {
					t.Errorf("no %s in the user-data", want)
				}
			}
		})
	}
}

// The role reads the archives below its stack's prefix, whatever the release: an instance that boots during a deploy fetches
// those of the release before. Without a prefix the bucket is everybody's, and the role reads single objects.
func TestCodeIsReadBelowThePrefix(t *testing.T) {
	files, cookbooks := folder(t, "a program"), folder(t, "a cookbook")
	code := func(prefix, files string) string {
		props := bare(t)
		props.ContentType.Files, props.ContentType.Cookbooks = files, cookbooks
		props.Files, props.Cookbooks = packed(t, files), packed(t, cookbooks)
		app := awscdk.NewApp(&awscdk.AppProps{Outdir: new(t.TempDir()), AnalyticsReporting: new(false)})
		stack := awscdk.NewStack(app, new("test"), &awscdk.StackProps{
			Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{BucketPrefix: &prefix}),
		})
		New(stack, "Pool", props)
		text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
		if err != nil {
			t.Fatal(err)
		}
		statement := statements(t, synthtest.Parse(t, text))["Code"]
		equal(t, "action", statement["Action"], any("s3:GetObject"))
		resources, err := json.Marshal(statement["Resource"])
		if err != nil {
			t.Fatal(err)
		}
		return string(resources)
	}
	one, other := code("tier-prod/", files), code("tier-prod/", folder(t, "another release"))
	if one != other || strings.Count(one, ".zip") != 1 || !strings.Contains(one, "/tier-prod/*.zip") {
		t.Errorf("two releases may read\n%s\n%s", one, other)
	}
	if all := code("", files); strings.Count(all, ".zip") != 3 || strings.Contains(all, "*") {
		t.Errorf("without a prefix the role may read %s, want three objects", all)
	}
}

// Only who is named may send: a content type without producers has no such statement.
func TestNobodyElseMaySend(t *testing.T) {
	for _, p := range synth(t, bare(t)).Of("AWS::SQS::QueuePolicy") {
		all, _ := p.At("PolicyDocument", "Statement").([]any)
		for _, entry := range all {
			if s, _ := entry.(object); s["Effect"] == "Allow" {
				t.Errorf("%s lets %v in", p.ID, s["Principal"])
			}
		}
	}
}
