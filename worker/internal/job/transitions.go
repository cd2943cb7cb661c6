package job

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

const (
	// Retention is how long a terminal item lives: longer than any message about it can, which is
	// [contract.QueueRetention] in the queue and once more in its dead-letter queue. A late duplicate would run the
	// job again otherwise.
	Retention = 30 * 24 * time.Hour
	// maxError bounds lastError, in bytes: writes are billed per KB of the whole item.
	maxError = 300
)

// Claim identifies the holder of a RUNNING job: every write of the holder tests all of it.
type Claim struct {
	Key
	Epoch int64
	Owner string
}

// Claim of a RUNNING job.
func (j Job) Claim() Claim { return Claim{j.Key, j.Epoch, j.Owner} }

func (c Claim) holds() []Cond {
	return []Cond{
		{contract.AttrState, Equal, string(Running)},
		{contract.AttrEpoch, Equal, c.Epoch},
		{contract.AttrOwner, Equal, c.Owner},
	}
}

func newItem(key Key, s Submission, now time.Time) Item {
	item := Item{
		contract.AttrEpoch: int64(0), contract.AttrHeartbeats: int64(0), contract.AttrSeq: int64(0),
		contract.AttrNotBefore: int64(0), contract.AttrRings: int64(0),
		contract.AttrDrains: int64(0), contract.AttrCrashes: int64(0), contract.AttrFailures: int64(0),
		contract.AttrSchema:    int64(contract.SchemaPlain),
		contract.AttrCreatedAt: millis(now), contract.AttrUpdatedAt: millis(now),
		contract.AttrDuePartition: key.partition(),
	}
	if s.Tenant != "" {
		item[contract.AttrTenant] = s.Tenant
	}
	if s.PayloadRef != "" {
		item[contract.AttrPayloadRef], item[contract.AttrSchema] = s.PayloadRef, int64(contract.SchemaSpilled)
	} else {
		item[contract.AttrPayload] = string(s.Payload)
	}
	return item
}

var noItem = []Cond{{Attr: contract.AttrKey, Op: Absent}}

// Submit creates a READY job whose bell is about to be sent.
func Submit(key Key, s Submission, now time.Time) Write {
	set := newItem(key, s, now)
	set[contract.AttrState] = string(Ready)
	setRing(set, now.Add(RingDelay(0)))
	return Write{Op: "submit", Key: key.String(), If: noItem, Set: set}
}

// ClaimSubmission creates a job that the claimer already holds.
func ClaimSubmission(key Key, s Submission, owner string, lease time.Duration, now time.Time) Write {
	set := newItem(key, s, now)
	set[contract.AttrEpoch] = int64(1)
	setRunning(set, owner, lease)
	return Write{Op: "claim submission", Key: key.String(), If: noItem, Set: set}
}

// ClaimReady takes the READY job that was seen at epoch.
func ClaimReady(key Key, epoch int64, owner string, lease time.Duration, now time.Time) Write {
	set := Item{contract.AttrEpoch: epoch + 1, contract.AttrHeartbeats: int64(0), contract.AttrRings: int64(0), contract.AttrUpdatedAt: millis(now)}
	setRunning(set, owner, lease)
	return Write{
		Op: "claim", Key: key.String(),
		If: []Cond{
			{contract.AttrState, Equal, string(Ready)},
			{contract.AttrEpoch, Equal, epoch},
			{contract.AttrNotBefore, AtMost, millis(now)},
			{Attr: contract.AttrCancelRequested, Op: Absent},
			{Attr: contract.AttrPaused, Op: Absent},
			{contract.AttrSchema, AtMost, int64(contract.Schema)},
		},
		Set: set, Remove: []string{contract.AttrRingAt},
	}
}

// Heartbeat renews the holder's lease.
func Heartbeat(c Claim, now time.Time) Write {
	return Write{
		Op: "heartbeat", Key: c.Key.String(), If: c.holds(),
		Set: Item{contract.AttrUpdatedAt: millis(now)}, Add: map[string]int64{contract.AttrHeartbeats: 1},
	}
}

// HeartbeatProgress is a heartbeat that also shows how far the job is, without a cursor.
func HeartbeatProgress(c Claim, p Position, pace Pace, now time.Time) Write {
	w := Heartbeat(c, now)
	p.apply(w.Set)
	pace.apply(w.Set)
	return w
}

