package oracle

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestRecordedRunIsInOrder(t *testing.T) {
	v, err := Judge(recorded(t), facts(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(v.Stale, v.Burned...) {
		t.Error(f)
	}
	if v.Items[first].state() != "DONE" || v.Items[second].state() != "DONE" {
		t.Errorf("%s is %s, %s is %s: want DONE", first, v.Items[first], second, v.Items[second])
	}
	counts := []int{v.Writes, v.Refused, v.Claims, v.Reaps, v.Drains, v.Orphans}
	if diff := cmp.Diff([]int{39, 1, 4, 1, 1, 0}, counts); diff != "" {
		t.Errorf("writes, refused, claims, reaps, drains, orphans (-want +got):\n%s", diff)
	}
	// The last checkpoint before the kill was sent at 17:38:21.930.
	if v.Redone.Job != first || v.Redone.Time.Round(10*time.Millisecond) != 170*time.Millisecond {
		t.Errorf("redone %+v, want 170 ms of %s", v.Redone, first)
	}
}

// TestEveryViolationIsReported changes the recorded traffic into what must never be seen.
func TestEveryViolationIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*traffic)
		stale  string // in a finding; "": none
		order  int64  // of the write that is found
		burned string
	}{
		"the table takes a heartbeat of who lost the job": {
			change: func(f *traffic) { f.answerAs(f.again(106, 355, "17:38:38.900"), 352) },
			stale:  "does not hold", order: 355,
		},
		"a worker sends a heartbeat without its epoch and owner": {
			change: func(f *traffic) {
				r := f.again(143, 355, "17:38:38.900")
				r.replace(f.t, "AND #epoch = :1 AND #owner = :2 AND #seq < :3", "")
				r.replace(f.t, "#state = :0 ", "#state = :0")
				f.answerAs(r, 352)
			},
			stale: "names no holder", order: 355,
		},
		"a delayed checkpoint is taken after the reap": {
			change: func(f *traffic) {
				r := f.record(209)
				r.Order, r.Answered = 300, at(f.t, "17:38:30.000")
				f.answerAs(r, 269)
			},
			stale: "does not hold", order: 300,
		},
		"somebody claims a job that another one holds": {
			change: func(f *traffic) {
				r := f.again(352, 356, "17:38:39.000")
				r.replace(f.t, "i-04f6f855232b44bd6/69f71cb6c8c707f6", reaper+"/0123456789abcdef")
				r.Instance = reaper
				f.answerAs(r, 352)
			},
			stale: "does not hold", order: 356,
		},
		"a holder's write comes from another instance": {
			change: func(f *traffic) { f.record(106).Instance = drained },
			stale:  "does not hold the job any more", order: 106,
		},
		"a job is reaped though it has just been renewed": {
			change: func(f *traffic) {
				r := f.record(269)
				r.At, r.Answered = at(f.t, "17:38:24.000"), at(f.t, "17:38:24.001")
			},
			stale: "had renewed its lease", order: 269,
		},
		"a finished job is claimed again": {
			change: func(f *traffic) {
				f.answerAs(f.again(588, 700, "17:39:20.000"), 644)
			},
			stale: "does not hold", order: 700,
		},
		"a drain counts as a failure": {
			change: func(f *traffic) {
				r := f.record(530)
				r.replace(f.t, "#drains", "#failures")
				r.replace(f.t, `"drains"`, `"failures"`)
				f.answerAs(r, 527)
				f.drop(588, 592, 596, 599, 611, 616, 622, 628, 634, 640, 644)
			},
			burned: "failures 1",
		},
		"a drained instance lets a job be reaped": {
			change: func(f *traffic) {
				r := f.again(269, 531, "17:39:00.000")
				r.replace(f.t, first+`"`, second+`"`)
				r.replace(f.t, `"N":"13"`, `"N":"7"`) // the heartbeat that it saw
				f.answerAs(r, 527)
				f.drop(530, 588, 592, 596, 599, 611, 616, 622, 628, 634, 640, 644)
			},
			burned: "crashes 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &traffic{t, recorded(t)}
			c.change(f)
			v, err := Judge(f.records, facts(t))
			if err != nil {
				t.Fatal(err)
			}
			found := func(findings []Finding, text string, order int64) bool {
				return slices.ContainsFunc(findings, func(f Finding) bool {
					return strings.Contains(f.What, text) && (order == 0 || f.Order == order)
				})
			}
			if c.stale != "" && !found(v.Stale, c.stale, c.order) || c.stale == "" && len(v.Stale) > 0 {
				t.Errorf("stale writes %v, want one of write %d with %q", v.Stale, c.order, c.stale)
			}
			if c.burned != "" && !found(v.Burned, c.burned, 0) || c.burned == "" && len(v.Burned) > 0 {
				t.Errorf("burned attempts %v, want one with %q", v.Burned, c.burned)
			}
		})
	}
}

