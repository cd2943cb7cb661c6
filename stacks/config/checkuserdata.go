package config

import (
	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
)

// checkUserData refuses content types whose user-data EC2 might not take. It needs a file without problems. The deployment
// gives queues, buckets and log groups their names, so that the longest ones count.
func (c checker) checkUserData() {
	for i := range c.file.Environments.members {
		env := &c.file.Environments.members[i]
		tier := c.resolve(env)
		for _, t := range tier.ContentTypes {
			size := userDataOf(tier, t).Longest()
			if size <= userdata.Limit {
				continue
			}
			c.fail(c.longest(env.value, t.Name), "the user-data of %s in %s may have %d bytes, EC2 takes %d (shorten options, environment and command, or move them into files)",
				t.Name, tier.Environment.Name, size, userdata.Limit)
		}
	}
}

// longest is the place of what makes the user-data of a content type long, as a rule.
func (c checker) longest(env environment, contentType string) position {
	its := c.file.ContentTypes.find(contentType)
	over := env.ContentTypes.find(contentType)
	switch {
	case over != nil && over.value.Options.set:
		return over.value.Options.at
	case its.value.Options.set:
		return its.value.Options.at
	case over != nil && over.value.Environment.set:
		return over.value.Environment.at
	case its.value.Environment.set:
		return its.value.Environment.at
	case its.value.Command.set:
		return its.value.Command.at
	}
	return its.key.at
}

func userDataOf(tier *tierspec.Tier, t tierspec.ContentType) userdata.Pool {
	return userdata.Pool{
		Tier: tier.Name, Environment: tier.Environment.Name, Region: tier.Environment.Region, ContentType: t, Chef: tier.Chef,
	}
}
