package templates

import (
	"encoding/json"
	"testing"
)

// Each rule takes a resource that keeps it and finds one that does not.
func TestRulesTellGoodFromBad(t *testing.T) {
	for _, c := range []struct{ kind, good, bad string }{
		{"AWS::EC2::LaunchTemplate",
			`{"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "BlockDeviceMappings": [{"Ebs": {"Encrypted": true}}]}}`,
			`{"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}, "BlockDeviceMappings": [{"Ebs": {"Encrypted": true}}]}}`},
		{"AWS::EC2::LaunchTemplate",
			`{"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "BlockDeviceMappings": [{"VirtualName": "ephemeral0"}]}}`,
			`{"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}}`},
		{"AWS::EC2::LaunchTemplate",
			`{"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "BlockDeviceMappings": [{"Ebs": {"Encrypted": true}}]}}`,
			`{"LaunchTemplateData": {"KeyName": "me", "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "BlockDeviceMappings": [{"Ebs": {"Encrypted": true}}]}}`},
		{"AWS::EC2::SecurityGroup", `{"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 9100, "ToPort": 9100, "SourceSecurityGroupId": "sg-1"}]}`,
			`{"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 9100, "ToPort": 9100, "CidrIp": "10.0.0.0/8"}]}`},
		{"AWS::EC2::SecurityGroup", `{}`, `{"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1024, "SourceSecurityGroupId": "sg-1"}]}`},
		{"AWS::EC2::SecurityGroup", `{}`, `{"SecurityGroupIngress": [{"IpProtocol": "-1", "SourceSecurityGroupId": "sg-1"}]}`},
		{"AWS::EC2::SecurityGroupIngress", `{"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "SourceSecurityGroupId": "sg-1"}`,
			`{"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "CidrIpv6": "::/0"}`},
		{"AWS::IAM::Role",
			`{"Policies": [{"PolicyDocument": {"Statement": [{"Action": "kms:Decrypt", "Resource": "arn:aws:kms:us-east-1:1:key/1", "Condition": {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}}]}}]}`,
			`{"Policies": [{"PolicyDocument": {"Statement": [{"Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}}]}}]}`},
		{"AWS::IAM::Role", `{}`, `{"Policies": [{"PolicyDocument": {"Statement": [{"Action": ["kms:Decrypt"], "Resource": "arn:aws:kms:us-east-1:1:key/1"}]}}]}`},
		{"AWS::IAM::Role", `{"Policies": [{"PolicyDocument": {"Statement": {"Action": "sqs:SendMessage"}}}]}`, `{"Policies": [{"PolicyDocument": {"Statement": [{"Action": ["sqs:*"]}]}}]}`},
		{"AWS::IAM::Policy", `{"PolicyDocument": {"Statement": [{"Action": ["dynamodb:Query"]}]}}`, `{"PolicyDocument": {"Statement": [{"Action": "dynamodb:Scan"}]}}`},
		{"AWS::ImageBuilder::InfrastructureConfiguration",
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "TerminateInstanceOnFailure": true, "SecurityGroupIds": ["sg-1"]}`,
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}, "TerminateInstanceOnFailure": true, "SecurityGroupIds": ["sg-1"]}`},
		{"AWS::ImageBuilder::InfrastructureConfiguration",
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "TerminateInstanceOnFailure": true, "SecurityGroupIds": ["sg-1"]}`,
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "TerminateInstanceOnFailure": true, "SecurityGroupIds": ["sg-1"], "KeyPair": "me"}`},
		{"AWS::ImageBuilder::InfrastructureConfiguration",
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "TerminateInstanceOnFailure": true, "SecurityGroupIds": ["sg-1"]}`,
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "SecurityGroupIds": ["sg-1"]}`},
		{"AWS::ImageBuilder::InfrastructureConfiguration",
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "TerminateInstanceOnFailure": true, "SecurityGroupIds": ["sg-1"]}`,
			`{"InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "TerminateInstanceOnFailure": true}`},
		{"AWS::ImageBuilder::ImageRecipe", `{"BlockDeviceMappings": [{"Ebs": {"Encrypted": true}}]}`, `{"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}`},
		{"AWS::ImageBuilder::ImageRecipe", `{"BlockDeviceMappings": [{"Ebs": {"Encrypted": true}}]}`, `{}`},
		{"AWS::ImageBuilder::DistributionConfiguration", `{"Distributions": [{"AmiDistributionConfiguration": {"Name": "a"}}]}`,
			`{"Distributions": [{"AmiDistributionConfiguration": {"LaunchPermissionConfiguration": {"UserGroups": ["all"]}}}]}`},
	} {
		if found := broken(t, c.kind, c.good, nil); len(found) > 0 {
			t.Errorf("%s %s: %s", c.kind, c.good, found)
		}
		if found := broken(t, c.kind, c.bad, nil); len(found) != 1 {
			t.Errorf("%s %s: %d findings, want 1: %s", c.kind, c.bad, len(found), found)
		}
	}
}

func TestRulesReadTheResourcesPolicies(t *testing.T) {
	tls := resource{"AWS::SQS::QueuePolicy", parse(t, `{"Queues": [{"Ref": "It"}], "PolicyDocument": {"Statement": [{"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}}`)}
	alarms := resource{"AWS::SNS::TopicPolicy", parse(t, `{"Topics": [{"Ref": "It"}], "PolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}]}}`)}
	for _, c := range []struct {
		kind, properties string
		policy           *resource
		findings         int
	}{
		{"AWS::SQS::Queue", `{"SqsManagedSseEnabled": true}`, &tls, 0},
		{"AWS::SQS::Queue", `{"KmsMasterKeyId": "alias/mine"}`, &tls, 0},
		{"AWS::SQS::Queue", `{"SqsManagedSseEnabled": true}`, nil, 1},
		{"AWS::SQS::Queue", `{}`, &alarms, 2},
		{"AWS::SNS::Topic", `{}`, &alarms, 0},
		{"AWS::SNS::Topic", `{"KmsMasterKeyId": "alias/aws/sns"}`, &alarms, 1},
		{"AWS::SNS::Topic", `{}`, nil, 1},
	} {
		if found := broken(t, c.kind, c.properties, c.policy); len(found) != c.findings {
			t.Errorf("%s %s: %d findings, want %d: %s", c.kind, c.properties, len(found), c.findings, found)
		}
	}
}

func parse(t *testing.T, properties string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(properties), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// broken is what the rules find in the resource It, beside another resource.
func broken(t *testing.T, kind, properties string, beside *resource) []string {
	t.Helper()
	all := template{"It": {kind, parse(t, properties)}}
	if beside != nil {
		all["Beside"] = *beside
	}
	var found []string
	for _, rule := range rules[kind] {
		if wrong := rule(all, "It"); wrong != "" {
			found = append(found, wrong)
		}
	}
	return found
}
