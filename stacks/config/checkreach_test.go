package config

import "testing"

// A network without a way to the internet reaches S3 of its own Region, by every form of address that names it.
func TestInS3(t *testing.T) {
	const own, china, gov = "eu-west-1", "cn-north-1", "us-gov-west-1"
	for _, c := range []struct {
		link, region string
		want         bool
	}{
		{"https://tools.s3.eu-west-1.amazonaws.com/cinc.rpm", own, true},
		{"https://tools.s3.eu-west-1.amazonaws.com:443/cinc.rpm?X-Amz-Signature=0", own, true},
		{"https://Tools.S3.EU-West-1.amazonaws.com/cinc.rpm", own, true},
		{"https://s3.eu-west-1.amazonaws.com/my.tools/cinc.rpm", own, true},
		{"https://tools.s3.dualstack.eu-west-1.amazonaws.com/cinc.rpm", own, true},
		{"https://s3.dualstack.eu-west-1.amazonaws.com/tools/cinc.rpm", own, true},
		{"https://tools-111122223333.s3-accesspoint.eu-west-1.amazonaws.com/cinc.rpm", own, true},
		{"https://tools.s3.cn-north-1.amazonaws.com.cn/cinc.rpm", china, true},
		{"https://s3.us-gov-west-1.amazonaws.com/tools/cinc.rpm", gov, true},

		{"https://tools.s3.us-east-1.amazonaws.com/cinc.rpm", own, false},
		{"https://tools.s3.amazonaws.com/cinc.rpm", own, false},
		{"https://tools.s3.amazonaws.com/cinc.rpm", "us-east-1", false},
		{"https://s3.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://s3.eu-west-1.amazonaws.com/tools/", own, false},
		{"https://my.tools.s3.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://tools.s3.eu-west-1.amazonaws.com:8443/cinc.rpm", own, false},
		{"https://tools.s3-website.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://tools.s3-accelerate.amazonaws.com/cinc.rpm", own, false},
		{"https://tools--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://abc.execute-api.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://sqs.eu-west-1.amazonaws.com/tools/cinc.rpm", own, false},
		{"https://.s3.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://tools.s3.cn-north-1.amazonaws.com/cinc.rpm", china, false},
		{"https://tools.s3.cn-northwest-1.amazonaws.com.cn/cinc.rpm", china, false},
		{"https://tools.s3.eu-west-1.amazonaws.com.example.com/cinc.rpm", own, false},
		{"https://example.com/tools.s3.eu-west-1.amazonaws.com/cinc.rpm", own, false},
		{"https://%zz/cinc.rpm", own, false},
	} {
		if got := inS3(c.link, c.region); got != c.want {
			t.Errorf("%s from %s: %t, want %t", c.link, c.region, got, c.want)
		}
	}
}
