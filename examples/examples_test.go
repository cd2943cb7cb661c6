// Package examples runs the examples that are CDK programs, as the CDK command line does.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestExamplesSynthesize(t *testing.T) {
	for program, resources := range map[string][]string{
		"owntier": {"AWS::CloudWatch::CompositeAlarm", "AWS::AutoScaling::AutoScalingGroup", "AWS::DynamoDB::GlobalTable"},
		"ownpool": {"AWS::SQS::Queue", "AWS::AutoScaling::AutoScalingGroup", "AWS::DynamoDB::GlobalTable"},
	} {
		out := t.TempDir()
		cmd := exec.Command("go", "run", "./examples/"+program)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "CDK_OUTDIR="+out)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", program, err, said)
			continue
		}
		files, err := filepath.Glob(filepath.Join(out, "*.template.json"))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		for _, kind := range resources {
			if !strings.Contains(all.String(), `"`+kind+`"`) {
				t.Errorf("%s: no %s in its %d templates", program, kind, len(files))
			}
		}
	}
}
