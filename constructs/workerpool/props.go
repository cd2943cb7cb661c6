package workerpool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
)

// Props configure a [WorkerPool]. All of it is plain data; what another resource made (identifiers,
// names, ARNs) may be a CDK token.
type Props struct {
	Tier        string // name of the tier, for example "worker-tier"
	Environment string // name of the environment, for example "prod"
	// Region and Account are the stack's. Default: the stack is asked, which takes longer than being told.
	Region, Account string
	// ContentType is what the pool is for, with every value set: [tierspec.NewContentType] makes one with all
	// defaults.
	ContentType tierspec.ContentType
	Chef        tierspec.Chef
	// Bundle is what package bootstrap/bundle makes. It is uploaded as an asset, as Files and Cookbooks are. Give the stack a
	// synthesizer with a BucketPrefix: instances may then read all archives below it, so that one that boots during a deploy
	// still finds the release before. Without a prefix it would fail to boot.
	Bundle bundle.Archive
	// Files and Cookbooks are what bundle.Pack makes of the folders that ContentType names. Cookbooks is not used in
	// server mode, where the Chef server has them.
	Files, Cookbooks *bundle.Archive
	// Image is the AMI that instances start from.
	Image string
	// RootDevice is the name of the image's root volume. Default: /dev/xvda, as in Amazon's images.
	RootDevice string

	VPC     string   // vpc-…
	Subnets []string // subnet-…, of at least two availability zones; or one token for the list
	// NetworkMode is how instances reach AWS and the internet, such as "private-nat". A change replaces them.
	NetworkMode string
	// Place stands for VPC and Subnets where they are tokens: a change shows in the template, and the group takes up
	// their new values without replacing instances. Default: they are no tokens.
	Place           string
	Table           string // name of the job table
	ArtifactsBucket string // name of the bucket in which the pool owns the prefix "<content type>/"
	// AlarmTopic is the ARN of the SNS topic that the alarms for people are sent to. Default: none.
	AlarmTopic string
	// Docs is the address of the pages that alarms lead to, with a slash at its end. Default: [tierspec.Docs].
	Docs string
	// Disposable says that queues and logs may be destroyed with the stack. Default: they are retained.
	Disposable bool
}

func (p Props) withDefaults() Props {
	if p.RootDevice == "" {
		p.RootDevice = "/dev/xvda"
	}
	if p.Docs == "" {
		p.Docs = tierspec.Docs()
	}
	return p
}

// noInbound is true for a rule that a security group of instances does not get.
func noInbound(i tierspec.Inbound) bool {
	return i.Port < 1 || i.Port > 65535 || i.Port == 22 || i.SecurityGroup == ""
}

// check reports the first prop that makes no pool, "" if there is none. The configuration file has
// been checked more thoroughly before; this is for whoever uses the construct alone.
func (p Props) check() string {
	t := p.ContentType
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{p.Tier == "", "Tier is empty"},
		{p.Environment == "", "Environment is empty"},
		{t.Name == "", "ContentType.Name is empty"},
		{t.Processor == "", "ContentType.Processor is empty"},
		{t.ProcessesPerInstance < 1, "ContentType.ProcessesPerInstance is less than 1"},
		{len(t.InstanceTypes) == 0, "ContentType.InstanceTypes is empty"},
		{t.RootVolumeGiB < 1, "ContentType.RootVolumeGiB is less than 1"},
		{slices.ContainsFunc(t.Inbound, noInbound), "ContentType.Inbound has a rule for SSH, for a port that is none, or without a SecurityGroup"},
		{t.MaxCapacity < max(1, t.MinCapacity), "ContentType.MaxCapacity is less than 1 or than MinCapacity"},
		{t.ScaleOut.TargetLatency <= 0 || t.ScaleOut.MeanJobTime <= 0, "ContentType.ScaleOut is not set"},
		{t.ScaleIn.CPUBelow < 1 || t.ScaleIn.For <= 0 || t.ScaleIn.RemovePercent < 1, "ContentType.ScaleIn is not set"},
		{t.WarmPool.Size > 0 && (t.SpotPercent > 0 || len(t.InstanceTypes) > 1), "ContentType.WarmPool cannot stand beside Spot or several InstanceTypes"},
		{t.ScaleOut.TargetTracking && t.LowestMin() == 0, "ContentType.ScaleOut.TargetTracking needs a MinCapacity of 1"},
		{!t.Job.SparesABeat() || t.Job.Heartbeat <= 0, "ContentType.Job.Lease is less than twice Heartbeat"},
		{t.Retry.FailureLimit < 1 || t.Retry.FirstPause <= 0 || !t.Retry.Ordered(), "ContentType.Retry is not set, or its FirstPause is more than its LongestPause"},
		{t.Boot.Timeout <= 0 || t.Boot.KeepFailed <= 0 || t.Boot.LaunchHookTimeout() > tierspec.LongestHook, "ContentType.Boot is not set, or longer than a launch hook can wait"},
		{p.Bundle.Path == "" || p.Bundle.SHA256 == "", "Bundle is empty"},
		{(t.Files != "") != (p.Files != nil), "Files and ContentType.Files do not fit"},
		{(t.Cookbooks != "") != (p.Cookbooks != nil), "Cookbooks and ContentType.Cookbooks do not fit"},
		{p.Image == "", "Image is empty"},
		{p.VPC == "", "VPC is empty"},
		{len(p.Subnets) == 0, "Subnets is empty"},
		{p.Table == "", "Table is empty"},
		{p.ArtifactsBucket == "", "ArtifactsBucket is empty"},
	} {
		if c.wrong {
			return c.text
		}
	}
	for key := range t.Tags {
		if !tagKey.MatchString(key) || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return fmt.Sprintf("ContentType.Tags: %q cannot be the key of a tag (allowed are 1 to 128 letters, digits, spaces and _ . : / = + @ -, without aws: in front)", key)
		}
	}
	return ""
}
