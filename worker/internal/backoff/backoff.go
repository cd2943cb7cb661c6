// Package backoff computes the pauses between the tries of a call that fails. An outage makes all workers fail at the
// same moment. Pauses with full jitter spread their next tries, so that they don't come back in step.
// https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
//
// Work that is due at an interval of its own, such as metrics each minute or the heartbeats of a lifecycle hook, needs
// no such pauses: it is not tried again in between, and a failure moves nobody's next time.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Pauses grow with each failure in a row, from First to Most, and are drawn with full jitter: each length between Least
// and the longest is as likely as any other.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
//
// Full jitter may draw a pause of zero. Least is for tries that fail at once and cost something, such as the start of a
// process: several short draws in a row would be a hot loop. The decorrelated jitter of the same article has its base
// as such a floor.
type Pauses struct {
	First time.Duration // the longest pause after the first failure; it doubles with each further one
	Most  time.Duration // the longest pause of all, at least First
	Least time.Duration // the shortest pause, at most First; 0: no floor
}

// After draws the pause after a failure that followed so many others without a success between them.
func (p Pauses) After(failures int64, random *rand.Rand) time.Duration {
	longest := p.Most
	if failures < 63 && p.First <= p.Most>>failures {
		longest = p.First << failures
	}
	return Between(p.Least, longest, random)
}

// Between draws a pause: each length from shortest to longest is as likely as any other.
func Between(shortest, longest time.Duration, random *rand.Rand) time.Duration {
	return shortest + time.Duration(random.Int64N(int64(longest-shortest)+1))
}
