// Package doctor finds out whether a worker can work where it is: each check does what the worker will do, on
// something of its own.
package doctor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/internal/backoff"
)

// tryTimeout bounds one try of a check.
const tryTimeout = 10 * time.Second

// pauses are those between two tries.
var pauses = backoff.Pauses{First: time.Second, Most: 10 * time.Second, Least: 100 * time.Millisecond}

// Probe is one thing that a worker needs.
type Probe struct {
	Name string
	// Run tries it and says what it found, for people. It is called again after a failure and must end with ctx.
	Run func(ctx context.Context) (found string, err error)
}

// Result is how a check ended.
type Result struct {
	Check string
	Found string // what a check that passed has found
	Err   error  // of the last try
	Took  time.Duration
}

// Patience says how long failures are waited out. The zero value tries once.
type Patience struct {
	For   time.Duration        // no try begins later than this
	Rand  *rand.Rand           // of the pauses, used by several goroutines; required where For is not 0
	Final func(err error) bool // another try would fail in the same way
	Tell  func(Probe, error)   // told of each failure that is waited out, by several goroutines
}

// Examine runs all checks at once and returns their results in the same order. Each is tried once at least.
func Examine(ctx context.Context, checks []Probe, p Patience) []Result {
	results := make([]Result, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = c.examine(ctx, p) })
	}
	all.Wait()
	return results
}

func (c Probe) examine(ctx context.Context, p Patience) Result {
	began := time.Now()
	for failures := int64(0); ; failures++ {
		r := c.try(ctx)
		r.Took = time.Since(began)
		if r.Err == nil || r.Took >= p.For || p.Final(r.Err) {
			return r
		}
		pause := pauses.After(failures, p.Rand)
		if r.Took+pause > p.For {
			return r
		}
		p.Tell(c, r.Err)
		select {
		case <-ctx.Done():
			return r
		case <-time.After(pause):
		}
	}
}

func (c Probe) try(ctx context.Context) Result {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	found, err := c.Run(ctx)
	return Result{Check: c.Name, Found: found, Err: err}
}

// Failure is the error of an instance that cannot work, with one sentence for each reason. It is nil where all checks passed.
func Failure(results []Result) error {
	var reasons []string
	failed := map[string][]string{} // checks by reason
	for _, r := range results {
		if r.Err == nil {
			continue
		}
		reason := awsaccess.Explain(r.Err)
		if failed[reason] == nil {
			reasons = append(reasons, reason)
		}
		failed[reason] = append(failed[reason], r.Check)
	}
	if len(reasons) == 0 {
		return nil
	}
	for i, reason := range reasons {
		reasons[i] = strings.Join(failed[reason], ", ") + ": " + reason
	}
	return fmt.Errorf("the worker's check failed: %s", strings.Join(reasons, "; "))
}
