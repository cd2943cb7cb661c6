package workerpool

import (
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// grant is one statement of the instance role and says on whose behalf it stands there.
type grant struct {
	sid       string
	caller    string // "worker", "bootstrap", "session-manager", "log-agent", "sqs", "config"
	actions   []string
	resources []string
	condition map[string]any
}

// grants are all that an instance may do. Each content type reaches its own queues, its own jobs in the
// shared table, its own prefix in the shared bucket and its own group.
func (n names) grants(code assets) []grant {
	t := n.ContentType
	all := []grant{
		{"Queue", "worker",
			[]string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage", "sqs:GetQueueAttributes"},
			[]string{n.queueARN}, nil},
		{"DeadLetterQueue", "worker",
			[]string{"sqs:SendMessage"},
			[]string{n.deadLetterQueueARN}, nil},
		// Never Scan: it ignores dynamodb:LeadingKeys.
		// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
		{"Jobs", "worker",
			[]string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
			[]string{n.arn("dynamodb", "table/"+n.Table)},
			leadingKeys(t.Name+"#*", "control#"+t.Name)},
		{"DueJobs", "worker",
			[]string{"dynamodb:Query"},
			[]string{n.arn("dynamodb", "table/"+n.Table+"/index/"+contract.DueIndex)},
			leadingKeys(t.Name + "#*")},
		{"Artifacts", "worker",
			[]string{"s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts"},
			[]string{n.s3(n.ArtifactsBucket + "/" + t.Name + "/*")}, nil},
		// Payloads and cursors that are too large for the table.
		{"LargeJobs", "worker",
			[]string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
			[]string{n.s3(n.ArtifactsBucket + "/" + contract.SpillFolder + "/" + t.Name + "/*")}, nil},
		{"ListArtifacts", "worker",
			[]string{"s3:ListBucket"},
			[]string{n.s3(n.ArtifactsBucket)},
			map[string]any{"StringLike": map[string]any{"s3:prefix": n.prefixes()}}},
		{"Metrics", "worker",
			[]string{"cloudwatch:PutMetricData"},
			[]string{"*"}, // the action knows no resources
			map[string]any{"StringEquals": map[string]any{"cloudwatch:namespace": contract.MetricNamespace(n.Tier, n.Environment)}}},
		{"LeaveGroup", "worker",
			[]string{"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat", "autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:SetInstanceHealth"},
			n.ownGroup(), n.ownGroupOnly()},
		{"Code", "bootstrap",
			[]string{"s3:GetObject"},
			code.arns(n), nil},
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-add-permissions-to-existing-profile.html
		{"SessionManager", "session-manager",
			[]string{"ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"},
			[]string{"*"}, nil}, // the actions know no resources
		{"Logs", "log-agent",
			[]string{"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"},
			[]string{n.logGroupARN}, nil},
	}
	return append(all, n.asked()...)
}

// asked are the grants that the configuration asks for.
func (n names) asked() []grant {
	t := n.ContentType
	var all []grant
	if reads := n.reads(); len(reads) > 0 {
		all = append(all, grant{"ReadArtifacts", "worker", []string{"s3:GetObject"}, reads, nil})
	}
	if t.ProtectBusy {
		all = append(all, grant{"Protection", "worker", []string{"autoscaling:SetInstanceProtection"}, n.ownGroup(), n.ownGroupOnly()})
	}
	if server := n.Chef.Server; server != nil {
		all = append(all, grant{"ChefValidator", "bootstrap", []string{"secretsmanager:GetSecretValue"}, []string{n.secret(server.ValidatorSecret)}, nil})
	}
	secrets, parameters := n.secrets()
	if len(secrets) > 0 {
		all = append(all, grant{"Secrets", "worker", []string{"secretsmanager:GetSecretValue"}, secrets, nil})
	}
	if len(parameters) > 0 {
		all = append(all, grant{"SecretParameters", "worker", []string{"ssm:GetParameter"}, parameters, nil})
	}
	if t.QueueKey != "" {
		all = append(all, grant{"QueueKey", "sqs", []string{"kms:Decrypt", "kms:GenerateDataKey"}, []string{t.QueueKey}, n.throughSQS()})
	}
	for _, p := range t.Policy {
		all = append(all, grant{"", "config", p.Actions, p.Resources, nil})
	}
	return all
}

// ownGroup and ownGroupOnly together name the pool's own group: by its tags, since its ARN in its own
// role would be a dependency cycle.
func (n names) ownGroup() []string {
	return []string{n.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")}
}

func (n names) ownGroupOnly() map[string]any {
	return map[string]any{"StringEquals": map[string]any{
		"aws:ResourceTag/" + TagEnvironment: contract.MetricEnvironment(n.Tier, n.Environment),
		"aws:ResourceTag/" + TagContentType: n.ContentType.Name,
	}}
}

// throughSQS limits a statement to what SQS does in the caller's name: to receive it decrypts, to send it does both. KMS
// documents SQS's name there as sqs.REGION.amazonaws.com. No page gives the ending in China, so that both are allowed there.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func (n names) throughSQS() map[string]any {
	service := "sqs." + n.Region + ".amazonaws.com"
	if suffix := tierspec.PartitionOf(n.Region).Suffix; suffix == "amazonaws.com.cn" {
		return map[string]any{"StringEquals": map[string]any{"kms:ViaService": []string{service, "sqs." + n.Region + "." + suffix}}}
	}
	return map[string]any{"StringEquals": map[string]any{"kms:ViaService": service}}
}

// leadingKeys limits a statement to items, or entries of an index, whose partition key is like one of the patterns.
// ForAllValues alone holds for a request without keys, too.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func leadingKeys(patterns ...string) map[string]any {
	const keys = "dynamodb:LeadingKeys"
	return map[string]any{"ForAllValues:StringLike": map[string]any{keys: patterns}, "Null": map[string]any{keys: "false"}}
}

// prefixes are what the pool may list: its own artifacts and those it reads.
func (n names) prefixes() []string {
	prefixes := []string{n.ContentType.Name + "/*"}
	for _, other := range n.ContentType.Reads {
		prefixes = append(prefixes, other+"/*")
	}
	return prefixes
}

func (n names) reads() []string {
	var keys []string
	for _, other := range n.ContentType.Reads {
		keys = append(keys, n.s3(n.ArtifactsBucket+"/"+other+"/*"))
	}
	return keys
}

// secrets are the ARNs of the content type's secrets, and of those that are SSM parameters.
func (n names) secrets() (secrets, parameters []string) {
	for _, name := range n.ContentType.Secrets {
		if path, ok := strings.CutPrefix(name, contract.ParameterSecret); ok {
			parameters = append(parameters, n.arn("ssm", "parameter"+path))
		} else {
			secrets = append(secrets, n.secret(name))
		}
	}
	return secrets, parameters
}

// secret is the ARN of a secret by name: Secrets Manager appends six random characters.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
func (n names) secret(name string) string { return n.arn("secretsmanager", "secret:"+name+"-??????") }

// document is the grants as an IAM policy.
func document(grants []grant) map[string]any {
	statements := make([]any, len(grants))
	for i, g := range grants {
		s := map[string]any{"Effect": "Allow", "Action": g.actions, "Resource": g.resources}
		if g.sid != "" {
			s["Sid"] = g.sid
		}
		if g.condition != nil {
			s["Condition"] = g.condition
		}
		statements[i] = s
	}
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}
