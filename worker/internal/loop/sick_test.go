package loop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// sickStage is a stage with twenty jobs whose slot cannot begin one while the instance is sick.
type sickStage struct{ *stage }

func newSickStage(t *testing.T) *sickStage {
	t.Helper()
	s := &sickStage{newStage(t)}
	for n := range 20 {
		if err := s.queue.Send(t.Context(), fmt.Sprintf(`{"id":"job-%d","payload":{}}`, n), 0); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// serve ends each job that comes within d with the outcome, and counts them.
func (s *sickStage) serve(d time.Duration, end protocol.Outcome) (ended int) {
	for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(time.Second) {
		synctest.Wait()
		for slot := s.newest(); len(slot.orders) > 0; {
			if o := <-slot.orders; o.Run != nil {
				slot.report(protocol.Report{Progress: &o.Run.Progress})
				slot.report(protocol.Report{Outcome: &end})
				ended++
			}
		}
	}
	return ended
}

// jobs are the jobs that the table has.
func (s *sickStage) jobs(t *testing.T) (all []job.Job) {
	t.Helper()
	for n := range 20 {
		item, err := s.table.Get(t.Context(), fmt.Sprintf("mail#job-%d", n))
		if err != nil {
			t.Fatal(err)
		}
		if item == nil {
			continue
		}
		j, err := job.FromItem(item)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, j)
	}
	return all
}

func (s *sickStage) uncounted(t *testing.T) {
	t.Helper()
	for _, j := range s.jobs(t) {
		if j.State == job.Dead || j.Failures+j.Crashes+j.Drains > 0 {
			t.Errorf("%s is %s, failures %d, crashes %d, drains %d", j.ID, j.State, j.Failures, j.Crashes, j.Drains)
		}
	}
}

// TestASickInstanceTakesNoJobs: what its slot cannot begin is handed back uncounted, and no other job is claimed until a
// self-test has passed. Then all are done.
func TestASickInstanceTakesNoJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSickStage(t)
		s.run(t)
		synctest.Wait()
		s.sicken(errors.New("no space left on device")) // from now on no slot starts
		begun := s.serve(10*time.Minute, protocol.Outcome{Kind: protocol.Sick, Error: "job.json: no space left\ncursor.json: no space left on device"})
		state, unready := s.State(), health.Of(s.Health()...).Failed()
		if begun != 1 || !strings.Contains(state, "sick: ") || !strings.Contains(unready, "instance: sick for ") || !strings.Contains(unready, "no space left on device") || strings.Contains(unready, "\n") {
			t.Errorf("%d jobs tried in ten minutes, state %q, not ready: %q", begun, state, unready)
		}
		if _, tests := s.starts(); tests < 12 || tests > 60 {
			t.Errorf("%d self-tests in ten minutes", tests)
		}
		s.uncounted(t)
		s.sicken(nil)
		if done := s.serve(5*time.Minute, protocol.Outcome{Kind: protocol.Done}); done != 20 || s.illness.on() {
			t.Errorf("%d jobs done on the mended instance, sick: %t", done, s.illness.on())
		}
		s.uncounted(t)
		s.drain(nil)
		<-s.ended
	})
}

// TestAJobOfASlotThatDoesNotStartAgainIsHandedBack: it does not wait in the dead slot until its lease has run out.
func TestAJobOfASlotThatDoesNotStartAgainIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSickStage(t)
		held, release := make(chan struct{}), make(chan struct{})
		s.begins = func() {
			select {
			case <-held:
			default:
				close(held)
				<-release
			}
		}
		s.run(t)
		<-held
		s.sicken(errors.New("resource temporarily unavailable"))
		s.newest().end(errors.New("signal: killed"))
		time.Sleep(5 * time.Second)
		close(release)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		jobs := s.jobs(t)
		if len(jobs) != 1 || jobs[0].State != job.Ready || !strings.Contains(jobs[0].LastError, "resource temporarily unavailable") {
			t.Errorf("jobs %+v, want one that is handed back", jobs)
		}
		s.uncounted(t)
		s.drain(nil)
		<-s.ended
	})
}

