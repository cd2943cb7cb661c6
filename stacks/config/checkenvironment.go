package config

import (
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// choose is the environment to resolve, or nil with a problem reported.
func (c checker) choose(name string) *member[environment] {
	environments := &c.file.Environments
	names := slices.Sorted(slices.Values(environments.names()))
	switch {
	case !environments.set || c.broken(environments.at.path):
		return nil
	case len(names) == 0:
		c.fail(environments.at, "is empty (the tier needs at least one environment)")
	case name == "" && len(names) == 1:
		return &environments.members[0]
	case name == "":
		c.fail(environments.at, "there are several and none is named (tier -e NAME or cdk -c env=NAME, one of %s)", strings.Join(names, ", "))
	default:
		if chosen := environments.find(name); chosen != nil {
			return chosen
		}
		c.fail(environments.at, "there is no environment %s%s", quote(name), note("one of "+strings.Join(names, ", "), meant(name, names)))
	}
	return nil
}

// broken is true if the value at path, or something below it, could not be read: what follows from that
// need not be said as well.
func (c checker) broken(path string) bool {
	return slices.ContainsFunc(c.unread, func(p Problem) bool { return p.Path == path || strings.HasPrefix(p.Path, path+".") })
}

func (c checker) checkEnvironment(m *member[environment]) {
	env := m.value
	c.checkPartition(env.Region)
	c.checkZones(env)
	c.checkKey(env.Alarms.KMSKey, env.Region)
	c.checkImage(env.BaseImage)
	c.checkImageBuilder(env.ImageBuilder)
	c.checkNetwork(env.Network)
	c.checkTags(env.Tags)
	c.checkOverrides(env)
	network := c.networkOf(m)
	switch {
	case !network.set:
		c.fail(m.key.at.child("network"), "is missing (public, private-nat, private-endpoints or existing; only a disposable environment has a default, public)")
	case network.Mode.usable() && network.Mode.value == string(tierspec.Existing):
		c.checkExisting(m, network)
	case network.Mode.usable() && network.Mode.value == string(tierspec.PrivateEndpoints):
		c.checkReach(network.Mode, env.Region)
		c.checkInternet(network.Mode)
		if builder := env.ImageBuilder; builder.set {
			c.fail(builder.at, "cannot stand beside network mode private-endpoints, which has no endpoint of Image Builder (build the image in an environment of the same account with another mode)")
		}
	}
	c.checkEnvironmentQuotas(env, network)
	image := c.imageOf(m)
	c.checkSettings(env, image)
	if !c.file.Chef.Package.set && (!image.set || strings.HasPrefix(image.SSMParameter.value, "/aws/service/ami-amazon-linux")) {
		c.warn(position{path: "chef.package", line: c.file.Chef.Distribution.at.line, column: c.file.Chef.Distribution.at.column},
			"is missing, and Amazon's image holds no Chef client (instances could not configure themselves)")
	}
}

// networkOf is the network that applies in an environment; not set: there is none.
func (c checker) networkOf(m *member[environment]) network {
	switch {
	case m.value.Network.set:
		return m.value.Network
	case c.file.Network.set:
		return c.file.Network
	case m.value.Disposable.value || m.value.Disposable.bad:
		return network{section: section{set: true}, Mode: given[string]{leaf: leaf{set: true}, value: string(tierspec.Public)}}
	}
	return network{}
}

// imageOf is the image that applies in an environment; not set: Amazon's.
func (c checker) imageOf(m *member[environment]) baseImage {
	if m.value.BaseImage.set {
		return m.value.BaseImage
	}
	return c.file.BaseImage
}

func (c checker) checkZones(env environment) {
	for _, zone := range env.AvailabilityZones.items {
		c.checkZone(zone, env.Region)
	}
}

func (c checker) checkZone(zone, region given[string]) {
	if !zone.usable() || !region.usable() {
		return
	}
	rest, found := strings.CutPrefix(zone.value, region.value)
	if !found || rest == "" || rest[0] >= '0' && rest[0] <= '9' {
		c.fail(zone.at, "%s is not in the environment's region %s", quote(zone.value), region.value)
	}
}

func (c checker) checkImage(image baseImage) {
	c.checkParameterName(image.SSMParameter)
	switch {
	case !image.set || c.broken(image.at.path):
	case image.AMI.set && image.SSMParameter.set:
		c.fail(image.AMI.at, "cannot stand beside ssmParameter (an image is named in one way)")
	case !image.AMI.set && !image.SSMParameter.set:
		c.fail(image.at, "names no image (ssmParameter or amiId)")
	}
}

// checkImageBuilder wants a Chef client to put into the image, in a package of Amazon Linux.
func (c checker) checkImageBuilder(b imageBuilder) {
	pkg := c.file.Chef.Package
	switch {
	case !b.set || c.broken("chef"):
	case !pkg.set:
		c.fail(b.at, "needs chef.package with url and sha256 (the client that is put into the image)")
	case strings.HasSuffix(pkg.URL.value, ".deb"):
		c.clash(leaf{at: b.at}, pkg.URL.leaf, "the image is an Amazon Linux, which takes no package of Debian")
	case strings.Contains(pkg.URL.value, "{{"):
		c.fail(pkg.URL.at, "holds {{, which Image Builder takes for a reference of its own (write %%7B%%7B)")
	}
}

func (c checker) checkNetwork(n network) {
	if !n.set || !n.Mode.usable() {
		return
	}
	existing := n.Mode.value == string(tierspec.Existing)
	switch {
	case existing && !n.VPC.set:
		c.fail(n.at.child("vpc"), "is missing (mode existing needs it)")
	case !existing && n.VPC.set:
		c.fail(n.VPC.at, "is only for mode existing")
	}
	switch {
	case existing && !n.Subnets.set:
		c.fail(n.at.child("subnets"), "is missing (mode existing needs one per availability zone, such as {us-east-1a: subnet-…, us-east-1b: subnet-…})")
	case existing && len(n.Subnets.members) < 2 && !c.broken(n.Subnets.at.path):
		c.fail(n.Subnets.at, "has %d of at least 2 availability zones", len(n.Subnets.members))
	case !existing && n.Subnets.set:
		c.fail(n.Subnets.at, "is only for mode existing")
	}
}

func (c checker) checkExisting(m *member[environment], n network) {
	zones := map[string]string{} // subnet → zone
	for _, subnet := range n.Subnets.members {
		c.checkZone(subnet.key, m.value.Region)
		if other := zones[subnet.value.value]; other != "" && subnet.value.usable() {
			c.fail(subnet.value.at, "%s is given for %s too (a subnet is in one zone)", subnet.value.value, other)
		}
		zones[subnet.value.value] = subnet.key.value
	}
	if m.value.AvailabilityZones.set {
		c.fail(m.value.AvailabilityZones.at, "cannot stand beside network mode existing (the zones are those of %s.subnets)", n.at.path)
	}
}

// checkInternet refuses content types whose work reaches the internet, or may, where there is no way to it.
func (c checker) checkInternet(mode given[string]) {
	for _, m := range c.file.ContentTypes.members {
		t := m.value
		reaches, known := contract.ReachesInternet(t.Processor.value)
		switch {
		case !t.Processor.usable() || t.Internet.bad:
		case t.Internet.set && t.Internet.value:
			c.clash(t.Internet.leaf, mode.leaf, "content type %s reaches the internet, which network mode private-endpoints has no way to", m.key.value)
		case !t.Internet.set && known && reaches:
			c.clash(t.Processor.leaf, mode.leaf, "processor %s reaches the internet, which network mode private-endpoints has no way to", t.Processor.value)
		case !t.Internet.set && !known:
			c.fail(m.key.at.child("internet"), "is missing (%s private-endpoints has no way to the internet; false says that processor %s needs none)", mode.at.path, t.Processor.value)
		}
	}
}

// checkOverrides looks at what an environment changes of content types.
func (c checker) checkOverrides(env environment) {
	names := c.file.ContentTypes.names()
	for _, m := range env.ContentTypes.members {
		if !slices.Contains(names, m.key.value) {
			c.fail(m.key.at, "there is no content type %s to change%s", quote(m.key.value), note("there are "+strings.Join(names, ", "), meant(m.key.value, names)))
		}
		c.checkAccess(m.value.access)
	}
}
