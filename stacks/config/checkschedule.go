package config

import (
	"time"
	_ "time/tzdata" // the zones of schedules are checked on machines that have none
)

func (c checker) checkSchedule(s settings) {
	for _, m := range s.Schedule.members {
		entry := m.value
		least, most := s.Capacity.Min, s.Capacity.Max
		if entry.Min.set {
			least = entry.Min
		}
		if entry.Max.set {
			most = entry.Max
		}
		c.checkBounds(least, most)
		if !entry.Min.set && !entry.Max.set {
			c.fail(m.key.at, "changes nothing (give it min, max or both)")
		}
		c.checkLeft(s.Schedule, m, "min", func(entry schedule) given[int] { return entry.Min })
		c.checkLeft(s.Schedule, m, "max", func(entry schedule) given[int] { return entry.Max })
		c.checkTimes(entry)
		if entry.Min.usable() && entry.Min.value == 0 && s.ScaleOut.Method.value == targetTracking {
			c.clash(entry.Min.leaf, s.ScaleOut.Method.leaf, trackingFromZero)
		}
		c.warnOfZero(entry.Min)
	}
	c.checkMoments(s.Schedule)
}

func (c checker) checkTimes(entry schedule) {
	if _, ok := zone(entry); entry.TimeZone.usable() && !ok {
		c.fail(entry.TimeZone.at, "there is no time zone %s (such as Europe/Berlin)", quote(entry.TimeZone.value))
	}
	if _, err := parseCron(entry.Cron.value); entry.Cron.usable() && err != nil {
		c.fail(entry.Cron.at, "%s is not possible: %s", quote(entry.Cron.value), err)
	}
}

// zone is the time zone of an entry, by default that of AWS.
func zone(entry schedule) (*time.Location, bool) {
	name := entry.TimeZone.value
	if !entry.TimeZone.set {
		name = builtin[schedule]().TimeZone.value
	}
	location, err := time.LoadLocation(name)
	return location, err == nil && location != time.Local
}

// checkMoments refuses two changes of one group at the same moment, of which AWS takes one.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
func (c checker) checkMoments(all table[schedule]) {
	for i, one := range all.members {
		for _, other := range all.members[:i] {
			if moment, ok := together(one.value, other.value); ok {
				c.fail(one.value.Cron.at, "comes at the same moment as %s, such as %s UTC (AWS takes one change of a group at a time)",
					other.key.value, moment.UTC().Format("2006-01-02 15:04"))
				break
			}
		}
	}
}

func together(a, b schedule) (time.Time, bool) {
	inA, okA := zone(a)
	inB, okB := zone(b)
	timesA, errA := parseCron(a.Cron.value)
	timesB, errB := parseCron(b.Cron.value)
	if !okA || !okB || errA != nil || errB != nil || !a.Cron.usable() || !b.Cron.usable() {
		return time.Time{}, false
	}
	return coincide(timesA, timesB, inA, inB)
}

// checkLeft finds a bound that an entry leaves at what another one made it.
func (c checker) checkLeft(all table[schedule], one member[schedule], what string, bound func(schedule) given[int]) {
	if bound(one.value).set {
		return
	}
	for _, other := range all.members {
		if b := bound(other.value); b.set {
			c.warn(one.key.at, "leaves %s at the %d of %s (give it a %s of its own)", what, b.value, other.key.value, what)
			return
		}
	}
}