func (p Position) apply(set Item) {
	set[contract.AttrDone], set[contract.AttrTotal], set[contract.AttrUnit] = p.Done, p.Total, p.Unit
}

// Checkpoint is a durable position in a job.
type Checkpoint struct {
	Seq     int64 // grows with each checkpoint of a job, over all its holders
	Cursor  string
	Ref     string // the object that holds the cursor instead, see CursorRef
	Version string // "<processor>@<version>"
	Position
	Pace Pace
}

func (cp Checkpoint) apply(w *Write) {
	w.If = append(w.If, Cond{contract.AttrSeq, Less, cp.Seq})
	w.Set[contract.AttrSeq] = cp.Seq
	if cp.Ref != "" {
		w.Set[contract.AttrCursorRef], w.Set[contract.AttrSchema] = cp.Ref, int64(contract.SchemaSpilled)
		w.Remove = append(w.Remove, contract.AttrCursor)
	} else {
		w.Set[contract.AttrCursor] = cp.Cursor
		w.Remove = append(w.Remove, contract.AttrCursorRef)
	}
	w.Set[contract.AttrCursorVersion] = cp.Version
	cp.Position.apply(w.Set)
	cp.Pace.apply(w.Set)
}

// SaveCheckpoint saves the cursor and counts as a heartbeat.
func SaveCheckpoint(c Claim, cp Checkpoint, now time.Time) Write {
	w := Heartbeat(c, now)
	w.Op = "checkpoint"
	cp.apply(&w)
	return w
}

// Return is how a job goes back to READY.
type Return struct {
	Drained bool // counts in drains: the worker was asked to stop
	// FailureLimit makes the return count in failures: it is how many make the job DEAD. 0: the job has not failed.
	FailureLimit int64
	Returns      int64 // the new value of the job's
	Error        string
	NotBefore    time.Time // zero: at once
	BellAt       time.Time // when the bell of the handoff rings; the sweeper rings again after RingDelay(0)
	Checkpoint   *Checkpoint
}

// HandBack makes the holder's job READY again. It is refused once a cancel was requested.
func HandBack(c Claim, r Return, now time.Time) Write {
	w := Write{
		Op: "hand back", Key: c.Key.String(), If: append(c.holds(), Cond{Attr: contract.AttrCancelRequested, Op: Absent}),
		Set: readyItem(c.Key, c.Epoch+1, r.NotBefore, r.BellAt, now), Add: map[string]int64{}, Remove: []string{contract.AttrOwner},
	}
	if r.Drained {
		w.Add[contract.AttrDrains] = 1
	}
	w.fail(r.FailureLimit)
	if r.Returns > 0 {
		w.Set[contract.AttrReturns] = r.Returns
	} else {
		w.Remove = append(w.Remove, contract.AttrReturns)
	}
	if r.Error != "" {
		w.Set[contract.AttrLastError] = clip(r.Error)
	}
	if r.Checkpoint != nil {
		r.Checkpoint.apply(&w)
	}
	return w
}

// End is how a job becomes terminal.
type End struct {
	State        State
	FailureLimit int64  // as in [Return]
	Reason       string // of a DEAD job
	Checkpoint   *Checkpoint
}

// Finish makes the holder's job terminal.
func Finish(c Claim, e End, now time.Time) Write {
	w := Write{Op: "finish " + string(e.State), Key: c.Key.String(), If: c.holds(), Set: Item{contract.AttrEpoch: c.Epoch + 1}}
	end(&w, c.Key, e.State, e.Reason, now)
	w.fail(e.FailureLimit)
	if e.Checkpoint != nil {
		e.Checkpoint.apply(&w)
	}
	return w
}

// fail counts a failure, of limit that make the job DEAD; 0: there was none.
func (w *Write) fail(limit int64) {
	if limit == 0 {
		return
	}
	if w.Add == nil {
		w.Add = map[string]int64{}
	}
	w.Add[contract.AttrFailures] = 1
	w.Set[contract.AttrFailureLimit] = limit
}