// TestAFailureThatIsMeantIsNoDrainsFault: jobs that are to fail do so on instances that drain, too.
func TestAFailureThatIsMeantIsNoDrainsFault(t *testing.T) {
	for fails, burned := range map[string]int{"the downstream is away": 0, "something else": 1} {
		f := &traffic{t, recorded(t)}
		r := f.record(530)
		r.replace(t, "#drains", "#failures")
		r.replace(t, `"drains"`, `"failures"`)
		r.replace(t, `"#unit":"unit"`, `"#unit":"lastError"`)
		r.replace(t, `{"S":"links"}`, `{"S":"exit status 1: the downstream is away"}`)
		f.answerAs(r, 527)
		f.drop(588, 592, 596, 599, 611, 616, 622, 628, 634, 640, 644)
		known := facts(t)
		known.Fails = []string{"nothing of that kind", fails}
		if v, err := Judge(f.records, known); err != nil || len(v.Burned) != burned {
			t.Errorf("meant to fail with %q: burned %v, want %d (%v)", fails, v.Burned, burned, err)
		}
	}
}

// TestUnansweredWritesAreExplained: what was not answered was applied or not, and later answers tell which.
func TestUnansweredWritesAreExplained(t *testing.T) {
	for name, change := range map[string]func(*traffic){
		"applied": func(f *traffic) { f.record(43).Status, f.record(43).Answer = 0, nil },
		"not applied": func(f *traffic) {
			r := f.again(43, 44, "17:38:15.600")
			r.replace(f.t, `#seq`, `#done`) // or its seq would tell that it cannot be
			r.Status, r.Answer = 0, nil
		},
		"several": func(f *traffic) {
			for _, order := range []int64{43, 54, 352, 358} {
				f.record(order).Status, f.record(order).Answer = 0, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &traffic{t, recorded(t)}
			change(f)
			v, err := Judge(f.records, facts(t))
			if err != nil || len(v.Stale)+len(v.Burned) > 0 || v.Items[first].state() != "DONE" {
				t.Errorf("stale %v, burned %v, item %s (%v)", v.Stale, v.Burned, v.Items[first], err)
			}
		})
	}
}

// TestClaimOfWhoHadGivenUpIsNoDrainsFault: a claim that was delivered so late that its claimer does not know of
// it leaves a job that nobody works on. A drain has no part in its reap; with a claimer that knows, it has.
func TestClaimOfWhoHadGivenUpIsNoDrainsFault(t *testing.T) {
	for name, late := range map[string]time.Duration{"knows": 0, "had given up": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			f := &traffic{t, recorded(t)}
			f.record(491).Delayed = late
			r := f.again(269, 531, "17:39:00.000")
			r.replace(t, first+`"`, second+`"`)
			r.replace(t, `"N":"13"`, `"N":"0"`)
			f.answerAs(r, 491)
			f.drop(498, 503, 507, 512, 518, 525, 527, 530, 588, 592, 596, 599, 611, 616, 622, 628, 634, 640, 644)
			known := facts(t)
			known.Stops[1].At = at(t, "17:38:51.000")
			v, err := Judge(f.records, known)
			if err != nil {
				t.Fatal(err)
			}
			if burned, orphans := len(v.Burned), v.Orphans; burned != 1-orphans || (orphans == 1) != (late > 0) || len(v.Stale) > 0 {
				t.Errorf("burned %v, orphans %d, stale %v", v.Burned, orphans, v.Stale)
			}
		})
	}
}

