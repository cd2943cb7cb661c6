package tierspec

import (
	"net/url"
	"strings"
)

// S3Object is the object, as BUCKET/KEY, that a link names if it leads through a gateway endpoint of the Region. The address
// names the Region: those without it, of FIPS, of static sites and of accelerated transfer may lie elsewhere. A bucket's name
// in front of the host holds no dot, because S3's certificate covers one label.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/dual-stack-endpoints.html
func S3Object(link, region string) (object string, found bool) {
	address, err := url.Parse(link)
	if err != nil || address.Port() != "" && address.Port() != "443" {
		return "", false
	}
	host, found := strings.CutSuffix(strings.ToLower(address.Hostname()), "."+region+"."+PartitionOf(region).Suffix)
	if !found {
		return "", false
	}
	object = strings.TrimPrefix(address.Path, "/")
	if host = strings.TrimSuffix(host, ".dualstack"); host != "s3" {
		bucket, service, _ := strings.Cut(host, ".")
		if service != "s3" {
			return "", false
		}
		object = bucket + "/" + object
	}
	bucket, key, _ := strings.Cut(object, "/")
	return object, bucket != "" && key != ""
}
