package stacks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the CDK does not know may become as long as this in the shipped configuration: the URL of a queue, and a name that
// CloudFormation makes of a stack's and a resource's.
const (
	longestURL  = "https://sqs.us-east-1.amazonaws.com/444455556666/worker-tier-local-calendars-PoolDeadLetterQueue78D13E3B-AbCdEfGhIjKl"
	longestName = "worker-tier-local-shared-ArtifactsBucket2AAC5544-abcdefghijkl"
)

// The user-data of every shipped content type is under 4 KiB once the tokens have their values.
func TestUserDataIsShort(t *testing.T) {
	const limit = 4 << 10
	files, err := filepath.Glob("testdata/golden/worker-tier/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Resources map[string]struct {
				Type       string
				Properties struct {
					LaunchTemplateData struct {
						UserData struct {
							Base64 struct {
								Join []any `json:"Fn::Join"`
							} `json:"Fn::Base64"`
						}
					}
				}
			}
		}
		if err := json.Unmarshal(text, &template); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, r := range template.Resources {
			if r.Type != "AWS::EC2::LaunchTemplate" {
				continue
			}
			seen++
			var script strings.Builder
			parts, _ := r.Properties.LaunchTemplateData.UserData.Base64.Join[1].([]any)
			for _, part := range parts {
				switch part := part.(type) {
				case string:
					script.WriteString(part)
				case map[string]any:
					value := longestName
					if name, _ := part["Ref"].(string); template.Resources[name].Type == "AWS::SQS::Queue" {
						value = longestURL
					}
					script.WriteString(value)
				}
			}
			if script.Len() >= limit {
				t.Errorf("%s: user-data of %d bytes, want less than %d", filepath.Base(file), script.Len(), limit)
			}
		}
	}
	if seen < 21 {
		t.Errorf("%d launch templates in the goldens, want one for each of 7 types in 3 environments", seen)
	}
}
