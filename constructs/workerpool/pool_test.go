package workerpool

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

type object = map[string]any

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// cdk-nag does not look into launch templates.
func TestInstancesAreLockedDown(t *testing.T) {
	template := synth(t, mail(t))
	data := template.One(t, "AWS::EC2::LaunchTemplate")
	equal(t, "metadata service", data.At("LaunchTemplateData", "MetadataOptions"), any(object{
		"HttpTokens": "required", "HttpPutResponseHopLimit": 1.0, "InstanceMetadataTags": "enabled",
	}))
	equal(t, "root volume", data.At("LaunchTemplateData", "BlockDeviceMappings"), any([]any{object{
		"DeviceName": "/dev/xvda",
		"Ebs":        object{"Encrypted": true, "VolumeType": "gp3", "VolumeSize": 40.0, "DeleteOnTermination": true},
	}}))
	equal(t, "detailed monitoring", data.At("LaunchTemplateData", "Monitoring", "Enabled"), any(true))
	equal(t, "SSH key", data.At("LaunchTemplateData", "KeyName"), nil)
	group := template.One(t, "AWS::EC2::SecurityGroup")
	equal(t, "inbound rules", group.At("SecurityGroupIngress"), nil)
	equal(t, "outbound rules", group.At("SecurityGroupEgress", 0, "CidrIp"), any("0.0.0.0/0"))
	if n := len(template.Of("AWS::EC2::SecurityGroupIngress")); n > 0 {
		t.Errorf("%d inbound rules stand by themselves", n)
	}
}

// A scraper is let in from its own security group, and only to its port. The rules are the security group's own and
// change in place: what else there is of it would replace it, and with it all instances.
func TestInboundIsFromSecurityGroups(t *testing.T) {
	plain := synth(t, mail(t))
	props := mail(t)
	props.ContentType.Inbound = []tierspec.Inbound{{Port: 9100, SecurityGroup: "sg-1"}, {Port: 5666, SecurityGroup: "sg-2"}}
	template := synth(t, props)
	group := template.One(t, "AWS::EC2::SecurityGroup")
	equal(t, "inbound rules", group.At("SecurityGroupIngress"), any([]any{
		object{"IpProtocol": "tcp", "FromPort": 9100.0, "ToPort": 9100.0, "SourceSecurityGroupId": "sg-1", "Description": "Members of a group that the configuration lets in"},
		object{"IpProtocol": "tcp", "FromPort": 5666.0, "ToPort": 5666.0, "SourceSecurityGroupId": "sg-2", "Description": "Members of a group that the configuration lets in"},
	}))
	delete(group.Properties, "SecurityGroupIngress")
	equal(t, "everything else", template, plain)
}

// What a worker is told to show is told to nobody else's, and listens beyond its instance only where a group is let in.
func TestWhatAWorkerShowsIsOptedInto(t *testing.T) {
	variables := func(change func(*tierspec.ContentType)) map[string]string {
		props := mail(t)
		change(&props.ContentType)
		return userdata.Pool{ContentType: props.ContentType}.Props().Environment
	}
	watched := func(c *tierspec.ContentType) {
		c.Watch = tierspec.Watch{Port: 9464, Graphite: "carbon:2003", EMF: true}
	}
	plain := variables(func(*tierspec.ContentType) {})
	for name, want := range map[string]string{"WORKER_LISTEN": "127.0.0.1:9464", "WORKER_GRAPHITE": "carbon:2003", "WORKER_EMF": "true"} {
		if got := variables(watched)[name]; got != want || plain[name] != "" {
			t.Errorf("%s is %q, and %q without the wish", name, got, plain[name])
		}
	}
	if got := variables(func(c *tierspec.ContentType) {
		watched(c)
		c.Inbound = []tierspec.Inbound{{Port: 9464, SecurityGroup: "sg-1"}}
	})["WORKER_LISTEN"]; got != "0.0.0.0:9464" {
		t.Errorf("with a group let in it listens at %q", got)
	}
}

func TestGroup(t *testing.T) {
	props := mail(t)
	group := synth(t, props).One(t, "AWS::AutoScaling::AutoScalingGroup")
	equal(t, "sizes", [3]any{group.At("MinSize"), group.At("MaxSize"), group.At("DesiredCapacity")}, [3]any{"1", "60", nil})
	equal(t, "subnets", group.At("VPCZoneIdentifier"), any([]any{"subnet-a", "subnet-b"}))
	equal(t, "warm-up", group.At("DefaultInstanceWarmup"), any(120.0))
	equal(t, "metrics", group.At("MetricsCollection"), any([]any{object{"Granularity": "1Minute"}}))
	equal(t, "deletion protection", group.At("DeletionProtection"), any("prevent-force-deletion"))
	equal(t, "on demand", group.At("MixedInstancesPolicy", "InstancesDistribution", "OnDemandPercentageAboveBaseCapacity"), any(20.0))
	equal(t, "types", group.At("MixedInstancesPolicy", "LaunchTemplate", "Overrides"), any([]any{
		object{"InstanceType": "m7g.large"}, object{"InstanceType": "c7g.large"},
	}))

	props.ContentType.InstanceTypes, props.ContentType.SpotPercent = []string{"m7g.large"}, 0
	if one := synth(t, props).One(t, "AWS::AutoScaling::AutoScalingGroup"); one.At("LaunchTemplate") == nil || one.At("MixedInstancesPolicy") != nil {
		t.Error("one on-demand instance type needs no mixed instances policy")
	}
}

