package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Stop is what the chaos did to an instance.
type Stop struct {
	Instance string
	At       time.Time // just before
	What     string    // for people
	Drain    bool      // SIGTERM: the instance was to hand back what it held; else it was killed or frozen
}

// Facts are what the oracle knows of a run besides the traffic.
type Facts struct {
	Operator string // the "instance" that people's commands come from
	Lease    time.Duration
	Stops    []Stop
	// Fails are texts in the last error of attempts that the chaos itself has made fail, whatever else it does to their instance.
	Fails []string

	lastWord map[string]int64 // by owner: the last write that names it, accepted or not
}

func (f *Facts) heard(w write) {
	if f.lastWord == nil {
		f.lastWord = map[string]int64{}
	}
	f.lastWord[w.owner()] = w.Order
}

// knows says whether a claimer got to know that it holds the job: its claim was answered in peace, or it wrote
// under the same nonce afterwards.
func (f *Facts) knows(claim write) bool {
	return claim.outcome == accepted && claim.Fault == "" && claim.Delayed == 0 || f.lastWord[claim.owner()] > claim.Order
}

// Finding is something that must not be.
type Finding struct {
	Job   string `json:"job"`
	Order int64  `json:"order,omitempty"` // of the write in the journal; 0: of none
	What  string `json:"what"`
}

func (f Finding) String() string {
	if f.Order == 0 {
		return f.Job + ": " + f.What
	}
	return fmt.Sprintf("%s: write %d: %s", f.Job, f.Order, f.What)
}

// Verdict is what the traffic says.
type Verdict struct {
	Stale  []Finding // writes that were accepted though their author did not hold the job
	Burned []Finding // drains that cost a job an attempt
	Redone Redone    // the longest that a kill or freeze undid
	Items  map[string]Item
	ends   map[string][]Item // by job, how it may have ended if its last writes had no answer
	Writes int               // to jobs
	Refused,
	Claims,
	Reaps,
	Drains, // hand-backs that count as one
	Orphans int // claims that were applied though their claimer cannot know: it had given up, or died
}

// Redone is work that was done again: from the last accepted checkpoint, or the claim, to the kill.
type Redone struct {
	Job  string        `json:"job"`
	Time time.Duration `json:"nanoseconds"`
	What string        `json:"what"`
}

// Judge judges the recorded writes of a run. An error says that the oracle cannot read them.
func Judge(records []Record, facts Facts) (Verdict, error) {
	v := Verdict{Items: map[string]Item{}, ends: map[string][]Item{}}
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.Order, b.Order) })
	jobs := map[string][]write{}
	for _, r := range records {
		w, err := r.read()
		if err != nil {
			return v, err
		}
		if strings.HasPrefix(w.key, "control#") {
			continue // who sweeps
		}
		jobs[w.key] = append(jobs[w.key], w)
		facts.heard(w)
		v.Writes++
		if w.outcome == refused {
			v.Refused++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(jobs)) {
		v.add(mostInnocent(key, explain(jobs[key]), &facts))
	}
	return v, nil
}

// judged is a job's verdict along one path.
type judged struct {
	key           string
	path          path
	ends          []Item // of this path and of those that are as innocent
	stale, burned []Finding
	redone        Redone
	orphans       int
}

func mostInnocent(key string, paths []path, facts *Facts) judged {
	var best judged
	for n, p := range paths {
		j := judged{key: key, path: p, ends: []Item{p.item}}
		j.judge(facts)
		switch worse := len(j.stale) + len(j.burned) - len(best.stale) - len(best.burned); {
		case n == 0 || worse < 0:
			best = j
		case worse == 0:
			best.ends = append(best.ends, p.item)
		}
	}
	return best
}

