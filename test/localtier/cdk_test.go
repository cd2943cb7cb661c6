package localtier

import (
	"strings"
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
	parts := readDiff(said)
	var stacks, changed []string
	for _, p := range parts {
		stacks = append(stacks, p.Stack)
		if p.Text != "" {
			changed = append(changed, p.Stack+": "+strings.Join(p.Resources(), ", "))
		}
	}
	if diff := cmp.Diff([]string{"tier-local-shared", "tier-local-docs", "tier-local-mail"}, stacks); diff != "" {
		t.Errorf("stacks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tier-local-docs: LaunchTemplate"}, changed); diff != "" {
		t.Errorf("differing (-want +got):\n%s", diff)
	}
}
