// Package actions knows by which IAM action an operation of AWS's API is allowed.
package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// otherwiseNamed are the operations whose action has another name. The operation of every other is an action of
// the same name; a test holds that against the actions that there are.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var otherwiseNamed = map[string]string{
	"s3:CompleteMultipartUpload":       "s3:PutObject",
	"s3:CreateMultipartUpload":         "s3:PutObject",
	"s3:HeadBucket":                    "s3:ListBucket",
	"s3:HeadObject":                    "s3:GetObject",
	"s3:ListObjectsV2":                 "s3:ListBucket",
	"s3:ListParts":                     "s3:ListMultipartUploadParts",
	"s3:UploadPart":                    "s3:PutObject",
	"sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
	"sqs:DeleteMessageBatch":           "sqs:DeleteMessage",
	"sqs:SendMessageBatch":             "sqs:SendMessage",
}

// Of is the action that allows an operation of a service, for example "sqs:DeleteMessage" for sqs and
// DeleteMessageBatch. The service is named as in actions.
func Of(service, operation string) string {
	name := service + ":" + operation
	if action, ok := otherwiseNamed[name]; ok {
		return action
	}
	return name
}

// Known are the actions that AWS has, in lower case, as cfn-lint brings them along. root is the project's.
func Known(root string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(root, ".venv/lib/python3*/site-packages/cfnlint/data/AdditionalSpecs/Policies.json"))
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, errors.New("cfn-lint's list of actions is not in .venv: run make tools")
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	var services map[string]struct{ Actions map[string]any }
	if err := json.Unmarshal(text, &services); err != nil {
		return nil, fmt.Errorf("%s: %w", files[0], err)
	}
	all := map[string]bool{}
	for service, s := range services {
		for action := range s.Actions {
			all[service+":"+action] = true
		}
	}
	return all, nil
}
