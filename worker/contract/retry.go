package contract

import (
	"strconv"
	"time"
)

// Environment variables that carry [Retry]. A value that is [DefaultRetry]'s has none: EC2 limits user-data, and the
// longest of the shipped content types has no room left.
const (
	EnvFailureLimit = "WORKER_FAILURE_LIMIT"
	EnvFirstPause   = "WORKER_FIRST_PAUSE"
	EnvLongestPause = "WORKER_LONGEST_PAUSE"
)

// Bounds of [Retry.FailureLimit].
const LeastFailureLimit, MostFailureLimit = 1, 1000

// Retry says how often a job of a content type that fails is tried again, and after which pauses.
type Retry struct {
	FailureLimit int           // failures that make a job DEAD
	FirstPause   time.Duration // the longest pause after the first failure; it grows sixfold with each further one
	LongestPause time.Duration // the longest pause of all, at least FirstPause
}

// DefaultRetry spreads the failures of a job over about a day, so that an outage of some hours makes no job DEAD. The nine
// pauses between ten failures add up to 15 hours at the least, 30 at the most and 23 on average.
func DefaultRetry() Retry {
	return Retry{FailureLimit: 10, FirstPause: 15 * time.Second, LongestPause: 6 * time.Hour}
}

// pauseGrowth is by how much the pauses grow: fast enough that half of the default's nine are its longest. Doubled from
// 15 s they would add up to two hours.
const pauseGrowth = 6

// Pause bounds the pause after a failure that followed so many others. Each length in between is as likely as any other.
// The shortest is half of the longest: the failures of a job cannot come in quick succession by chance.
func (r Retry) Pause(failures int64) (shortest, longest time.Duration) {
	longest = r.FirstPause
	for ; failures > 0 && longest < r.LongestPause; failures-- {
		longest = min(longest*pauseGrowth, r.LongestPause)
	}
	return longest / 2, longest
}

// Ordered reports whether the longest pause is at least the first.
func (r Retry) Ordered() bool { return r.FirstPause <= r.LongestPause }

// environ are the variables that differ from the default.
func (r Retry) environ() map[string]string {
	env, usual := map[string]string{}, DefaultRetry()
	if r.FailureLimit != usual.FailureLimit {
		env[EnvFailureLimit] = strconv.Itoa(r.FailureLimit)
	}
	if r.FirstPause != usual.FirstPause {
		env[EnvFirstPause] = r.FirstPause.String()
	}
	if r.LongestPause != usual.LongestPause {
		env[EnvLongestPause] = r.LongestPause.String()
	}
	return env
}

// retry reads a [Retry].
func (r *reader) retry() Retry {
	retry := DefaultRetry()
	if _, set := r.lookup(EnvFailureLimit); set {
		retry.FailureLimit = r.count(EnvFailureLimit, LeastFailureLimit, MostFailureLimit)
	}
	for name, pause := range map[string]*time.Duration{EnvFirstPause: &retry.FirstPause, EnvLongestPause: &retry.LongestPause} {
		if _, set := r.lookup(name); set {
			*pause = r.duration(name)
		}
	}
	if !retry.Ordered() {
		r.fail(EnvFirstPause, "%s is more than %s (%s)", retry.FirstPause, EnvLongestPause, retry.LongestPause)
	}
	return retry
}