// TestAFaultThatNoSelfTestFindsCostsFewClaims: the pauses grow until a job gets on.
func TestAFaultThatNoSelfTestFindsCostsFewClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSickStage(t)
		s.run(t)
		if begun := s.serve(10*time.Minute, protocol.Outcome{Kind: protocol.Sick, Error: "exec format error"}); begun < 3 || begun > 20 {
			t.Errorf("%d jobs tried in ten minutes", begun)
		}
		s.uncounted(t)
		s.drain(nil)
		<-s.ended
	})
}

// TestAFaultThatNoSelfTestFindsHasTheInstanceReplacedToo, although each self-test passes.
func TestAFaultThatNoSelfTestFindsHasTheInstanceReplacedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSickStage(t)
		began, asked := time.Now(), time.Duration(0)
		s.Replace = func(string) {
			if asked == 0 {
				asked = time.Since(began)
			}
		}
		s.run(t)
		s.serve(40*time.Minute, protocol.Outcome{Kind: protocol.Sick, Error: "exec format error"})
		if asked < replaceAfter || asked > replaceAfter+15*time.Minute {
			t.Errorf("asked after %s", asked)
		}
		s.drain(nil)
		<-s.ended
	})
}

// TestAFaultOfLongAgoIsForgotten: two short ones, hours apart, do not have the instance replaced.
func TestAFaultOfLongAgoIsForgotten(t *testing.T) {
	var i illness
	i.fall("full", 0)
	i.tested(nil, time.Minute)
	i.fall("full", 2*time.Minute)
	if _, since := i.now(); since != 0 || i.relapses != 1 {
		t.Errorf("since %s after a relapse, %d relapses", since, i.relapses)
	}
	i.tested(nil, 3*time.Minute)
	i.fall("full", 3*time.Hour)
	if _, since := i.now(); since != 3*time.Hour || i.relapses != 0 {
		t.Errorf("since %s, %d relapses", since, i.relapses)
	}
}

// TestAnotherInstanceIsAskedForAfterAQuarterOfAnHour, once: another sick one of the type is not replaced on the same day,
// unless a well one answers.
func TestAnotherInstanceIsAskedForAfterAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSickStage(t)
		began, asked := time.Now(), time.Duration(0)
		s.Replace = func(reason string) {
			asked = time.Since(began)
			if !strings.Contains(reason, "exec format error") {
				t.Errorf("reason %q", reason)
			}
			s.drain(&drain.Cause{Source: drain.Sick, Detail: reason})
		}
		s.sicken(errors.New("exec format error"))
		s.run(t)
		<-s.ended
		if asked < replaceAfter || asked > replaceAfter+3*time.Minute {
			t.Errorf("asked after %s", asked)
		}
		control, err := s.table.Get(t.Context(), "control#mail")
		if instance, reason := sweep.Sick(control, time.Now()); err != nil || instance != "i-1" || !strings.Contains(reason, "exec format error") {
			t.Errorf("the control item says %q of %q, error %v", reason, instance, err)
		}
	})
}

// TestAWellInstanceAnswersASickOne, so that the sick one knows that not the whole group is.
func TestAWellInstanceAnswersASickOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		sick := *s.Sweeper.(*sweep.Sweeper)
		sick.Worker = "i-2"
		s.run(t)
		for range 5 {
			if err := sick.ReportSick(t.Context(), "no space left on device"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		control, err := s.table.Get(t.Context(), "control#mail")
		if wells, _ := control[contract.AttrWells].(int64); err != nil || wells < 3 || wells > 5 {
			t.Errorf("%d answers to five reports, error %v", wells, err)
		}
		s.drain(nil)
		<-s.ended
	})
}
