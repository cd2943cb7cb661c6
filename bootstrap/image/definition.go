package image

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/worker-tier/worker-tier/tierspec"
)

// Definition is what EC2 Image Builder makes a base image from. Image Builder never changes a component or a recipe: what
// differs needs another version, or a deploy fails because there is one already. So each version is derived from what it is
// the version of, and is the same wherever and whenever it is made.
type Definition struct {
	Document  string // of the component, in YAML
	Component string // version of the component
	Recipe    Recipe
	Version   string // version of the recipe
}

// Recipe is what a recipe is made of.
type Recipe struct {
	Parent     string // name of Amazon's image, of which the newest is taken
	Component  string // version
	RootDevice string
	VolumeGiB  int
}

// Define is the definition of the image of an architecture; chef.Package must be set.
func Define(architecture tierspec.Architecture, chef tierspec.Chef) Definition {
	text := document(chef)
	d := Definition{Document: text, Component: version([]byte(text))}
	d.Recipe = Recipe{
		Parent:     parents[architecture],
		Component:  d.Component,
		RootDevice: "/dev/xvda",
		// As Amazon's own: a pool's root volume may be as small as that, and no smaller than its image's.
		VolumeGiB: 8,
	}
	recipe, err := json.Marshal(d.Recipe)
	if err != nil {
		panic(err)
	}
	d.Version = version(recipe)
	return d
}

// parents are the images of Amazon Linux 2023 that Amazon keeps for Image Builder, as its ListImages names them.
// https://github.com/aws/ec2-image-builder-roadmap/issues/47
var parents = map[tierspec.Architecture]string{tierspec.ARM64: "amazon-linux-2023-arm64", tierspec.X8664: "amazon-linux-2023-x86"}

// version is a semantic version of content: two numbers of 30 bits each, the most that one can have, from its digest.
// Versions of different contents differ, and have no order. The first number would count changes of this scheme.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-semantic-versioning.html
func version(content []byte) string {
	sum := sha256.Sum256(content)
	const bits = 1<<30 - 1
	return fmt.Sprintf("1.%d.%d", binary.BigEndian.Uint32(sum[:4])&bits, binary.BigEndian.Uint32(sum[4:8])&bits)
}
