package templates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policiesOf are the policy documents of a template, as AWS would receive them.
func policiesOf(t template) ([]policy, error) {
	var found []policy
	for _, id := range slices.Sorted(maps.Keys(t)) {
		for where, document := range documentsIn(id, t[id].Properties) {
			filled, err := t.fill(document)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			p := policy{where, filled.(map[string]any)}
			if strings.HasSuffix(where, ".AssumeRolePolicyDocument") {
				p.nameResource()
			}
			found = append(found, p)
		}
	}
	return found, nil
}

// documentsIn yields every object with statements in a value, with its path.
func documentsIn(path string, value any) func(func(string, map[string]any) bool) {
	return func(yield func(string, map[string]any) bool) { eachDocument(path, value, yield) }
}

func eachDocument(path string, value any, yield func(string, map[string]any) bool) bool {
	switch value := value.(type) {
	case map[string]any:
		if value["Statement"] != nil {
			return yield(path, value)
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if !eachDocument(path+"."+key, value[key], yield) {
				return false
			}
		}
	case []any:
		for i, v := range value {
			if !eachDocument(fmt.Sprintf("%s.%d", path, i), v, yield) {
				return false
			}
		}
	}
	return true
}

// nameResource gives statements about who may assume a role the resource that they are about without naming it:
// parliament wants one in each statement.
func (p policy) nameResource() {
	for _, statement := range list(p.Policy["Statement"]) {
		if s, is := statement.(map[string]any); is {
			s["Resource"] = "arn:aws:iam::111122223333:role/itself"
		}
	}
}

// pseudo are values of CloudFormation's pseudo parameters in some account.
var pseudo = map[string]string{
	"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "111122223333", "AWS::URLSuffix": "amazonaws.com",
}

// arns are the forms of resources' ARNs, with the name to be filled in.
var arns = map[string]string{
	"AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:111122223333:table/%s",
	"AWS::IAM::Role":       "arn:aws:iam::111122223333:role/%s",
	"AWS::Logs::LogGroup":  "arn:aws:logs:us-east-1:111122223333:log-group:%s:*",
	"AWS::S3::Bucket":      "arn:aws:s3:::%s",
	"AWS::SNS::Topic":      "arn:aws:sns:us-east-1:111122223333:%s",
	"AWS::SQS::Queue":      "arn:aws:sqs:us-east-1:111122223333:%s",
}

// fill returns a value with CloudFormation's functions called, as far as policies use them. Names that only a deploy
// knows are made up. A function that it does not know is an error: the policy would be judged by its wrong reading.
func (t template) fill(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		filled := make([]any, len(value))
		for i := range value {
			var err error
			if filled[i], err = t.fill(value[i]); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case map[string]any:
		for name, argument := range value {
			if len(value) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::")) {
				return t.call(name, argument)
			}
		}
		filled := make(map[string]any, len(value))
		for key, v := range value {
			var err error
			if filled[key], err = t.fill(v); err != nil {
				return nil, err
			}
		}
		return filled, nil
	}
	return value, nil
}

func (t template) call(function string, argument any) (any, error) {
	filled, err := t.fill(argument)
	if err != nil {
		return nil, err
	}
	arguments := list(filled)
	switch {
	case function == "Ref" && t[fmt.Sprint(filled)].Type == "AWS::SNS::Topic":
		return fmt.Sprintf(arns["AWS::SNS::Topic"], filled), nil
	case function == "Ref" && pseudo[fmt.Sprint(filled)] != "":
		return pseudo[fmt.Sprint(filled)], nil
	case function == "Ref":
		return strings.ToLower(fmt.Sprint(filled)), nil
	case function == "Fn::GetAtt" && len(arguments) == 2 && arguments[1] == "Arn":
		id := fmt.Sprint(arguments[0])
		if form := arns[t[id].Type]; form != "" {
			return fmt.Sprintf(form, strings.ToLower(id)), nil
		}
	case function == "Fn::Join" && len(arguments) == 2:
		var parts []string
		for _, part := range list(arguments[1]) {
			parts = append(parts, fmt.Sprint(part))
		}
		return strings.Join(parts, fmt.Sprint(arguments[0])), nil
	}
	return nil, fmt.Errorf("%s of %v in a policy: teach it to this package", function, argument)
}
