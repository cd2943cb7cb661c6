package workerpool

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// like reports whether an IAM pattern matches: * stands for any characters, a slash too.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func like(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		_, s, ok = cut(s, part, ok)
	}
	return ok && strings.HasSuffix(s, parts[len(parts)-1])
}

func cut(s, part string, ok bool) (before, after string, found bool) {
	before, after, found = strings.Cut(s, part)
	return before, after, found && ok
}

// mailGrants are those of a pool named mail, with queues by name and nothing from the config.
func mailGrants(t *testing.T) (names, []grant) {
	t.Helper()
	props := mail(t)
	props.ContentType.Reads, props.ContentType.Policy = nil, nil
	n := names{Props: props, queueARN: "arn:aws:sqs:us-east-1:111122223333:mail", deadLetterQueueARN: "arn:aws:sqs:us-east-1:111122223333:mail-dead"}
	return n, n.grants(assets{})
}

// allowed reports whether some grant allows the action on the resource.
func allowed(grants []grant, action, resource string) bool {
	return slices.ContainsFunc(grants, func(g grant) bool {
		return slices.Contains(g.actions, action) && slices.ContainsFunc(g.resources, func(pattern string) bool { return like(pattern, resource) })
	})
}

// TestQueuesOfOtherTypesAreOutOfReach: a worker receives, deletes and sends on its own queue, sends to its own
// dead-letter queue, and touches no other.
func TestQueuesOfOtherTypesAreOutOfReach(t *testing.T) {
	n, grants := mailGrants(t)
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage", "sqs:GetQueueAttributes"} {
		if !allowed(grants, action, n.queueARN) {
			t.Errorf("%s is not allowed on the type's own queue", action)
		}
		for _, other := range []string{n.queueARN + "2", "arn:aws:sqs:us-east-1:111122223333:docs", "arn:aws:sqs:us-east-1:444455556666:mail"} {
			if allowed(grants, action, other) {
				t.Errorf("%s is allowed on %s", action, other)
			}
		}
		if got, want := allowed(grants, action, n.deadLetterQueueARN), action == "sqs:SendMessage"; got != want {
			t.Errorf("%s on the dead-letter queue: allowed %t, want %t", action, got, want)
		}
	}
}

// TestJobsOfOtherTypesAreOutOfReach: a type whose name begins like this one's has its payloads, cursors, artifacts and
// items to itself.
func TestJobsOfOtherTypesAreOutOfReach(t *testing.T) {
	n, grants := mailGrants(t)
	objects := func(contentType string) []string {
		return []string{n.s3(n.ArtifactsBucket + "/" + contract.SpillPrefix(contentType, "one") + "payload.x"), n.s3(n.ArtifactsBucket + "/" + contentType + "/one")}
	}
	for _, action := range []string{"s3:GetObject", "s3:PutObject"} {
		for _, own := range objects("mail") {
			if !allowed(grants, action, own) {
				t.Errorf("%s is not allowed on %s", action, own)
			}
		}
		for _, other := range slices.Concat(objects("mail2"), objects("mail-archive"), objects("docs")) {
			if allowed(grants, action, other) || allowed(grants, "s3:DeleteObject", other) {
				t.Errorf("%s, or a deletion, is allowed on %s", action, other)
			}
		}
	}
	for _, g := range grants {
		condition, _ := g.condition["ForAllValues:StringLike"].(map[string]any)
		patterns, limited := condition["dynamodb:LeadingKeys"].([]string)
		if strings.HasPrefix(g.actions[0], "dynamodb:") && !limited {
			t.Errorf("statement %s reaches every item of the table", g.sid)
		}
		for _, pattern := range patterns {
			for _, other := range []string{"mail2#one", "mail2#0", "docs#one", "control#docs", "control#mail2"} {
				if like(pattern, other) {
					t.Errorf("statement %s reaches %s by %s", g.sid, other, pattern)
				}
			}
		}
	}
}

// TestSetConditionsNeedTheirKey: a condition on all values of a key holds where the request has none, unless another asks
// for the key.
func TestSetConditionsNeedTheirKey(t *testing.T) {
	_, grants := mailGrants(t)
	found := 0
	for _, g := range grants {
		present, _ := g.condition["Null"].(map[string]any)
		for operator, condition := range g.condition {
			if !strings.HasPrefix(operator, "ForAllValues:") {
				continue
			}
			for key := range condition.(map[string]any) {
				found++
				if present[key] != "false" {
					t.Errorf("statement %s holds for requests without %s", g.sid, key)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no statement has such a condition")
	}
}

// TestReceivedMessageIsHiddenForALease: a claim is settled or given up in less, and a message that went to a worker that
// died comes back when its job's lease ends, not later.
func TestReceivedMessageIsHiddenForALease(t *testing.T) {
	for _, lease := range []time.Duration{45 * time.Second, 3 * time.Minute} {
		props := mail(t)
		props.ContentType.Job.Lease = lease
		queues := synth(t, props).Of("AWS::SQS::Queue")
		q := queues[slices.IndexFunc(queues, func(r synthtest.Resource) bool { return r.At("RedrivePolicy") != nil })]
		equal(t, "visibility timeout", q.At("VisibilityTimeout"), any(lease.Seconds()))
	}
}