func (v *Verdict) add(j judged) {
	v.Stale = append(v.Stale, j.stale...)
	v.Burned = append(v.Burned, j.burned...)
	if j.redone.Time > v.Redone.Time {
		v.Redone = j.redone
	}
	v.Orphans += j.orphans
	v.Items[j.key], v.ends[j.key] = j.path.item, j.ends
	for _, s := range j.path.steps {
		switch {
		case s.claims():
			v.Claims++
		case s.reaps():
			v.Reaps++
		case s.after.number(contract.AttrDrains) > s.before.number(contract.AttrDrains):
			v.Drains++
		}
	}
}

func (s step) claims() bool { return s.after.running() && s.before.owner() != s.after.owner() }

// reaps: a write that takes a job from its holder without saying that it comes from it.
func (s step) reaps() bool {
	_, byHolder := s.named(contract.AttrOwner)
	return s.before.running() && !s.after.running() && !byHolder
}

// tenure is one holder's time with a job.
type tenure struct {
	holder  string    // instance
	claimed time.Time // applied
	renewed time.Time // when its last write was accepted
	wrote   time.Time // when it sent that
	saved   time.Time // when the last accepted checkpoint, or the claim, was sent
	orphan  bool      // the holder cannot know that it is
}

// repeated is the fault of a request that the network, not the instance, sent again.
const repeated = "repeated"

// judge walks along the path.
func (j *judged) judge(facts *Facts) {
	var t tenure
	for _, s := range j.path.steps {
		if what := s.stale(t, facts); what != "" {
			j.stale = append(j.stale, Finding{j.key, s.Order, fmt.Sprintf("%s; sent by %s at %s; the item was: %s; is: %s", what, s.Instance, s.At.Format(clock), s.before, s.after)})
		}
		if s.before.running() && (!s.after.running() || s.claims()) {
			j.ended(t, s, facts)
		}
		switch {
		case s.claims():
			t = tenure{instanceOf(s.after.owner()), s.Answered, s.Answered, s.At, s.At, !facts.knows(s.write)}
			if t.orphan {
				j.orphans++
			}
		case s.after.running() && s.Instance == t.holder:
			t.renewed = s.Answered
			if s.Fault != repeated {
				t.wrote = s.At
			}
			if s.after.number(contract.AttrSeq) > s.before.number(contract.AttrSeq) {
				t.saved = s.At
			}
		}
	}
}

const clock = "15:04:05.000"

// stale says what is wrong with an accepted write; "": nothing.
func (s step) stale(t tenure, facts *Facts) string {
	owner, namesOwner := s.named(contract.AttrOwner)
	epoch, namesEpoch := s.named(contract.AttrEpoch)
	operator := s.Instance == facts.Operator
	same := s.after.state() == s.before.state() && s.after.owner() == s.before.owner()
	switch {
	case s.unexplained:
		return "accepted, but what it requires does not hold after the writes before it"
	case s.after.epoch() < s.before.epoch() || s.after.number(contract.AttrSeq) < s.before.number(contract.AttrSeq):
		return "takes the epoch or the checkpoint's number back"
	case s.before != nil && same != (s.after.epoch() == s.before.epoch()):
		return "hands the job on without a new epoch, or the other way round"
	case s.claims() && instanceOf(s.after.owner()) != s.Instance:
		return "claims the job for another instance"
	case s.before == nil:
		return "" // a submission
	case s.claims() && s.before.state() != "READY":
		return "claims a job that is not READY"
	case !s.before.running() && namesOwner:
		return "a holder's write to a job that nobody holds"
	case s.before.running() && namesOwner && (owner != s.before.owner() || epoch != s.before.epoch() || instanceOf(s.before.owner()) != s.Instance):
		return "a write of somebody who does not hold the job any more"
	case s.before.running() && !namesOwner && !operator:
		_, namesBeat := s.named(contract.AttrHeartbeats)
		if !s.reaps() || !namesBeat || !namesEpoch {
			return "a write to a RUNNING job that names no holder"
		}
		if since := s.At.Sub(t.renewed); since < facts.Lease {
			return fmt.Sprintf("takes the job from a holder that had renewed its lease %s before", since.Round(time.Millisecond))
		}
	case s.before.state() == "READY" && s.after.state() == "READY" && s.after.text(contract.AttrCursor) != s.before.text(contract.AttrCursor):
		return "moves the cursor of a job that nobody holds"
	case slices.Contains([]string{"DONE", "CANCELLED", "DEAD"}, s.before.state()) && !operator:
		return "changes a job that has ended"
	}
	return ""
}

