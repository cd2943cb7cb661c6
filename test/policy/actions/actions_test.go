package actions

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// known are the actions that AWS has, in lower case, as cfn-lint brings them along.
func known(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../../.venv/lib/python3*/site-packages/cfnlint/data/AdditionalSpecs/Policies.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("cfn-lint's list of actions is not in .venv (%v): run make tools", err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var services map[string]struct{ Actions map[string]any }
	if err := json.Unmarshal(text, &services); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for service, s := range services {
		for action := range s.Actions {
			all[service+":"+action] = true
		}
	}
	return all
}

// An operation that is an action needs no other name, and the other name must be an action.
func TestOtherNamesAreNeededAndExist(t *testing.T) {
	there := known(t)
	for operation, action := range otherwiseNamed {
		if there[strings.ToLower(operation)] {
			t.Errorf("%s is an action itself, not %s", operation, action)
		}
		if !there[strings.ToLower(action)] {
			t.Errorf("%s: there is no action %s", operation, action)
		}
	}
}