func TestQueues(t *testing.T) {
	for _, disposable := range []bool{false, true} {
		props := mail(t)
		props.Disposable = disposable
		template := synth(t, props)
		queues := template.Of("AWS::SQS::Queue")
		if len(queues) != 2 {
			t.Fatalf("%d queues, want the queue and its dead-letter queue", len(queues))
		}
		for _, q := range queues {
			equal(t, q.ID+" retention", q.At("MessageRetentionPeriod"), any(contract.QueueRetention.Seconds()))
			equal(t, q.ID+" encryption", q.At("SqsManagedSseEnabled"), any(true))
			equal(t, q.ID+" name", q.At("QueueName"), nil)
			equal(t, q.ID+" is kept", q.DeletionPolicy == "RetainExceptOnCreate" && q.UpdateReplacePolicy == "Retain", !disposable)
			tlsOnly(t, template, q)
		}
		if q := queues[slices.IndexFunc(queues, func(r synthtest.Resource) bool { return r.At("RedrivePolicy") != nil })]; q.At("RedrivePolicy", "maxReceiveCount") != 20.0 {
			t.Errorf("redrive policy %v, want 20 receives", q.At("RedrivePolicy"))
		}
	}
}

// A key of the user's encrypts both queues, and the worker may use it by way of SQS; nothing else changes.
func TestQueuesWithAKey(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:111122223333:key/1"
	plain := synth(t, mail(t))
	props := mail(t)
	props.ContentType.QueueKey = key
	template := synth(t, props)
	for _, q := range template.Of("AWS::SQS::Queue") {
		equal(t, q.ID+" key", [3]any{q.At("KmsMasterKeyId"), q.At("KmsDataKeyReusePeriodSeconds"), q.At("SqsManagedSseEnabled")}, [3]any{key, 3600.0, nil})
		tlsOnly(t, template, q)
		delete(q.Properties, "KmsMasterKeyId")
		delete(q.Properties, "KmsDataKeyReusePeriodSeconds")
		q.Properties["SqsManagedSseEnabled"] = true
	}
	equal(t, "grant", statements(t, template)["QueueKey"], object{
		"Sid": "QueueKey", "Effect": "Allow", "Action": []any{"kms:Decrypt", "kms:GenerateDataKey"}, "Resource": key,
		"Condition": object{"StringEquals": object{"kms:ViaService": "sqs.us-east-1.amazonaws.com"}},
	})
	role := template.One(t, "AWS::IAM::Role").At("Policies", 0, "PolicyDocument").(object)
	role["Statement"] = slices.DeleteFunc(role["Statement"].([]any), func(s any) bool { return s.(object)["Sid"] == "QueueKey" })
	equal(t, "everything else", template, plain)
}

func tlsOnly(t *testing.T, template synthtest.Template, queue synthtest.Resource) {
	t.Helper()
	for _, p := range template.Of("AWS::SQS::QueuePolicy") {
		if p.At("Queues", 0, "Ref") != queue.ID {
			continue
		}
		statements, _ := p.At("PolicyDocument", "Statement").([]any)
		for _, s := range statements {
			if s, _ := s.(object); s["Effect"] == "Deny" && cmp.Equal(s["Condition"], any(object{"Bool": object{"aws:SecureTransport": "false"}})) {
				return
			}
		}
	}
	t.Errorf("%s may be used without TLS", queue.ID)
}

// Each alarm must trigger its own policy and say how its data points are aggregated.
func TestAlarmsTriggerTheirPolicies(t *testing.T) {
	template := synth(t, mail(t))
	policies := map[string]synthtest.Resource{}
	for _, p := range template.Of("AWS::AutoScaling::ScalingPolicy") {
		policies[p.ID] = p
	}
	triggered := 0
	for _, a := range shown(t, template) {
		id, _ := a.At("AlarmActions", 0, "Ref").(string)
		policy, ok := policies[id]
		if !ok {
			equal(t, a.ID+" tells the topic", a.At("AlarmActions", 0), any("arn:aws:sns:us-east-1:111122223333:alarms"))
			continue
		}
		triggered++
		out := a.At("ComparisonOperator") == "GreaterThanOrEqualToThreshold"
		equal(t, policy.ID+" grows", policy.At("StepAdjustments", 0, "ScalingAdjustment").(float64) > 0, out)
		if aggregation := policy.At("MetricAggregationType"); aggregation == nil {
			t.Errorf("%s: MetricAggregationType is not set", policy.ID)
		}
	}
	equal(t, "policies that an alarm triggers", triggered, len(policies))
}
