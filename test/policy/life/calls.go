package life

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/policy/actions"
)

// call is a recorded request in the words of a policy.
type call struct {
	action    string
	resources []string // ARNs; "*" where the request names none
}

// callOf reads which action on which resources a request needs, of an instance in a group.
func callOf(r awsproxy.Request, group string) call {
	namespace := r.Service
	if namespace == "monitoring" { // CloudWatch signs by its old name
		namespace = "cloudwatch"
	}
	return call{actions.Of(namespace, r.Operation), resourcesOf(namespace, r, group)}
}

func resourcesOf(namespace string, r awsproxy.Request, group string) []string {
	arn := func(resource string) []string {
		return []string{"arn:aws:" + namespace + ":" + localaws.Region + ":" + localaws.Account + ":" + resource}
	}
	var body struct {
		QueueURL     string `json:"QueueUrl"`
		TableName    string
		IndexName    string
		RequestItems map[string]any
		SecretID     string `json:"SecretId"`
		Name         string
	}
	_ = json.Unmarshal(r.Body, &body) // of another protocol: all empty
	form, _ := url.ParseQuery(string(bytes.TrimSpace(r.Body)))
	switch {
	case namespace == "s3":
		key := strings.TrimPrefix(r.Path, "/")
		return []string{"arn:aws:s3:::" + strings.TrimSuffix(key, "/")}
	case body.QueueURL != "":
		return arn(path.Base(body.QueueURL))
	case body.IndexName != "":
		return arn("table/" + body.TableName + "/index/" + body.IndexName)
	case body.TableName != "":
		return arn("table/" + body.TableName)
	case body.RequestItems != nil:
		var tables []string
		for table := range body.RequestItems {
			tables = append(tables, arn("table/"+table)...)
		}
		return tables
	case namespace == "secretsmanager":
		return arn("secret:" + body.SecretID + "-abcdef")
	case namespace == "ssm":
		return arn("parameter" + body.Name)
	case form.Has("AutoScalingGroupName"):
		return arn("autoScalingGroup:id:autoScalingGroupName/" + form.Get("AutoScalingGroupName"))
	case form.Has("InstanceId"):
		return arn("autoScalingGroup:id:autoScalingGroupName/" + group)
	}
	return []string{"*"}
}

// grants says whether the statement is about the call; its condition is for the enforcing endpoint to judge.
func (s statement) grants(c call) bool {
	return s.Effect == "Allow" && slices.Contains(s.Action, c.action) &&
		!slices.ContainsFunc(c.resources, func(r string) bool {
			return !slices.ContainsFunc(s.Resource, func(p string) bool { return matches(p, r) })
		})
}

// matches compares as IAM does: * is any text, ? any character.
func matches(pattern, arn string) bool {
	expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("^" + expression + "$").MatchString(arn)
}
