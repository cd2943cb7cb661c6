package tierspec

import "testing"

// Families from the naming conventions and the instance type guide of the EC2 documentation.
func TestArchitectureOf(t *testing.T) {
	for architecture, types := range map[Architecture][]string{
		ARM64: {"a1.large", "t4g.micro", "m6g.large", "m6gd.large", "m7g.large", "m7gd.metal", "m8g.metal-24xl", "c6gn.large", "c7g.large",
			"c7gd.large", "c7gn.large", "r8gd.large", "im4gn.large", "is4gen.large", "i4g.large", "i8g.large", "i8ge.large", "x2gd.large", "x8g.large",
			"hpc7g.4xlarge", "g5g.xlarge", "c8gb.large", "p6e-gb200.36xlarge"},
		X8664: {"t2.micro", "t3.micro", "t3a.micro", "m5.large", "m5zn.large", "m7i.large", "m7i-flex.large", "m7a.large", "m8i.large", "c7i.large",
			"r7iz.large", "i3en.large", "i4i.large", "i7ie.large", "g4dn.xlarge", "g4ad.xlarge", "g5.xlarge", "g6.xlarge", "g6e.xlarge", "gr6.4xlarge", "gr6f.4xlarge",
			"p4de.24xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "inf2.xlarge", "trn1n.32xlarge", "x2iedn.large", "u-6tb1.56xlarge",
			"u7in-16tb.224xlarge", "hpc7a.12xlarge", "d3en.large", "vt1.3xlarge"},
	} {
		for _, instanceType := range types {
			if got := ArchitectureOf(instanceType); got != architecture {
				t.Errorf("%s is %s, want %s", instanceType, got, architecture)
			}
		}
	}
	if ARM64.GOARCH() != "arm64" || X8664.GOARCH() != "amd64" {
		t.Errorf("Go names: %s, %s", ARM64.GOARCH(), X8664.GOARCH())
	}
}
