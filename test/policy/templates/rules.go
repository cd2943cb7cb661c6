package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// resource is one resource of a template.
type resource struct {
	Type       string
	Properties map[string]any
}

// template is all resources of one, by logical ID.
type template map[string]resource

// rules are what neither cdk-nag nor cfn-lint looks at, by the type of resource. A rule says what is wrong, ""
// if nothing is.
var rules = map[string][]func(template, string) string{
	"AWS::EC2::LaunchTemplate":       {metadataService, encryptedVolumes, noSSH},
	"AWS::EC2::SecurityGroup":        {inboundFromGroups},
	"AWS::EC2::SecurityGroupIngress": {inboundFromGroups},
	"AWS::SQS::Queue":                {encryptedQueue, queueOverTLS},
	"AWS::SNS::Topic":                {topicThatAlarmsReach},
	"AWS::IAM::Role":                 {exactActions, keysThroughServices},
	"AWS::IAM::Policy":               {exactActions, keysThroughServices},

	"AWS::ImageBuilder::InfrastructureConfiguration": {closedBuild},
	"AWS::ImageBuilder::ImageRecipe":                 {encryptedImage},
	"AWS::ImageBuilder::DistributionConfiguration":   {privateImage},
}

func readTemplate(path string) (template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document struct{ Resources template }
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return document.Resources, nil
}

// applyRules judges a template and notes which statements its roles have.
func (r *Report) applyRules(path string) error {
	t, err := readTemplate(path)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(t)) {
		if t[id].Type == "AWS::IAM::Role" {
			for _, policy := range list(at(t[id].Properties, "Policies")) {
				for _, statement := range list(at(policy, "PolicyDocument", "Statement")) {
					if sid, named := at(statement, "Sid").(string); named {
						r.Grants[sid] = true
					}
				}
			}
		}
		for _, rule := range rules[t[id].Type] {
			if wrong := rule(t, id); wrong != "" {
				r.RuleFindings = append(r.RuleFindings, filepath.Base(path)+" "+id+": "+wrong)
			}
		}
	}
	return nil
}

// at follows keys into a value; what is not there is nil.
func at(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func list(value any) []any {
	values, several := value.([]any)
	if !several && value != nil {
		values = []any{value}
	}
	return values
}

// A container that is one hop further away, or a server-side request forgery, gets no credentials of the role.
func metadataService(t template, id string) string {
	options := at(t[id].Properties, "LaunchTemplateData", "MetadataOptions")
	if at(options, "HttpTokens") != "required" || at(options, "HttpPutResponseHopLimit") != 1.0 {
		return fmt.Sprintf("metadata options %v, want IMDSv2 required and a hop limit of 1", options)
	}
	return ""
}

func encryptedVolumes(t template, id string) string {
	mappings := list(at(t[id].Properties, "LaunchTemplateData", "BlockDeviceMappings"))
	if len(mappings) == 0 {
		return "no block device mapping: the root volume is as the image has it, perhaps not encrypted"
	}
	for _, m := range mappings {
		if at(m, "Ebs") != nil && at(m, "Ebs", "Encrypted") != true {
			return fmt.Sprintf("volume %v is not encrypted", at(m, "DeviceName"))
		}
	}
	return ""
}

func noSSH(t template, id string) string {
	if key := at(t[id].Properties, "LaunchTemplateData", "KeyName"); key != nil {
		return fmt.Sprintf("SSH key %v: Session Manager is the way in", key)
	}
	return ""
}

// inboundFromGroups lets in nobody but members of a security group, and nobody by SSH.
func inboundFromGroups(t template, id string) string {
	inbound := list(at(t[id].Properties, "SecurityGroupIngress"))
	if t[id].Type == "AWS::EC2::SecurityGroupIngress" {
		inbound = []any{t[id].Properties}
	}
	for _, rule := range inbound {
		if at(rule, "SourceSecurityGroupId") == nil || at(rule, "CidrIp") != nil || at(rule, "CidrIpv6") != nil {
			return fmt.Sprintf("inbound rule %v is not from a security group", rule)
		}
		from, some := at(rule, "FromPort").(float64)
		to, _ := at(rule, "ToPort").(float64)
		if at(rule, "IpProtocol") != "tcp" || !some || from <= 22 && to >= 22 {
			return fmt.Sprintf("inbound rule %v lets in more than a TCP port other than SSH's", rule)
		}
	}
	return ""
}

func encryptedQueue(t template, id string) string {
	if at(t[id].Properties, "SqsManagedSseEnabled") != true && at(t[id].Properties, "KmsMasterKeyId") == nil {
		return "not encrypted"
	}
	return ""
}

func queueOverTLS(t template, id string) string {
	for _, statement := range policyOf(t, "AWS::SQS::QueuePolicy", "Queues", id) {
		if at(statement, "Effect") == "Deny" && at(statement, "Condition", "Bool", "aws:SecureTransport") == "false" {
			return ""
		}
	}
	return "no policy refuses requests without TLS"
}

// topicThatAlarmsReach: a topic's own policy replaces the one that let alarms in, and CloudWatch may not use the
// key that AWS manages for SNS: alarms would be silent.
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
func topicThatAlarmsReach(t template, id string) string {
	if key, _ := at(t[id].Properties, "KmsMasterKeyId").(string); strings.Contains(key, "alias/aws/sns") {
		return "CloudWatch may not use the key that AWS manages for SNS"
	}
	for _, statement := range policyOf(t, "AWS::SNS::TopicPolicy", "Topics", id) {
		if at(statement, "Effect") == "Allow" && at(statement, "Principal", "Service") == "cloudwatch.amazonaws.com" &&
			at(statement, "Condition", "StringEquals", "aws:SourceAccount") != nil {
			return ""
		}
	}
	return "its policy lets no alarms of its account in"
}

// policyOf are the statements of the policies of one type that are about a resource.
func policyOf(t template, kind, property, id string) []any {
	var statements []any
	for _, policy := range t {
		if policy.Type != kind {
			continue
		}
		for _, target := range list(at(policy.Properties, property)) {
			if at(target, "Ref") == id {
				statements = append(statements, list(at(policy.Properties, "PolicyDocument", "Statement"))...)
			}
		}
	}
	return statements
}

// exactActions refuses wildcards, and Scan, which ignores the keys that a policy is limited to.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
func exactActions(t template, id string) string {
	for _, statement := range statementsOf(t[id]) {
		for _, action := range list(at(statement, "Action")) {
			if name, _ := action.(string); strings.Contains(name, "*") || name == "dynamodb:Scan" {
				return "it allows " + name
			}
		}
	}
	return ""
}

// keysThroughServices: what a role encrypts or decrypts with a key of the user's is what a service keeps for it, and
// the key is a certain one.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
func keysThroughServices(t template, id string) string {
	for _, statement := range statementsOf(t[id]) {
		for _, action := range list(at(statement, "Action")) {
			name, _ := action.(string)
			anyKey := slices.ContainsFunc(list(at(statement, "Resource")), func(r any) bool { key, ok := r.(string); return !ok || strings.Contains(key, "*") })
			if strings.HasPrefix(name, "kms:") && (anyKey || at(statement, "Condition", "StringEquals", "kms:ViaService") == nil) {
				return "it allows " + name + " with any key, or not by way of one service"
			}
		}
	}
	return ""
}

// statementsOf are those of a role's or a policy's documents.
func statementsOf(r resource) []any {
	statements := list(at(r.Properties, "PolicyDocument", "Statement"))
	for _, policy := range list(at(r.Properties, "Policies")) {
		statements = append(statements, list(at(policy, "PolicyDocument", "Statement"))...)
	}
	return statements
}
