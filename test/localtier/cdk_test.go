package localtier

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffIsReadStackByStack(t *testing.T) {
	const said = `start: Building a Template
Stack tier-local-shared (aws://000000000000/us-east-1)
There were no differences

Stack tier-local-docs (aws://000000000000/us-east-1)
Resources
[~] AWS::EC2::LaunchTemplate Pool/LaunchTemplate

Stack tier-local-mail (aws://000000000000/us-east-1)
There were no differences

✨  Number of stacks with differences: 1
`
	differ, same := readDiff(said)
	if diff := cmp.Diff([]string{"tier-local-docs"}, differ); diff != "" {
		t.Errorf("differing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tier-local-shared", "tier-local-mail"}, same); diff != "" {
		t.Errorf("unchanged (-want +got):\n%s", diff)
	}
}
