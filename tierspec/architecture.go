package tierspec

import (
	"regexp"
	"strings"
)

// Architecture is a processor architecture as EC2 and Amazon's image names write it.
type Architecture string

// The architectures that workers run on.
const (
	ARM64 Architecture = "arm64"
	X8664 Architecture = "x86_64"
)

// GOARCH is the architecture as the Go toolchain writes it.
func (a Architecture) GOARCH() string {
	if a == ARM64 {
		return "arm64"
	}
	return "amd64"
}

// graviton finds the g that follows the generation in the families with AWS Graviton processors: m7g,
// c7gd, im4gn, is4gen. A g before the generation is a GPU family: g5, g4dn, gr6.
// https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
var graviton = regexp.MustCompile(`^[a-z]+[0-9]+[a-z]*g[a-z]*(-|$)`)

// ArchitectureOf is the architecture of an EC2 instance type, derived from its name: a1 (the first
// Graviton) and p6e-gb200 (Grace) do not follow the naming, everything else does.
func ArchitectureOf(instanceType string) Architecture {
	family, _, _ := strings.Cut(instanceType, ".")
	if family == "a1" || strings.HasPrefix(family, "p6e-gb") || graviton.MatchString(family) {
		return ARM64
	}
	return X8664
}