// stopSlack is how long after it was noted a kill or a freeze may have taken effect.
const stopSlack = 100 * time.Millisecond

// ended judges the end of a tenure: whether a drain burned an attempt, and what is to be done again.
func (j *judged) ended(t tenure, s step, facts *Facts) {
	var drain, end *Stop // end: the first one after which nothing more came of the holder
	for i, stop := range facts.Stops {
		switch {
		case stop.Instance != t.holder || stop.At.Before(t.claimed) || stop.At.After(s.Answered):
		case stop.Drain:
			drain = &facts.Stops[i]
		case end == nil && stop.At.After(t.wrote.Add(-stopSlack)) && stop.At.Sub(t.renewed) < facts.Lease: // later, the lease was lost before
			end = &facts.Stops[i]
		}
	}
	if end != nil && s.after.state() != "DONE" {
		if again := end.At.Sub(t.saved); again > j.redone.Time {
			j.redone = Redone{j.key, again, fmt.Sprintf("%s (%s) at %s, last saved at %s, ended by write %d", end.Instance, end.What, end.At.Format(clock), t.saved.Format(clock), s.Order)}
		}
	}
	if drain == nil || t.orphan || drain.At.Sub(t.renewed) > facts.Lease { // in the last two cases nobody worked on the job
		return
	}
	if s.reaps() || s.At.After(drain.At) && s.fails() && !s.meantToFail(facts) {
		j.burned = append(j.burned, Finding{j.key, s.Order, fmt.Sprintf("%s drained at %s burned an attempt: the item was: %s; is: %s",
			drain.Instance, drain.At.Format(clock), s.before, s.after)})
	}
}

func (s step) fails() bool {
	return s.after.number(contract.AttrFailures) > s.before.number(contract.AttrFailures)
}

func (s step) meantToFail(facts *Facts) bool {
	return slices.ContainsFunc(facts.Fails, func(text string) bool { return strings.Contains(s.after.text(contract.AttrLastError), text) })
}

// Ended is a submitted job as it was found once everything had calmed.
type Ended struct {
	Job     string // key in the table
	Item    Item   // as the table has it; nil: there is none
	Missing error  // its output is not there
	Corrupt error  // its output is not what its input makes
}

// Compare compares what was found with what must be: every job DONE with its output, and the table as the
// traffic has left it.
func (v *Verdict) Compare(ended []Ended) (lost, dead, corrupt []Finding) {
	for _, e := range ended {
		switch {
		case e.Item.state() == "DEAD":
			dead = append(dead, Finding{Job: e.Job, What: fmt.Sprintf("%s; last error: %q", e.Item, e.Item.text(contract.AttrLastError))})
		case e.Item.state() != "DONE":
			lost = append(lost, Finding{Job: e.Job, What: fmt.Sprintf("not DONE: %s; last error: %q", e.Item, e.Item.text(contract.AttrLastError))})
		case e.Missing != nil:
			lost = append(lost, Finding{Job: e.Job, What: "DONE without its output: " + e.Missing.Error()})
		case e.Corrupt != nil:
			corrupt = append(corrupt, Finding{Job: e.Job, What: e.Corrupt.Error()})
		}
		possible := func(end Item) bool { return maps.Equal(e.Item, end) }
		if !possible(v.Items[e.Job]) && !slices.ContainsFunc(v.ends[e.Job], possible) {
			v.Stale = append(v.Stale, Finding{Job: e.Job, What: fmt.Sprintf("the table has: %s; the recorded writes leave: %s", e.Item, v.Items[e.Job])})
		}
	}
	return lost, dead, corrupt
}
