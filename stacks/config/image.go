package config

import (
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
)

// amazonImage is Amazon Linux 2023 for an architecture: the default base image.
// https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#launch-via-aws-cli
func amazonImage(a tierspec.Architecture) tierspec.BaseImage {
	return tierspec.BaseImage{SSMParameter: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-" + string(a)}
}

// imageArchitecture is the architecture that an SSM parameter's path names; empty: it names none.
func imageArchitecture(ssmParameter string) tierspec.Architecture {
	switch {
	case strings.HasSuffix(ssmParameter, "arm64"), strings.Contains(ssmParameter, "/arm64/"):
		return tierspec.ARM64
	case strings.HasSuffix(ssmParameter, "x86_64"), strings.HasSuffix(ssmParameter, "amd64"), strings.Contains(ssmParameter, "/amd64/"):
		return tierspec.X8664
	}
	return ""
}
