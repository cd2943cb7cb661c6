package job

import (
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Park takes a paused READY job off the list of bells until it is resumed.
func Park(j Job) Write {
	set := Item{}
	setRing(set, parked)
	return Write{Op: "park", Key: j.Key.String(), If: pausedReady(j), Set: set}
}

func pausedReady(j Job) []Cond {
	return []Cond{
		{contract.AttrState, Equal, string(Ready)},
		{contract.AttrEpoch, Equal, j.Epoch},
		{contract.AttrPaused, Equal, true},
	}
}

// Steer makes w a change by an operator to an item that was seen with that many such changes: w is refused
// once another has been made. Without this test a command whose answer was lost could be applied after
// the command that undid it.
func (w *Write) Steer(seen int64) {
	cond := Cond{contract.AttrSteered, Equal, seen}
	if seen == 0 {
		cond = Cond{Attr: contract.AttrSteered, Op: Absent}
	}
	w.If = append(w.If, cond)
	if w.Set == nil {
		w.Set = Item{}
	}
	w.Set[contract.AttrSteered] = seen + 1
}

// asSeen are the conditions of an operator's change to a job: nobody claimed it, handed it on or ended it since it was
// read.
func (j Job) asSeen() []Cond {
	return []Cond{{contract.AttrState, Equal, string(j.State)}, {contract.AttrEpoch, Equal, j.Epoch}}
}

// Cancel asks for the end of job j as it was seen (nil: no item yet). READY and unknown jobs end at
// once. The holder of a RUNNING one sees the request with its next heartbeat. Refused: read the job again.
func Cancel(key Key, j *Job, now time.Time) Write {
	w := Write{Op: "cancel", Key: key.String()}
	switch {
	case j == nil:
		w.If = noItem
		w.Set = newItem(key, Submission{Payload: []byte("null")}, now)
		end(&w, key, Cancelled, "", now)
	case j.State == Running:
		w.If = j.asSeen()
		w.Set = Item{contract.AttrCancelRequested: true}
		w.Steer(j.Steered)
	default:
		w.If = []Cond{{contract.AttrState, Equal, string(Ready)}, {contract.AttrEpoch, Equal, j.Epoch}}
		w.Set = Item{contract.AttrEpoch: j.Epoch + 1}
		end(&w, key, Cancelled, "", now)
		w.Steer(j.Steered)
	}
	return w
}

// Pause keeps job j from being claimed; a holder hands it back at its next step boundary.
func Pause(j Job, now time.Time) Write {
	w := Write{
		Op: "pause", Key: j.Key.String(),
		If:  j.asSeen(),
		Set: Item{contract.AttrPaused: true, contract.AttrUpdatedAt: millis(now)},
	}
	w.Steer(j.Steered)
	if j.State == Ready {
		setRing(w.Set, parked)
	}
	return w
}

// Resume undoes [Pause]; a READY job is due at once and its bell is about to be sent.
func Resume(j Job, now time.Time) Write {
	w := Write{
		Op: "resume", Key: j.Key.String(),
		If:     j.asSeen(),
		Set:    Item{contract.AttrUpdatedAt: millis(now), contract.AttrNotBefore: int64(0)},
		Remove: []string{contract.AttrPaused},
	}
	w.Steer(j.Steered)
	if j.State == Ready {
		setRing(w.Set, now.Add(RingDelay(0)))
	}
	return w
}

// Retry ends the time that READY job j waits after a failure: it is due at once and its bell is about to be
// sent. A paused job is refused: it waits for [Resume].
func Retry(j Job, now time.Time) Write {
	w := Resume(j, now)
	w.Op, w.Remove = "retry", nil
	w.If = append(w.If, Cond{Attr: contract.AttrPaused, Op: Absent})
	return w
}

// Redrive gives a DEAD job a new life from its last cursor.
func Redrive(j Job, now time.Time) Write {
	set := readyItem(j.Key, j.Epoch+1, time.Time{}, now, now)
	set[contract.AttrCrashes], set[contract.AttrFailures], set[contract.AttrDrains] = int64(0), int64(0), int64(0)
	return Write{
		Op: "redrive", Key: j.Key.String(),
		If:  []Cond{{contract.AttrState, Equal, string(Dead)}, {contract.AttrEpoch, Equal, j.Epoch}},
		Set: set, Remove: []string{contract.AttrTTL, contract.AttrCancelRequested, contract.AttrCrashPosition, contract.AttrReturns},
	}
}
