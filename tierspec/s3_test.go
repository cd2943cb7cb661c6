package tierspec

import "testing"

// A network without a way to the internet reaches S3 of its own Region, by every form of address that names
// a bucket in it.
func TestS3Object(t *testing.T) {
	const own, china, gov = "eu-west-1", "cn-north-1", "us-gov-west-1"
	for _, c := range []struct {
		link, region string
		want         string
	}{
		{"https://tools.s3.eu-west-1.amazonaws.com/cinc.rpm", own, "tools/cinc.rpm"},
		{"https://tools.s3.eu-west-1.amazonaws.com:443/cinc.rpm?X-Amz-Signature=0", own, "tools/cinc.rpm"},
		{"https://Tools.S3.EU-West-1.amazonaws.com/cinc.rpm", own, "tools/cinc.rpm"},
		{"https://s3.eu-west-1.amazonaws.com/my.tools/cinc.rpm", own, "my.tools/cinc.rpm"},
		{"https://tools.s3.dualstack.eu-west-1.amazonaws.com/cinc.rpm", own, "tools/cinc.rpm"},
		{"https://s3.dualstack.eu-west-1.amazonaws.com/tools/cinc.rpm", own, "tools/cinc.rpm"},
		{"https://tools-111122223333.s3-accesspoint.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools.s3.cn-north-1.amazonaws.com.cn/cinc.rpm", china, "tools/cinc.rpm"},
		{"https://s3.us-gov-west-1.amazonaws.com/tools/cinc.rpm", gov, "tools/cinc.rpm"},

		{"https://tools.s3.us-east-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools.s3.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools.s3.amazonaws.com/cinc.rpm", "us-east-1", ""},
		{"https://s3.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://s3.eu-west-1.amazonaws.com/tools/", own, ""},
		{"https://my.tools.s3.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools.s3.eu-west-1.amazonaws.com:8443/cinc.rpm", own, ""},
		{"https://tools.s3-website.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools.s3-accelerate.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://abc.execute-api.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://sqs.eu-west-1.amazonaws.com/tools/cinc.rpm", own, ""},
		{"https://.s3.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://tools.s3.cn-north-1.amazonaws.com/cinc.rpm", china, ""},
		{"https://tools.s3.cn-northwest-1.amazonaws.com.cn/cinc.rpm", china, ""},
		{"https://tools.s3.eu-west-1.amazonaws.com.example.com/cinc.rpm", own, ""},
		{"https://example.com/tools.s3.eu-west-1.amazonaws.com/cinc.rpm", own, ""},
		{"https://%zz/cinc.rpm", own, ""},
	} {
		got, found := S3Object(c.link, c.region)
		if found != (c.want != "") || found && got != c.want {
			t.Errorf("%s from %s: %q %t, want %q", c.link, c.region, got, found, c.want)
		}
	}
}
