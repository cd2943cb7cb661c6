package templates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPoliciesAreFilledAsADeployDoes(t *testing.T) {
	all := template{
		"Queue": {"AWS::SQS::Queue", nil},
		"Topic": {"AWS::SNS::Topic", nil},
		"Role": {"AWS::IAM::Role", parse(t, `{
			"AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole"}]},
			"Policies": [{"PolicyName": "it", "PolicyDocument": {"Statement": [{"Resource": [
				{"Fn::GetAtt": ["Queue", "Arn"]}, {"Ref": "Topic"},
				{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::", {"Ref": "BucketParameter"}, "/mail/*"]]}
			]}]}}]}`)},
	}
	got, err := policiesOf(all)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy{
		{"Role.AssumeRolePolicyDocument", parse(t, `{"Statement": [{"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::111122223333:role/itself"}]}`)},
		{"Role.Policies.0.PolicyDocument", parse(t, `{"Statement": [{"Resource": [
			"arn:aws:sqs:us-east-1:111122223333:queue", "arn:aws:sns:us-east-1:111122223333:Topic", "arn:aws:s3:::bucketparameter/mail/*"]}]}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func TestAnUnknownFunctionIsAnError(t *testing.T) {
	for _, resource := range []string{`{"Fn::Sub": "arn:aws:s3:::${Bucket}"}`, `{"Fn::GetAtt": ["Group", "Arn"]}`} {
		all := template{"Group": {"AWS::AutoScaling::AutoScalingGroup", nil}, "Role": {"AWS::IAM::Role", parse(t, `{"PolicyDocument": {"Statement": [{"Resource": `+resource+`}]}}`)}}
		if got, err := policiesOf(all); err == nil {
			t.Errorf("%s: no error, but %v", resource, got)
		}
	}
}
