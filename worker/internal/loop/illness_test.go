package loop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// An instance asks for its replacement after a time of being sick. Further faults must not put that off.
func TestASicknessCountsFromItsFirstFault(t *testing.T) {
	var i illness
	i.fall("disk full", time.Minute)
	i.fall("disk full", 2*replaceAfter)
	if _, since := i.now(); since != time.Minute {
		t.Errorf("sick since %s, want %s", since, time.Minute)
	}
}

func TestPausesOfSelfTestsAreThoseOfTheirFailuresAlone(t *testing.T) {
	random, failed := rand.New(rand.NewPCG(1, 2)), errors.New("disk full")
	longest := func(i *illness) (most time.Duration) {
		for range 100 {
			most = max(most, i.pause(random))
		}
		return most
	}
	var well illness
	well.fall("disk full", 0)
	for range 10 {
		well.tested(failed, time.Minute)
	}
	well.tested(nil, time.Minute)
	well.fall("disk full", time.Minute+replaceAfter)
	if got := longest(&well); got > testPauses.First {
		t.Errorf("after a passed self-test and a new fault the first pause is up to %s, want %s", got, testPauses.First)
	}
	var relapsed illness
	relapsed.fall("disk full", 0)
	relapsed.tested(nil, time.Minute)
	relapsed.fall("disk full", 2*time.Minute)
	if got := relapsed.pause(random); got < relapsePauses.Least {
		t.Errorf("the pause after a relapse is %s, want at least %s", got, relapsePauses.Least)
	}
	relapsed.tested(failed, 3*time.Minute)
	if got := longest(&relapsed); got > 2*testPauses.First {
		t.Errorf("the pause after a self-test that failed is up to %s, want %s", got, 2*testPauses.First)
	}
}

func TestAWorkerBecomesCarefulOnce(t *testing.T) {
	var c care
	random, reported := rand.New(rand.NewPCG(1, 2)), 0
	for n := range 3 * suspicious {
		c.take()
		if c.end(failure(fmt.Sprint(n)), 0, 0, random) {
			reported++
		}
	}
	if reported != 1 || len(c.failed) != suspicious {
		t.Errorf("reported %d times with %d jobs kept, want once with %d", reported, len(c.failed), suspicious)
	}
}
