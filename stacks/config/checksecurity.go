package config

import "strings"

// checkInbound refuses SSH, and a rule that is there twice, which EC2 refuses when it is deployed.
func (c checker) checkInbound(rules sections[inbound]) {
	seen := map[inboundRule]bool{}
	for _, i := range rules.items {
		if !i.Port.usable() {
			continue
		}
		if i.Port.value == 22 {
			c.fail(i.Port.at, "22 is SSH, which is not let in (Session Manager is the way in)")
		}
		rule := inboundRule{i.Port.value, i.From.value}
		if i.From.usable() && seen[rule] {
			c.fail(i.From.at, "%s may connect to port %d already (leave one out)", rule.from, rule.port)
		}
		seen[rule] = true
	}
}

type inboundRule struct {
	port int
	from string
}

// checkKey wants a key of the environment's Region: SQS and SNS can use no other.
func (c checker) checkKey(key, region given[string]) {
	if !key.usable() || !region.usable() {
		return
	}
	if of := strings.Split(key.value, ":")[3]; of != region.value {
		c.clash(key.leaf, region.leaf, "a key of %s cannot be used in %s", of, region.value)
		return
	}
	c.checkARN(key, region)
}
