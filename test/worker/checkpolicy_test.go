package worker

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// statement is one of a policy. A single action is written without brackets.
type statement struct {
	Effect   string
	Action   actions
	Resource any
}

type actions []string

func (a *actions) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		*a = actions{""}
		return json.Unmarshal(text, &(*a)[0])
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// documented is the policy on the runbook's page about Nagios, for this tier and environment.
func (tr *tier) documented() []statement {
	tr.t.Helper()
	page, err := os.ReadFile("../../docs/runbook/nagios.md")
	if err != nil {
		tr.t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```json\n")
	text, _, _ = strings.Cut(text, "```")
	text = strings.NewReplacer("worker-tier-prod-", tr.settings.Tier+"-", "/worker-tier/prod/", "/"+tr.settings.Tier+"/test/").Replace(text)
	var policy struct{ Statement []statement }
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		tr.t.Fatal(err)
	}
	for i, s := range policy.Statement {
		if slices.Contains(s.Action, "ssm:GetParameters") {
			policy.Statement[i].Resource = "*" // the local AWS does not look at the names
		}
	}
	return policy.Statement
}

// without leaves an action out; "": none.
func without(all []statement, action string) []statement {
	var left []statement
	for _, s := range all {
		s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == action })
		if len(s.Action) > 0 {
			left = append(left, s)
		}
	}
	return left
}

// TestTheDocumentedPolicyIsEnoughAndNoMore for a check of a content type, where IAM is enforced.
func TestTheDocumentedPolicyIsEnoughAndNoMore(t *testing.T) {
	t.Parallel()
	server := localaws.StartOwnT(t, localaws.Options{EnforceIAM: true})
	tr := newTierOn(t, server, "nagios")
	tr.alarmed(600)
	tr.deadLetter()
	tr.submit("waits", "{}")

	users, user := iam.NewFromConfig(tr.aws), "monitoring"
	localaws.Call(t, users.CreateUser, &iam.CreateUserInput{UserName: &user})
	made := localaws.Call(t, users.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: &user})
	tr.environ = append(tr.environ, "AWS_ACCESS_KEY_ID="+*made.AccessKey.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+*made.AccessKey.SecretAccessKey)
	may := func(statements []statement) {
		t.Helper()
		document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err == nil {
			_, err = users.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &user, PolicyName: new("own"), PolicyDocument: new(string(document))})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	of := []string{"type", "--tier", "nagios", "-e", "test", "-t", "backup", "--warning", "dead_letters=1", "--timeout", "300"}
	all := tr.documented()
	may(all)
	tr.checks(0, "backup OK: 1 READY, ", of...)
	for _, s := range all {
		for _, action := range s.Action {
			may(without(all, action))
			if said := tr.checks(3, "backup UNKNOWN: ", of...); !strings.Contains(said, "AWS refuses "+action+": ") {
				t.Errorf("without %s: %s", action, said)
			}
		}
	}
}