func TestLostAndCorruptJobsAreReported(t *testing.T) {
	unfinished := &traffic{t, recorded(t)}
	unfinished.drop(644)
	whole, err := Judge(recorded(t), facts(t))
	if err != nil {
		t.Fatal(err)
	}
	part, err := Judge(unfinished.records, facts(t))
	if err != nil {
		t.Fatal(err)
	}
	unanswered := &traffic{t, recorded(t)}
	unanswered.record(644).Status, unanswered.record(644).Answer = 0, nil
	either, err := Judge(unanswered.records, facts(t))
	if err != nil {
		t.Fatal(err)
	}
	gaveUp := Verdict{Items: map[string]Item{second: {contract.AttrState: "DEAD", contract.AttrLastError: "no route to host"}}}
	fault := errors.New("link 17 is missing")
	for name, c := range map[string]struct {
		verdict             Verdict
		ended               Ended
		lost, dead, corrupt string
		stale               string
	}{
		"finished":                      {verdict: whole, ended: Ended{Job: second, Item: whole.Items[second]}},
		"not finished":                  {verdict: part, ended: Ended{Job: second, Item: part.Items[second]}, lost: "not DONE"},
		"finished, the answer lost":     {verdict: either, ended: Ended{Job: second, Item: whole.Items[second]}},
		"not finished, the answer lost": {verdict: either, ended: Ended{Job: second, Item: part.Items[second]}, lost: "not DONE"},
		"changed behind the proxies' back, and an answer lost": {
			verdict: either, ended: Ended{Job: second, Item: gaveUp.Items[second]}, dead: "no route to host", stale: "recorded writes leave",
		},
		"DEAD":           {verdict: gaveUp, ended: Ended{Job: second, Item: gaveUp.Items[second]}, dead: "no route to host"},
		"never claimed":  {verdict: whole, ended: Ended{Job: "chain#job-99"}, lost: "no item"},
		"no output":      {verdict: whole, ended: Ended{Job: second, Item: whole.Items[second], Missing: fault}, lost: "without its output"},
		"another output": {verdict: whole, ended: Ended{Job: second, Item: whole.Items[second], Corrupt: fault}, corrupt: "link 17"},
		"changed behind the proxies' back": {
			verdict: whole, ended: Ended{Job: second, Item: part.Items[second]}, lost: "not DONE", stale: "recorded writes leave",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.verdict
			lost, dead, corrupt := v.Compare([]Ended{c.ended})
			for what, got := range map[string]struct {
				findings []Finding
				want     string
			}{"lost": {lost, c.lost}, "dead": {dead, c.dead}, "corrupt": {corrupt, c.corrupt}, "stale": {v.Stale, c.stale}} {
				if got.want == "" && len(got.findings) > 0 || got.want != "" && (len(got.findings) != 1 || !strings.Contains(got.findings[0].String(), got.want)) {
					t.Errorf("%s: %v, want %q", what, got.findings, got.want)
				}
			}
		})
	}
}

func TestWhatCannotBeReadIsNotJudged(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"another operation":     func(r *Record) { r.Operation = "PutItem" },
		"an unknown condition":  func(r *Record) { r.replace(t, "#state = :0", "contains(#state, :0)") },
		"an unknown update":     func(r *Record) { r.replace(t, "ADD #beat", "DELETE #beat") },
		"no item in the answer": func(r *Record) { r.replace(t, "ALL_NEW", "NONE") },
	} {
		t.Run(name, func(t *testing.T) {
			f := &traffic{t, recorded(t)}
			change(f.record(106))
			if v, err := Judge(f.records, facts(t)); err == nil || !strings.Contains(err.Error(), "write 106") {
				t.Errorf("verdict %+v and error %v, want an error about write 106", v, err)
			}
		})
	}
}
