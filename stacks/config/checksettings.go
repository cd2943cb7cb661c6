package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// shortestTarget is the target latency that one-minute metrics and two-minute boots can still reach.
const shortestTarget = 5 * time.Minute

// spotDrain is what a drain may take on Spot: AWS gives two minutes of notice.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const spotDrain = 2*time.Minute - tierspec.DrainSlack

// settingsOf is what applies to a content type in an environment.
func (c checker) settingsOf(env environment, m member[contentType]) settings {
	s := overlay(overlay(overlay(c.settings, c.file.Defaults.settings), env.Defaults.settings), m.value.settings)
	if over := env.ContentTypes.find(m.key.value); over != nil {
		s = overlay(s, over.value.settings)
	}
	return s
}

// accessOf is the same for what it may use: variables and tags key by key, options and lists as a whole, and statements of
// the defaults beside its own.
func (c checker) accessOf(env environment, m member[contentType]) access {
	a := m.value.access
	tags := []table[given[string]]{c.file.Tags, env.Tags, a.Tags}
	if found := env.ContentTypes.find(m.key.value); found != nil {
		over := found.value.access
		a.Environment = joined(a.Environment, over.Environment)
		tags = append(tags, over.Tags)
		if over.Options.set {
			a.Options = over.Options
		}
		if over.Secrets.set {
			a.Secrets = over.Secrets
		}
		if over.PolicyStatements.set {
			a.PolicyStatements = over.PolicyStatements
		}
		if over.Producers.set {
			a.Producers = over.Producers
		}
	}
	a.Tags = joined(tags...)
	a.PolicyStatements = concatenated(c.file.Defaults.PolicyStatements, env.Defaults.PolicyStatements, a.PolicyStatements)
	return a
}

// concatenated are the items of all lists. Their place is that of the longest list.
func concatenated[T any](lists ...sections[T]) sections[T] {
	var all sections[T]
	longest := 0
	for _, list := range lists {
		if len(list.items) > longest {
			all.section, longest = list.section, len(list.items)
		}
		all.items = append(all.items, list.items...)
	}
	return all
}

// joined are the members of all tables; of two with one key the later wins. Its place is that of the last one given.
func joined[T any](tables ...table[T]) table[T] {
	var all table[T]
	for _, t := range tables {
		if t.set {
			all.section = t.section
		}
		for _, m := range t.members {
			if known := all.find(m.key.value); known != nil {
				*known = m
			} else {
				all.members = append(all.members, m)
			}
		}
	}
	return all
}

func (c checker) checkSettings(env environment, image baseImage) {
	var first list // instance types of the first content type
	for _, m := range c.file.ContentTypes.members {
		s := c.settingsOf(env, m)
		c.checkTiming(s)
		c.checkBoot(s.Boot)
		c.checkInbound(s.Inbound)
		c.checkKey(s.Queue.KMSKey, env.Region)
		c.checkGroup(s)
		c.checkSpot(s)
		c.checkScaleOut(s)
		c.checkSchedule(s)
		a := c.accessOf(env, m)
		c.checkTagCase(a.Tags)
		c.checkAccessARNs(a, env.Region)
		c.warnOfSecrets(a)
		c.warnOfRights(a)
		c.checkPoolQuotas(m, s, a)
		c.checkArchitecture(s.InstanceTypes, first, image)
		if !first.set && s.InstanceTypes.usable() {
			first = s.InstanceTypes
		}
	}
}

func (c checker) checkTiming(s settings) {
	j := s.Job
	if j.Lease.usable() && j.Heartbeat.usable() && !(contract.Timing{Lease: j.Lease.value, Heartbeat: j.Heartbeat.value}).SparesABeat() {
		c.clash(j.Lease.leaf, j.Heartbeat.leaf, "lease %s is less than twice heartbeat %s", short(j.Lease.value), short(j.Heartbeat.value))
	}
	if j.Lease.usable() && j.Checkpoint.usable() && j.Checkpoint.value > j.Lease.value {
		c.clash(j.Lease.leaf, j.Checkpoint.leaf, "checkpoint %s is longer than lease %s", short(j.Checkpoint.value), short(j.Lease.value))
	}
	if first, longest := j.Failures.FirstPause, j.Failures.LongestPause; first.usable() && longest.usable() && !(contract.Retry{FirstPause: first.value, LongestPause: longest.value}).Ordered() {
		c.clash(first.leaf, longest.leaf, "firstPause %s is longer than longestPause %s", short(first.value), short(longest.value))
	}
	if j.DrainBudget.usable() && j.DrainBudget.value+tierspec.DrainSlack > tierspec.LongestHook {
		c.fail(j.DrainBudget.at, "%s and %s to finish are more than the %s that AWS lets a termination hook wait (at most %s)",
			short(j.DrainBudget.value), short(tierspec.DrainSlack), short(tierspec.LongestHook), short(tierspec.LongestHook-tierspec.DrainSlack))
	}
	if s.Spot.Percent.value > 0 && j.DrainBudget.usable() && j.DrainBudget.value > spotDrain {
		c.warn(j.DrainBudget.at, "%s is more than Spot instances have: they get two minutes of notice (%s count there)", short(j.DrainBudget.value), short(spotDrain))
	}
}