// Reap takes a RUNNING job whose heartbeat stood still at j.Heartbeat from its dead holder: back to READY, or to
// CANCELLED where that was requested, or to DEAD after limit crashes at one position.
func Reap(j Job, limit int64, now time.Time) Write {
	w := Write{
		Op: "reap", Key: j.Key.String(),
		If: []Cond{
			{contract.AttrState, Equal, string(Running)},
			{contract.AttrEpoch, Equal, j.Epoch},
			{contract.AttrHeartbeats, Equal, j.Heartbeats},
		},
		Remove: []string{contract.AttrOwner},
	}
	crashes := int64(1)
	if j.CursorDigest() == j.CrashPosition {
		crashes = j.Crashes + 1
	}
	reason := fmt.Sprintf("worker %s sent no heartbeat for %s, crash %d at this position", j.Owner, j.Patience(), crashes)
	switch {
	case j.CancelRequested:
		w.Set = Item{contract.AttrEpoch: j.Epoch + 1}
		end(&w, j.Key, Cancelled, "", now)
		return w
	case crashes >= limit:
		w.Set = Item{contract.AttrEpoch: j.Epoch + 1}
		end(&w, j.Key, Dead, reason, now)
	default:
		w.Set = readyItem(j.Key, j.Epoch+1, time.Time{}, now, now)
		w.Set[contract.AttrLastError] = clip(reason)
	}
	w.If = append(w.If, Cond{Attr: contract.AttrCancelRequested, Op: Absent})
	w.Set[contract.AttrCrashes] = crashes
	w.Set[contract.AttrCrashPosition] = j.CursorDigest()
	return w
}

// Ring moves the time of a READY job's next bell, before the bell is sent.
func Ring(j Job, now time.Time) Write {
	set := Item{}
	setRing(set, now.Add(RingDelay(j.Rings+1)))
	return Write{
		Op: "ring", Key: j.Key.String(),
		If: []Cond{
			{contract.AttrState, Equal, string(Ready)},
			{contract.AttrEpoch, Equal, j.Epoch},
			{contract.AttrRingAt, Equal, millis(j.RingAt)},
			{Attr: contract.AttrPaused, Op: Absent},
		},
		Set: set, Add: map[string]int64{contract.AttrRings: 1},
	}
}

// readyItem is the part of an item that every way back to READY writes; the bell sounds at bellAt.
func readyItem(key Key, epoch int64, notBefore, bellAt, now time.Time) Item {
	item := Item{
		contract.AttrState: string(Ready), contract.AttrEpoch: epoch, contract.AttrNotBefore: millis(notBefore),
		contract.AttrRings: int64(0), contract.AttrUpdatedAt: millis(now), contract.AttrDuePartition: key.partition(),
	}
	setRing(item, bellAt.Add(RingDelay(0)))
	return item
}

func setRunning(set Item, owner string, lease time.Duration) {
	set[contract.AttrState] = string(Running)
	set[contract.AttrOwner] = owner
	set[contract.AttrLease] = lease.Milliseconds()
	set[contract.AttrDueSort] = DueRunning
}

// end makes w end the job: a DEAD one stays in the index until it expires, to be listed and redriven.
func end(w *Write, key Key, state State, reason string, now time.Time) {
	w.Set[contract.AttrState] = string(state)
	w.Set[contract.AttrUpdatedAt] = millis(now)
	w.Set[contract.AttrTTL] = now.Add(Retention).Unix()
	if reason != "" {
		w.Set[contract.AttrLastError] = clip(reason)
	}
	for _, attr := range []string{contract.AttrOwner, contract.AttrRingAt} {
		if !slices.Contains(w.Remove, attr) {
			w.Remove = append(w.Remove, attr)
		}
	}
	if state == Dead {
		w.Set[contract.AttrDuePartition] = key.partition()
		w.Set[contract.AttrDueSort] = fmt.Sprintf("d#%013d", millis(now))
		return
	}
	delete(w.Set, contract.AttrDuePartition)
	delete(w.Set, contract.AttrDueSort)
	w.Remove = append(w.Remove, contract.AttrDuePartition, contract.AttrDueSort)
}

// clip bounds a text for people, and makes it UTF-8 as the table would.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= maxError {
		return s
	}
	return strings.ToValidUTF8(s[:maxError-3], "") + "..."
}
