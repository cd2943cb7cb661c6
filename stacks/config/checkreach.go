package config

import (
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
)

// checkReach refuses downloads that the network cannot reach: it has no way to the internet, and of the services for which
// it has endpoints only S3 holds files.
func (c checker) checkReach(mode, region given[string]) {
	if server := c.file.Chef.Server.URL; server.usable() {
		c.clash(mode.leaf, server.leaf, "network mode private-endpoints has no way to chef.server.url")
	}
	link := c.file.Chef.Package.URL
	if !link.usable() || !region.usable() {
		return
	}
	if _, found := tierspec.S3Object(link.value, region.value); !found {
		c.clash(mode.leaf, link.leaf, "network mode private-endpoints reaches chef.package.url only in an S3 bucket of the Region, by an address such as https://BUCKET.s3.%s.%s/KEY",
			region.value, tierspec.PartitionOf(region.value).Suffix)
	}
}

// checkPartition refuses a Region of a partition for which nobody has checked what the templates hold.
func (c checker) checkPartition(region given[string]) {
	if !region.usable() {
		return
	}
	if partition := tierspec.PartitionOf(region.value); !partition.Supported {
		c.fail(region.at, "%s is in partition %s, which the tier does not support (it supports aws, aws-cn and aws-us-gov)", region.value, partition.Name)
	}
}

// checkARN refuses an ARN of another partition than the Region's: IAM, SQS and SNS refuse it when it is deployed.
func (c checker) checkARN(arn, region given[string]) {
	if !arn.usable() || !region.usable() || !strings.HasPrefix(arn.value, "arn:") {
		return
	}
	of, own := strings.Split(arn.value, ":")[1], tierspec.PartitionOf(region.value).Name
	if of != own && !strings.Contains(of, "*") {
		c.clash(arn.leaf, region.leaf, "an ARN of partition %s cannot be used in %s, which is in %s", of, region.value, own)
	}
}

// checkAccessARNs checks what a content type names by ARN.
func (c checker) checkAccessARNs(a access, region given[string]) {
	for _, producer := range a.Producers.items {
		c.checkARN(producer, region)
	}
	for _, statement := range a.PolicyStatements.items {
		for _, resource := range statement.Resources.items {
			c.checkARN(resource, region)
		}
	}
}
