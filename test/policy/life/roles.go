package life

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// role is the deployed role of a content type, and a key by which a caller has what it grants.
type role struct {
	contentType string
	profile     string // name of the instance profile
	statements  []statement
	key         aws.Credentials
}

// statement is one statement of a policy document.
type statement struct {
	Sid       string
	Effect    string
	Action    many
	Resource  many
	Condition map[string]map[string]many
}

// many is one value or a list of them, as policy documents have it.
type many []string

// UnmarshalJSON takes both forms.
func (m *many) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*m = many{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(m))
}

// rolesOf reads the role of each content type as it is deployed. The local AWS hands out no credentials to
// instances, so that for each role a user gets the very same policy documents, and a key.
func rolesOf(ctx context.Context, cfg aws.Config, t tier) ([]role, error) {
	var roles []role
	for _, contentType := range t.config.ContentTypes {
		stack := t.config.Name + "-" + environment + "-" + contentType.Name
		found, err := cloudformation.NewFromConfig(cfg).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &stack})
		if err != nil {
			return nil, err
		}
		r := role{contentType: contentType.Name}
		var name string
		for _, resource := range found.StackResources {
			switch aws.ToString(resource.ResourceType) {
			case "AWS::IAM::Role":
				name = aws.ToString(resource.PhysicalResourceId)
			case "AWS::IAM::InstanceProfile":
				r.profile = aws.ToString(resource.PhysicalResourceId)
			}
		}
		if err := r.impersonate(ctx, iam.NewFromConfig(cfg), name); err != nil {
			return nil, fmt.Errorf("role %s of stack %s: %w", name, stack, err)
		}
		roles = append(roles, r)
	}
	return roles, nil
}

// impersonate copies the role's documents, whatever they are, to a user of the same name.
func (r *role) impersonate(ctx context.Context, client *iam.Client, name string) error {
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	if n := len(attached.AttachedPolicies); n > 0 {
		return fmt.Errorf("%d managed policies are attached to it: this test knows inline ones only", n)
	}
	if _, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		return err
	}
	inline, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, policy := range inline.PolicyNames {
		got, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
		if err != nil {
			return err
		}
		text, err := url.QueryUnescape(aws.ToString(got.PolicyDocument))
		if err != nil {
			return err
		}
		var document struct{ Statement []statement }
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			return fmt.Errorf("policy %s: %w", policy, err)
		}
		r.statements = append(r.statements, document.Statement...)
		if _, err := client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: &text}); err != nil {
			return err
		}
	}
	key, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return err
	}
	r.key = aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}
	return nil
}
