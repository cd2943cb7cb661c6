// Package actions knows by which IAM action an operation of AWS's API is allowed.
package actions

// otherwiseNamed are the operations whose action has another name. The operation of every other is an action of
// the same name; a test holds that against the actions that there are.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var otherwiseNamed = map[string]string{
	"s3:CompleteMultipartUpload":       "s3:PutObject",
	"s3:CreateMultipartUpload":         "s3:PutObject",
	"s3:HeadBucket":                    "s3:ListBucket",
	"s3:HeadObject":                    "s3:GetObject",
	"s3:ListObjectsV2":                 "s3:ListBucket",
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
