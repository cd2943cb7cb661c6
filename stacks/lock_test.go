package stacks

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
)

const lockFile = "testdata/logical-ids.txt"

// A resource whose logical ID changes is replaced: CloudFormation makes a new, empty one and deletes the old
// one or leaves it behind. The IDs of all that holds data are locked. -update adds what is new to the lock and
// never takes anything out: whoever means to drop a queue, a table or a bucket deletes its line by hand.
func TestStatefulResourcesKeepTheirLogicalIDs(t *testing.T) {
	stateful := statefulTypes(t)
	now := map[string]bool{}
	for _, environment := range []string{"prod", "lab"} {
		for stack, text := range asConfigured(t, testConfig, environment) {
			for id, resource := range synthtest.Parse(t, []byte(text)) {
				if stateful[resource.Type] {
					now[stack+" "+resource.Type+" "+id] = true
				}
			}
		}
	}
	text, err := os.ReadFile(lockFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	locked := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	for _, line := range locked {
		if !now[line] {
			t.Errorf("%s is gone: deployed stacks would lose it, or leave it behind (delete its line in %s if that is meant)", line, lockFile)
		}
	}
	var added []string
	for line := range now {
		if !slices.Contains(locked, line) {
			added = append(added, line)
		}
	}
	if len(added) == 0 {
		return
	}
	slices.Sort(added)
	if !*update {
		t.Errorf("not locked yet (make update adds them):\n%s", strings.Join(added, "\n"))
		return
	}
	all := slices.Concat(locked, added)
	slices.Sort(all)
	if err := os.WriteFile(lockFile, []byte(strings.Join(all, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// statefulTypes are the resource types that hold data, as cfn-lint knows them.
func statefulTypes(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../.venv/lib/python3*/site-packages/cfnlint/data/AdditionalSpecs/StatefulResources.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("cfn-lint's list of stateful resources is not in .venv (%v): run make tools", err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ ResourceTypes map[string]any }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for name := range list.ResourceTypes {
		types[name] = true
	}
	for _, ours := range []string{"AWS::SQS::Queue", "AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket", "AWS::Logs::LogGroup"} {
		if !types[ours] {
			t.Errorf("cfn-lint does not take %s for stateful any more: name it here", ours)
		}
	}
	return types
}