// checkBoot wants the launch hook to outlast a boot and, if that fails, the time the instance is kept.
func (c checker) checkBoot(b boot) {
	if !b.Timeout.usable() || !b.KeepFailed.usable() {
		return
	}
	if hook := (tierspec.Boot{Timeout: b.Timeout.value, KeepFailed: b.KeepFailed.value}).LaunchHookTimeout(); hook > tierspec.LongestHook {
		c.clash(b.Timeout.leaf, b.KeepFailed.leaf, "timeout %s, keepFailed %s and %s to finish are more than the %s that AWS lets a launch hook wait",
			short(b.Timeout.value), short(b.KeepFailed.value), short(tierspec.BootSlack), short(tierspec.LongestHook))
	}
}

func (c checker) checkGroup(s settings) {
	least, most := s.Capacity.Min, s.Capacity.Max
	c.checkBounds(least, most)
	c.warnOfZero(least)
	if lasting := s.ScaleIn.For; lasting.usable() && lasting.value%time.Minute != 0 {
		c.fail(lasting.at, "%s is not a whole number of minutes (alarms look once a minute)", short(lasting.value))
	}
}

func (c checker) checkBounds(least, most given[int]) {
	if least.usable() && most.usable() && least.value > most.value {
		c.clash(least.leaf, most.leaf, "min %d is more than max %d", least.value, most.value)
	}
}

func (c checker) warnOfZero(least given[int]) {
	if least.usable() && least.value == 0 {
		c.warn(least.at, "with min 0 the first message after six idle hours can wait up to 15 minutes, until SQS sends metrics again (min 1 avoids that)")
	}
}

// checkArchitecture wants one architecture per content type, and one per environment: an image has one.
func (c checker) checkArchitecture(types, first list, image baseImage) {
	if !types.usable() {
		return
	}
	want := tierspec.ArchitectureOf(types.items[0].value)
	for _, item := range types.items[1:] {
		if got := tierspec.ArchitectureOf(item.value); got != want {
			c.fail(item.at, "%s is %s, but %s is %s (the instance types of a content type share one architecture)", item.value, got, types.items[0].value, want)
			return
		}
	}
	parameter := image.SSMParameter
	if named := imageArchitecture(parameter.value); parameter.usable() && named != "" {
		if named != want {
			c.clash(types.leaf, parameter.leaf, "%s is %s, but the base image is %s", types.items[0].value, want, named)
		}
		return
	}
	if first.set && tierspec.ArchitectureOf(first.items[0].value) != want {
		c.clash(types.leaf, first.leaf, "%s is %s and %s is %s, but content types share the base image, and an image has one architecture",
			types.items[0].value, want, first.items[0].value, tierspec.ArchitectureOf(first.items[0].value))
	}
}

// checkStackNames refuses names that compose to the same stack: content type b-c in environment a, and
// c in a-b.
func (c checker) checkStackNames() {
	type target struct{ stack, account, region string }
	owners := map[target]string{}
	for _, env := range c.file.Environments.members {
		names := append(c.file.ContentTypes.names(), reservedShared)
		if env.value.ImageBuilder.set {
			names = append(names, tierspec.BaseImageStack)
		}
		for _, name := range names {
			key := target{env.key.value + "-" + name, env.value.Account.value, env.value.Region.value}
			if owner := owners[key]; owner != "" && !c.file.ContentTypes.has(reservedShared) {
				c.fail(env.key.at, "the stack of %s here and that of %s would both be named %s-%s (rename one)", name, owner, c.file.Name.value, key.stack)
			}
			owners[key] = name + " in environment " + env.key.value
		}
	}
}

// clash reports two values that do not go together, at the more specific of the two.
func (r *report) clash(a, b leaf, format string, args ...any) {
	if specificity(b.at) > specificity(a.at) {
		a, b = b, a
	}
	other := "the other is a built-in default"
	if b.at.line > 0 {
		other = fmt.Sprintf("the other is %s in line %d", b.at.path, b.at.line)
	}
	r.fail(a.at, format+"%s", append(args, note(other))...)
}

// specificity orders the layers that settings come from.
func specificity(at position) int {
	switch {
	case at.line == 0:
		return 0
	case strings.HasPrefix(at.path, "environments.") && strings.Contains(at.path, ".contentTypes."):
		return 4
	case strings.HasPrefix(at.path, "contentTypes."):
		return 3
	case strings.HasPrefix(at.path, "environments."):
		return 2
	}
	return 1
}
