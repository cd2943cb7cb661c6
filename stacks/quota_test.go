package stacks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

// widest writes a tier whose one content type has every kind of permission, under the longest names. lists are further keys of it.
func widest(t *testing.T, lists string) (*tierspec.Tier, error) {
	t.Helper()
	long := func(text string) string { return text + strings.Repeat("x", 31-len(text)) }
	text := `name: ` + long("tier") + `
worker: {file: worker, sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}
chef: {distribution: cinc, version: "18", server: {url: "https://chef.example.com", validatorSecret: ` + strings.Repeat("v", 64) + `}}
environments:
  ` + long("env") + `: {account: "000000000000", region: us-gov-west-1, availabilityZones: [us-gov-west-1a, us-gov-west-1b], network: {mode: public}, baseImage: {amiId: ami-0123456789abcdef0}}
contentTypes:
  ` + long("other") + `: {processor: backup}
  ` + long("type") + `:
    processor: exec
    command: [./run.sh]
    files: files
    reads: [` + long("other") + `]
    queue: {kmsKey: "arn:aws-us-gov:kms:us-gov-west-1:000000000000:key/mrk-1234abcd12ab34cd56ef1234567890ab"}
    protectBusy: true
` + lists
	file := filepath.Join(t.TempDir(), "tier.yaml")
	for name, content := range map[string]string{"tier.yaml": text, "worker": "", "files/run.sh": ""} {
		path := filepath.Join(filepath.Dir(file), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tier, _, err := config.Load(file, "")
	return tier, err
}

// What the configuration accepts fits into AWS's quotas of characters once every reference has its longest value, and
// it accepts most of what would fit.
func TestLongestListsFitTheirQuotas(t *testing.T) {
	for key, format := range map[string]string{
		"secrets":          "a-secret-%03d",
		"policyStatements": `{actions: ["s3:GetObject", "s3:PutObject"], resources: ["arn:aws-us-gov:s3:::bucket-%03d/*"]}`,
		"producers":        `"arn:aws-us-gov:iam::111122223333:role/` + strings.Repeat("p", 150) + `-%03d"`,
	} {
		var most *tierspec.Tier
		items := []string{}
		for {
			items = append(items, fmt.Sprintf(format, len(items)))
			tier, err := widest(t, "    "+key+": ["+strings.Join(items, ", ")+"]\n")
			if err != nil {
				if !strings.Contains(err.Error(), "AWS allows") {
					t.Fatal(err)
				}
				break
			}
			most = tier
		}
		var text string
		for stack, template := range templates(t, synthesize(t, most, standIn)) {
			if strings.Contains(stack, "-type") {
				text = template
			}
		}
		template := synthtest.Parse(t, []byte(text))
		kind, quota, properties := "AWS::IAM::Role", 10240, []any{"Policies", 0, "PolicyDocument"}
		if key == "producers" {
			kind, quota, properties = "AWS::SQS::QueuePolicy", 8192, []any{"PolicyDocument"}
		}
		longest := 0
		for _, r := range template.Of(kind) {
			document, err := json.Marshal(filled(r.At(properties...)))
			if err != nil {
				t.Fatal(err)
			}
			longest = max(longest, len(document))
		}
		if longest > quota || longest < quota*17/20 {
			t.Errorf("%d %s are accepted and make %d characters, want at most %d and no fewer than %d", len(items)-1, key, longest, quota, quota*17/20)
		}
	}
}

// filled is a part of a template with the longest value in place of each reference.
func filled(value any) any {
	switch of := value.(type) {
	case []any:
		all := make([]any, len(of))
		for i := range of {
			all[i] = filled(of[i])
		}
		return all
	case map[string]any:
		if join, ok := of["Fn::Join"].([]any); ok {
			var text strings.Builder
			for _, part := range join[1].([]any) {
				text.WriteString(filled(part).(string))
			}
			return text.String()
		}
		if name, ok := of["Ref"].(string); ok {
			if name == "AWS::Partition" {
				return "aws-us-gov"
			}
			if strings.Contains(name, "artifacts") { // a bucket
				return strings.Repeat("b", 63)
			}
			return strings.Repeat("r", 128) // the table: its stack's name, its logical ID and 14 more
		}
		if of["Fn::GetAtt"] != nil { // a queue or a log group
			return "arn:aws-us-gov:logs:us-gov-west-1:000000000000:log-group::*" + strings.Repeat("a", 128)
		}
		all := map[string]any{}
		for key, part := range of {
			all[key] = filled(part)
		}
		return all
	}
	return value
}
