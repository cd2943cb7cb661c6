package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// step is one thing that is shown. Steps build on each other, as far as they are vital.
type step struct {
	claim string
	run   func(*sandbox, context.Context) error
	vital bool // nothing can be shown without it
	// local says what of it is not shown on a local AWS; "": all is.
	local string
	// onlyAWS steps are not taken on a local AWS: local says why.
	onlyAWS bool
}

// run takes the steps and cleans up, however they end: well, badly, by a signal, at the deadline or in a panic.
func (s *sandbox) run(ctx context.Context, steps []step) (err error) {
	begin := time.Now()
	s.deadline = begin.Add(stepsTime)
	counts := map[string]int{}
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("panic: %v\n%s", broken, debug.Stack())
		}
		s.say("cleaning up; this is not interrupted")
		left := s.cleanUp(context.WithoutCancel(ctx), s.stackTag())
		outcome := "nothing is left"
		if left != nil {
			outcome = "NOT CLEAN"
		}
		_, _ = fmt.Fprintf(s.out, "test-aws: steps=%d passed=%d failed=%d only_on_aws=%d clean_up=%q took=%s\n",
			len(steps), counts["PASS"], counts["FAIL"], counts["AWS "], outcome, time.Since(begin).Round(time.Second))
		err = errors.Join(err, left)
	}()
	within, cancel := context.WithDeadlineCause(ctx, s.deadline, fmt.Errorf("the run's %s are over", stepsTime))
	defer cancel()
	for _, step := range steps {
		verdict := s.take(within, step)
		counts[verdict]++
		if verdict == "FAIL" && step.vital || within.Err() != nil {
			break
		}
	}
	switch {
	case within.Err() != nil:
		return fmt.Errorf("ended before all steps were taken: %w", context.Cause(within))
	case counts["FAIL"] > 0:
		return fmt.Errorf("%d steps failed", counts["FAIL"])
	}
	return nil
}

// take takes one step and prints what came of it.
func (s *sandbox) take(ctx context.Context, step step) (verdict string) {
	begin := time.Now()
	verdict, text := "PASS", step.claim
	if s.local && step.onlyAWS {
		verdict, text = "AWS ", text+" (not here: "+step.local+")"
	} else if err := step.run(s, ctx); err != nil {
		verdict, text = "FAIL", text+": "+err.Error()
		s.showConsoles(ctx)
	} else if s.local && step.local != "" {
		text += " (here but for " + step.local + ")"
	}
	_, _ = fmt.Fprintf(s.out, "%s %s [%s]\n", verdict, text, time.Since(begin).Round(time.Second))
	return verdict
}
